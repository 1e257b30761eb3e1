// A checkpointer writes a run's whole state to the trial's folder and brings it back: parameters,
// buffers, what the strategy remembers, and how far the run was.
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

// The tensors that a checkpoint is made of, in memory of this rank.
struct CheckpointTensors {
  std::vector<NamedTensor> shared;  // The same on all ranks.
  std::vector<NamedTensor> own;     // Different on every rank, under the same names.
};

class Checkpointer {
 public:
  Checkpointer(CheckpointFolder folder, const RunIdentity& identity, std::uint64_t steps_per_epoch)
      : folder_(std::move(folder)), identity_(identity), steps_per_epoch_(steps_per_epoch) {}

  // Of every rank's own tensors, "rank3.optimizer.momentum.fc1.weight"; collective where there are
  // any. Empty on all ranks but 0.
  static std::vector<NamedTensor> gather(const std::vector<NamedTensor>& own, const Gang& gang);

  // Called on rank 0 alone, with what gather() returned. Keeps the newest `keep`.
  Result<Checkpoint> write(const Position& position, const std::vector<NamedTensor>& shared,
                           const std::vector<NamedTensor>& gathered, std::uint32_t keep) const;

  struct Restored {
    Position position;
    std::string file;
    std::vector<std::string> refused;  // Why newer checkpoints were not used. On rank 0.
  };
  // Called on every rank: rank 0 reads `wanted`, or the one before it when it is damaged, and
  // sends what it read to the others. Of a checkpoint by another number of ranks, R, rank r takes
  // what was rank (r mod R)'s own.
  Outcome<Restored> restore(const std::string& wanted, const CheckpointTensors& tensors,
                            const Gang& gang) const;

  // The same with the checkpoint at the path `file` of another run, which may have had another
  // optimizer or another size of batch. The model's tensors ("model.") have to fit; the others are
  // taken all or none. With another size of batch the run begins with the epoch.
  Outcome<Restored> inherit(const std::filesystem::path& file, const CheckpointTensors& tensors,
                            const Gang& gang) const;

 private:
  struct Read {
    Restored restored;
    Container container;
    bool has_own = true;  // What each rank has of its own is taken too.
  };
  Outcome<Read> read(const std::string& wanted, const CheckpointTensors& tensors) const;
  Outcome<Read> read_inherited(const std::filesystem::path& file,
                               const CheckpointTensors& tensors) const;
  // Rank 0 has read it, or failed to; the others get what it has.
  static Outcome<Restored> share(Outcome<Read> read, const CheckpointTensors& tensors,
                                 const Gang& gang);

  CheckpointFolder folder_;
  RunIdentity identity_;
  std::uint64_t steps_per_epoch_;
};

}  // namespace dl::worker::train
