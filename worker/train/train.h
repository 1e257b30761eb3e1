// Training, from the first step, or wherever a checkpoint left off, to the saved model.
//
// Every rank of a gang calls train() with the same spec; it returns on all of them with the same
// model, or with the failure that ended the run.

#pragma once

#include <torch/torch.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "model/job_spec.h"
#include "worker/train/checkpointer.h"
#include "worker/train/evaluate.h"
#include "worker/train/events/event_file.h"

namespace dl::worker::train {

class ServerLine;

// Hears how a run goes. On rank 0 all of it; on the other ranks only note(). Called by the thread
// that trains, which waits meanwhile: be quick.
class Observer {
 public:
  virtual ~Observer() = default;

  // `metrics`: what else there is to publish of the steps since the last call ("train.…").
  virtual void on_steps(const Progress& progress, double learning_rate,
                        const std::vector<Scalar>& metrics) = 0;
  // Of the whole run until now.
  virtual void on_metrics(const Progress& progress, const std::vector<Scalar>& metrics) = 0;
  virtual void on_evaluation(const Progress& progress, const Evaluation& evaluation) = 0;
  virtual void on_checkpoint(const Checkpoint& checkpoint) = 0;
  // A sentence for the log.
  virtual void on_note(const std::string& sentence) = 0;
};

struct TrainRequest {
  JobSpec spec;
  std::string spec_text;
  AttemptId attempt;
  std::filesystem::path artifact_dir;
  std::string resume_checkpoint;               // Empty: from nothing, or from what it inherits.
  std::filesystem::path inherited_checkpoint;  // Of another run; empty: none.
  Splits data;
  Gang gang;
  std::shared_ptr<ServerLine> servers;  // Where the strategy has some.
  torch::Device device = torch::kCPU;
  // When it becomes true, the run ends after the step under way, with a checkpoint.
  const std::atomic<bool>* stop = nullptr;
};

struct TrainResult {
  bool stopped = false;  // By `stop`, before its end.
  Progress progress;
  Evaluation evaluation;       // Of the final model, unless stopped.
  std::uint32_t checksum = 0;  // Of the final model, on all ranks.
};

// Deterministic: with spec.train.deterministic the result is the same to the last bit from run to
// run, interrupted or not, on the same number of ranks, threads and kind of processor.
Outcome<TrainResult> train(const TrainRequest& request, Observer& observer);

// Where the checkpoints of a trial are: below the artifact folder unless the spec says otherwise.
std::filesystem::path checkpoint_folder(const TrainRequest& request);

// How libtorch computes in this process; before anything else of it is used. `threads` at least 1.
void configure_libtorch(std::uint32_t threads, bool deterministic);

}  // namespace dl::worker::train
