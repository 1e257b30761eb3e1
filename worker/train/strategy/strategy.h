// A strategy is how the replicas of a gang come to agree on one model. The run (train.cpp) knows
// no other: it hands over samples and asks for the model that counts.
//
//   ring         gradients are summed at every step, by all-reduce (over gradient_exchange.h)
//   partitioned  by slices, as fp16; each rank steps the slice that is its own
//   local_sgd    ranks train apart and average their parameters every few steps
//   averaging    the same, at the end of each epoch or of the run
//   ensemble     ranks train a model each; evaluations average what the models say
//   ps           ranks push gradients or progress to parameter servers (over server_strategy.h)
//
// docs/strategies.md has each one's formula, source and defaults.
//
// Where other concerns go, so that each strategy need not know of them:
//   - how a rank computes its gradients (precision, memory format, accumulation, kinds of input):
//     Replica::backward. A strategy gives it a divisor, a scale and a moment to begin the exchange.
//   - what happens to gradients before the optimizer uses them (clipping, values that are not
//     finite): Descent::step.
//   - how gradients travel (compression as a c10d::CommHookInterface, the size of buckets):
//     GradientExchange, which `ring` and every other strategy that sums gradients over a process
//     group goes through. What it did is among metrics().
//
// Every rank of the gang calls the same functions in the same order, from one thread. Functions
// marked collective return on no rank before all have called them. Besides failing, each may throw
// c10::DistError when a peer is lost.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/job_spec.h"
#include "worker/train/descent.h"
#include "worker/train/evaluate.h"
#include "worker/train/events/event_file.h"
#include "worker/train/gang.h"
#include "worker/train/outcome.h"
#include "worker/train/replica.h"

namespace dl::worker::train {

class ServerLine;

// What a strategy works with. All of it outlives the strategy.
struct StrategyContext {
  const JobSpec& spec;
  const Gang& gang;  // The workers.
  Replica& replica;
  ServerLine* servers = nullptr;  // Where the strategy has parameter servers.
  std::uint64_t steps_per_epoch = 1;
  std::uint64_t total_steps = 1;
  std::function<void(const std::string&)> note;  // A sentence for the log.
};

class Strategy {
 public:
  explicit Strategy(const StrategyContext& context)
      : spec_(context.spec), gang_(context.gang), replica_(context.replica) {}
  virtual ~Strategy() = default;
  Strategy(const Strategy&) = delete;
  Strategy& operator=(const Strategy&) = delete;

  // Collective, once, before anything else: rank 0's model becomes everyone's where the strategy
  // wants that. A checkpoint is read afterwards, into replica and state().
  virtual void begin();
  // Once, after begin() and after a checkpoint was read; `step` is the first to take. Returns the
  // step to take in its place, the same on all ranks: servers may remember more than a checkpoint.
  virtual Outcome<std::uint64_t> resume(std::uint64_t step) { return step; }

  // One step. Returns this rank's part of the loss, as mean_loss() takes it.
  virtual Outcome<torch::Tensor> step(const Samples& samples, const StepClock& clock) = 0;

  // Of the last step over the batch of all ranks. Collective where ranks are in step; else rank
  // 0's own loss stands for all. Values that are not finite come back as they are.
  virtual double mean_loss(const torch::Tensor& part);

  // Consensus: every replica is the model that counts. Collective. The run asks for it before an
  // evaluation, a checkpoint, and the end, and leaves it before the next step; a checkpoint that
  // was read is in consensus.
  virtual Outcome<void> enter_consensus() { return {}; }
  virtual void leave_consensus() {}

  // In consensus. The same on all ranks.
  virtual Evaluation evaluate(std::shared_ptr<const Dataset> dataset, std::uint32_t batch_size);
  // Calls `save` on rank 0 for each model that is a result, with its name and with the model
  // in the replica: "model", unless there are several.
  using SaveModel = std::function<Outcome<void>(const std::string& name)>;
  virtual Outcome<void> save(const SaveModel& save);
  // In consensus, collective: that of the result, when all ranks have the same. kInfrastructure
  // when they should and do not.
  virtual Outcome<std::uint32_t> checksum();

  // What a checkpoint needs besides the replica, equal on all ranks; read into as well.
  virtual std::vector<NamedTensor> state() { return {}; }
  // The same, but different on every rank; the names are equal.
  virtual std::vector<NamedTensor> own_state() { return {}; }
  // Whether rank 0 can write a checkpoint after any step, by itself: it has all there is. If not,
  // all ranks go into consensus together first.
  virtual bool leader_has_all() const { return false; }
  // Whether a rank that was `told` to stop does so after this step. Collective where all ranks
  // have to stop after the same one.
  virtual bool may_stop(bool told) { return told; }
  // In consensus: the step at which the run stops, if any rank came there because it is `stopping`;
  // this one has taken `step`. Collective where each stops by itself: the others are at the end of
  // their epoch, or will be, and what the slowest has not done yet is still to do.
  virtual std::optional<std::uint64_t> stops_at(bool stopping, std::uint64_t step) {
    return stopping ? std::optional(step) : std::nullopt;
  }

  // What to publish of the steps since the last call, "train.…". Rank 0's are.
  virtual std::vector<Scalar> metrics() { return {}; }
  // In consensus, collective: what there is to publish of all ranks and the whole run.
  virtual std::vector<Scalar> consensus_metrics() { return {}; }

  // The last call, of a run that has come to its end.
  virtual Outcome<void> finish() { return {}; }

 protected:
  const JobSpec& spec_;
  const Gang& gang_;
  Replica& replica_;
};

// The one that spec.strategy.name asks for.
Outcome<std::unique_ptr<Strategy>> make_strategy(const StrategyContext& context);

// One function a strategy.
std::unique_ptr<Strategy> make_ring(const StrategyContext& context);
std::unique_ptr<Strategy> make_partitioned(const StrategyContext& context);
std::unique_ptr<Strategy> make_local_sgd(const StrategyContext& context);
std::unique_ptr<Strategy> make_averaging(const StrategyContext& context);
std::unique_ptr<Strategy> make_ensemble(const StrategyContext& context);

// Dropout's random numbers are a function of run, rank and step, so that a resumed run has them.
void seed_step(const TrainSpec& spec, const Gang& gang, std::uint64_t step);

// Collective, when the sum of all ranks' gradients was not finite: computes each rank's own once
// more, without an exchange, and names the first that is not. "rank 1's gradient of fc.weight"
std::string culprit_of(const Gang& gang, Replica& replica, const Samples& samples);
// The same among ranks that sum their gradients by other means: `gather` is given this rank's
// number and returns everyone's, by rank, and 0 of those who have no part in the sum.
using GatherPlaces = std::function<std::vector<double>(double mine)>;
std::string culprit_of(Replica& replica, const Samples& samples, const GatherPlaces& gather);

// Collective: fails on every rank when some rank's model is not like rank 0's. The message names
// the rank and the first tensor that differs.
Outcome<void> check_same_model(const Gang& gang, const Replica& replica);

}  // namespace dl::worker::train
