// A checkpointer writes a run's whole state to the trial's folder and brings it back: parameters,
// buffers, the optimizer's memory, and how far the run was.
//
// Everything else that a run needs follows from the seed and the step's number: the order of the
// samples, the random numbers of dropout, the learning rate. So a resumed run takes the same steps
// as one that was never interrupted.

#pragma once

#include <string>
#include <vector>

#include "worker/train/checkpoint/checkpoint_folder.h"
#include "worker/train/gang.h"
#include "worker/train/outcome.h"
#include "worker/train/replica.h"

namespace dl::worker::train {

// How far a run is.
struct Position {
  std::uint64_t step = 0;  // Steps completed.
  bool evaluated = false;  // Whether the model of this step was evaluated.

  friend bool operator==(const Position&, const Position&) = default;
};

// What makes step n of one run step n of another: a checkpoint fits where these are equal.
struct RunIdentity {
  std::uint64_t seed = 0;
  std::uint64_t samples = 0;  // In the training set.
  std::uint32_t batch_size = 0;
  std::uint32_t spec_crc32c = 0;  // Of the spec's text; told, not compared.

  friend bool operator==(const RunIdentity&, const RunIdentity&) = default;
};

class Checkpointer {
 public:
  Checkpointer(CheckpointFolder folder, const RunIdentity& identity, std::uint64_t steps_per_epoch,
               const Replica& replica, const Optimizer& optimizer)
      : folder_(std::move(folder)),
        identity_(identity),
        steps_per_epoch_(steps_per_epoch),
        replica_(replica),
        optimizer_(optimizer) {}

  // Called on rank 0 alone. Keeps the newest `keep`.
  Result<Checkpoint> write(const Position& position, std::uint32_t keep) const;

  struct Restored {
    Position position;
    std::string file;
    std::vector<std::string> refused;  // Why newer checkpoints were not used. On rank 0.
  };
  // Called on every rank: rank 0 reads `wanted`, or the one before it when it is damaged, and
  // sends what it read to the others.
  Outcome<Restored> restore(const std::string& wanted, const Gang& gang) const;

 private:
  std::vector<NamedTensor> tensors() const;
  Outcome<Restored> read(const std::string& wanted) const;

  CheckpointFolder folder_;
  RunIdentity identity_;
  std::uint64_t steps_per_epoch_;
  const Replica& replica_;
  const Optimizer& optimizer_;
};

}  // namespace dl::worker::train
