#include "worker/train/train.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/crc32c.h"
#include "worker/train/data/random.h"
#include "worker/train/optimizer/schedule.h"
#include "worker/train/saved_model.h"
#include "worker/train/strategy/strategy.h"

namespace dl::worker::train {
namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t total_steps(const TrainSpec& spec, std::uint64_t steps_per_epoch) {
  const std::uint64_t all = spec.epochs * steps_per_epoch;
  return spec.max_steps > 0 ? std::min(spec.max_steps, all) : all;
}

// Enough samples at once to keep the processor busy, and no more than training itself needs room
// for by much.
std::uint32_t evaluation_batch(const TrainSpec& spec, const Gang& gang) {
  return std::clamp(spec.batch_size / gang.size(), 64u, 512u);
}

RunIdentity identity_of(const TrainRequest& request) {
  return {.seed = request.spec.train.seed,
          .samples = request.data.train->size(),
          .batch_size = request.spec.train.batch_size,
          .spec_crc32c = crc32c(std::as_bytes(std::span(request.spec_text)))};
}

// The members of an ensemble start from different parameters.
std::uint64_t seed_of_model(const TrainRequest& request) {
  const std::uint64_t seed = request.spec.train.seed;
  return request.spec.strategy.name == "ensemble" ? mix(seed, request.gang.rank()) : seed;
}

// Samples and seconds since the last report.
class Speed {
 public:
  void count(std::uint32_t samples) { samples_ += samples; }
  double take() {
    const double seconds = std::chrono::duration<double>(Clock::now() - since_).count();
    const double speed = static_cast<double>(samples_) / std::max(seconds, 1e-9);
    restart();
    return speed;
  }
  // Leaves out what has passed since the last report: it was not training.
  void restart() {
    samples_ = 0;
    since_ = Clock::now();
  }

 private:
  std::uint64_t samples_ = 0;
  Clock::time_point since_ = Clock::now();
};

class Run {
 public:
  Run(const TrainRequest& request, Observer& observer, Sampler sampler,
      std::shared_ptr<Model> model)
      : request_(request),
        spec_(request.spec.train),
        gang_(request.gang),
        observer_(observer),
        sampler_(std::move(sampler)),
        steps_per_epoch_(sampler_.steps_per_epoch()),
        total_steps_(total_steps(spec_, steps_per_epoch_)),
        schedule_(spec_, steps_per_epoch_, total_steps_),
        model_(std::move(model)),
        replica_(model_, request.device, spec_),
        checkpointer_(CheckpointFolder(checkpoint_folder(request), request.attempt.attempt),
                      identity_of(request), steps_per_epoch_) {
    progress_.epochs = spec_.epochs;
    progress_.steps = total_steps_;
  }

  Outcome<TrainResult> run() {
    DL_CHECK(begin());
    try {
      return train_to_end();
    } catch (const c10::DistError&) {
      // The step under way is lost, the ones before it need not be.
      if (gang_.leads() && strategy_->leader_has_all()) save_last_complete_step();
      throw;
    }
  }

 private:
  Outcome<void> begin();
  Outcome<void> resume();
  Outcome<TrainResult> train_to_end();
  Outcome<void> run_epoch();
  Outcome<void> run_step(const Batch& batch);
  Outcome<void> after_step(const torch::Tensor& loss_part);
  Outcome<void> report(const torch::Tensor& loss_part);
  void evaluate_now();
  Outcome<void> end_epoch();
  Outcome<void> enter_consensus();
  void agree_to_stop();
  void leave_consensus();
  bool checkpoint_is_due() const;
  CheckpointTensors checkpoint_tensors();
  Outcome<void> checkpoint_in_consensus();
  Outcome<void> write_checkpoint();
  Outcome<void> save_final_model();
  void remember_buffers();
  void mend_buffers();
  void save_last_complete_step();

  bool told_to_stop() const { return request_.stop != nullptr && request_.stop->load(); }
  bool at_epoch_end() const { return position_.step % steps_per_epoch_ == 0; }
  // Whether steps may be left out for gradients that are not finite.
  bool may_skip() const { return spec_.non_finite == "skip" || spec_.precision == "float16"; }
  bool finished() const { return position_.step >= total_steps_; }
  void update_progress() {
    progress_.step = position_.step;
    progress_.epoch = static_cast<std::uint32_t>(position_.step / steps_per_epoch_);
  }

  const TrainRequest& request_;
  const TrainSpec& spec_;
  const Gang& gang_;
  Observer& observer_;
  const Sampler sampler_;
  const std::uint64_t steps_per_epoch_;
  const std::uint64_t total_steps_;
  const Schedule schedule_;
  const std::shared_ptr<Model> model_;
  Replica replica_;
  const Checkpointer checkpointer_;
  std::unique_ptr<Strategy> strategy_;

  bool stopping_ = false;
  bool in_consensus_ = false;
  Position position_;
  Position saved_;  // Of the newest checkpoint.
  Progress progress_;
  Evaluation evaluation_;
  Speed speed_;
  std::vector<torch::Tensor> buffers_before_;  // As they were when the last step was complete.
};

Outcome<void> Run::begin() {
  DL_TRY(strategy_, make_strategy({.spec = request_.spec,
                                   .gang = gang_,
                                   .replica = replica_,
                                   .servers = request_.servers.get(),
                                   .steps_per_epoch = steps_per_epoch_,
                                   .total_steps = total_steps_,
                                   .note = [this](const std::string& sentence) {
                                     observer_.on_note(sentence);
                                   }}));
  strategy_->begin();
  if (!request_.resume_checkpoint.empty() || !request_.inherited_checkpoint.empty()) {
    DL_CHECK(resume());
  }
  DL_TRY(const std::uint64_t step, strategy_->resume(position_.step));
  if (step != position_.step) position_ = {.step = step, .evaluated = false};
  update_progress();
  remember_buffers();
  model_->train();
  return {};
}

Outcome<void> Run::resume() {
  const bool inherits = request_.resume_checkpoint.empty();
  DL_TRY(const Checkpointer::Restored restored,
         inherits
             ? checkpointer_.inherit(request_.inherited_checkpoint, checkpoint_tensors(), gang_)
             : checkpointer_.restore(request_.resume_checkpoint, checkpoint_tensors(), gang_));
  for (const std::string& why : restored.refused) {
    observer_.on_note("checkpoint not used: " + why);
  }
  position_ = restored.position;
  if (!inherits) saved_ = position_;  // What is another's is not in this run's folder.
  in_consensus_ = true;
  if (gang_.leads()) {
    observer_.on_note(
        (inherits ? "begins with another trial's checkpoint " : "resumed from checkpoint ") +
        restored.file + " at step " + std::to_string(position_.step));
  }
  return {};
}

Outcome<TrainResult> Run::train_to_end() {
  if (position_.step > 0 && (at_epoch_end() || finished())) DL_CHECK(end_epoch());
  stopping_ = stopping_ || (!finished() && strategy_->may_stop(told_to_stop()));
  if (in_consensus_) agree_to_stop();
  while (!finished() && !stopping_) DL_CHECK(run_epoch());
  if (stopping_) {
    DL_CHECK(checkpoint_in_consensus());
    return TrainResult{.stopped = true, .progress = progress_, .evaluation = {}, .checksum = 0};
  }
  DL_CHECK(enter_consensus());
  DL_TRY(const std::uint32_t checksum, strategy_->checksum());
  DL_CHECK(save_final_model());
  DL_CHECK(strategy_->finish());
  return TrainResult{
      .stopped = false, .progress = progress_, .evaluation = evaluation_, .checksum = checksum};
}

Outcome<void> Run::run_epoch() {
  const std::uint64_t epoch = position_.step / steps_per_epoch_;
  const std::uint64_t end = std::min((epoch + 1) * steps_per_epoch_, total_steps_);
  std::vector<Share> shares;
  for (std::uint64_t step = position_.step; step < end; ++step) {
    shares.push_back(sampler_.share(step - epoch * steps_per_epoch_, gang_.rank()));
  }
  // A second thread for images that cost more to make than to wait for.
  const std::uint32_t threads = request_.data.train->shape().size() > 16'384 ? 2 : 1;
  Loader loader(request_.data.train, sampler_.permutation(epoch), std::move(shares),
                {.threads = threads});
  speed_.restart();
  while (const Batch* batch = loader.next()) {
    DL_CHECK(run_step(*batch));
    stopping_ = stopping_ || (!finished() && strategy_->may_stop(told_to_stop()));
    if (stopping_) return {};
  }
  return end_epoch();
}

Outcome<void> Run::run_step(const Batch& batch) {
  seed_step(spec_, gang_, position_.step);
  leave_consensus();
  const std::uint64_t next = position_.step + 1;
  DL_TRY(const torch::Tensor loss_part,
         strategy_->step(samples_of(batch, *request_.data.train),
                         {.step = position_.step,
                          .learning_rate = schedule_.learning_rate(position_.step),
                          .ends_epoch = next % steps_per_epoch_ == 0 || next == total_steps_}));
  speed_.count(batch.global_count);
  ++position_.step;
  position_.evaluated = false;
  update_progress();
  if (may_skip()) mend_buffers();
  remember_buffers();
  return after_step(loss_part);
}

Outcome<void> Run::after_step(const torch::Tensor& loss_part) {
  if (position_.step % spec_.report_every_steps == 0 || at_epoch_end() || finished()) {
    DL_CHECK(report(loss_part));
  }
  // At the end of an epoch, evaluation comes first.
  if (at_epoch_end() || finished() || !checkpoint_is_due()) return {};
  return checkpoint_in_consensus();
}

bool Run::checkpoint_is_due() const {
  const CheckpointSpec& spec = request_.spec.checkpoint;
  const std::uint64_t epoch = position_.step / steps_per_epoch_;
  const bool by_epoch = at_epoch_end() && spec.every_epochs > 0 && epoch % spec.every_epochs == 0;
  const bool by_step = spec.every_steps > 0 && position_.step % spec.every_steps == 0;
  return by_epoch || by_step;
}

Outcome<void> Run::report(const torch::Tensor& loss_part) {
  const double loss = strategy_->mean_loss(loss_part);
  progress_.samples_per_second = speed_.take();
  const double rate = schedule_.learning_rate(position_.step - 1);
  if (std::isfinite(loss)) {
    progress_.loss = loss;
  } else if (!may_skip()) {
    return Failure{FailureKind::kUserCode, "",
                   "the loss of step " + std::to_string(position_.step) +
                       " is not a finite number at learning rate " + std::to_string(rate) +
                       "; lower train.learning_rate, or set train.clip_norm"};
  }
  const std::vector<Scalar> metrics = strategy_->metrics();
  if (gang_.leads()) observer_.on_steps(progress_, rate, metrics);
  return {};
}

void Run::evaluate_now() {
  evaluation_ = strategy_->evaluate(request_.data.validation, evaluation_batch(spec_, gang_));
  position_.evaluated = true;
  remember_buffers();
  const std::vector<Scalar> metrics = strategy_->consensus_metrics();
  if (!gang_.leads()) return;
  observer_.on_evaluation(progress_, evaluation_);
  if (!metrics.empty()) observer_.on_metrics(progress_, metrics);
}

Outcome<void> Run::end_epoch() {
  DL_CHECK(enter_consensus());
  if (stopping_) return {};
  // A finished run is evaluated again when it resumes, for the result is not in the checkpoint.
  if (!position_.evaluated || finished()) evaluate_now();
  if (checkpoint_is_due()) DL_CHECK(write_checkpoint());
  return {};
}

Outcome<void> Run::enter_consensus() {
  if (in_consensus_) return {};
  in_consensus_ = true;
  DL_CHECK(strategy_->enter_consensus());
  agree_to_stop();
  return {};
}

// In consensus. If one rank stops, this one does.
void Run::agree_to_stop() {
  const std::optional<std::uint64_t> step = strategy_->stops_at(stopping_, position_.step);
  if (!step) return;
  stopping_ = true;
  position_.step = *step;
  update_progress();
}

void Run::leave_consensus() {
  if (in_consensus_) strategy_->leave_consensus();
  in_consensus_ = false;
}

CheckpointTensors Run::checkpoint_tensors() {
  CheckpointTensors tensors;
  for (const auto* part : {&replica_.parameters(), &replica_.buffers()}) {
    for (const NamedTensor& one : *part)
      tensors.shared.push_back({"model." + one.name, one.tensor});
  }
  for (NamedTensor& one : strategy_->state()) tensors.shared.push_back(std::move(one));
  tensors.own = strategy_->own_state();
  return tensors;
}

Outcome<void> Run::checkpoint_in_consensus() {
  if (strategy_->leader_has_all() && !gang_.leads()) return {};
  DL_CHECK(enter_consensus());
  return write_checkpoint();
}

// In consensus; on rank 0 alone where it has all there is.
Outcome<void> Run::write_checkpoint() {
  if (position_ == saved_ || position_.step == 0) return {};
  const CheckpointTensors tensors = checkpoint_tensors();
  const std::vector<NamedTensor> gathered = Checkpointer::gather(tensors.own, gang_);
  saved_ = position_;
  if (!gang_.leads()) return {};
  DL_TRY(const Checkpoint checkpoint, blame(FailureKind::kInfrastructure,
                                            checkpointer_.write(position_, tensors.shared, gathered,
                                                                request_.spec.checkpoint.keep)));
  observer_.on_checkpoint(checkpoint);
  speed_.restart();
  return {};
}

Outcome<void> Run::save_final_model() {
  const Dataset& data = *request_.data.train;
  const std::filesystem::path folder = request_.artifact_dir / "model";
  return strategy_->save([&](const std::string& name) -> Outcome<void> {
    DL_CHECK(
        blame(FailureKind::kInfrastructure, save_model(folder, name,
                                                       {.model = model_,
                                                        .spec = *request_.spec.model,
                                                        .shape = data.shape(),
                                                        .normalisation = data.normalisation()})));
    observer_.on_note("saved the model as " + (folder / (name + ".dlm")).string());
    return {};
  });
}

void Run::remember_buffers() {
  // For save_last_complete_step() and mend_buffers().
  if (!may_skip() && (gang_.size() == 1 || !gang_.leads())) return;
  buffers_before_.clear();
  for (const NamedTensor& buffer : replica_.buffers()) {
    buffers_before_.push_back(buffer.tensor.clone());
  }
}

// The statistics of samples whose step was left out: they are this rank's alone.
void Run::mend_buffers() {
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < buffers_before_.size(); ++i) {
    torch::Tensor buffer = replica_.buffers()[i].tensor;
    if (!torch::isfinite(buffer).all().item<bool>()) buffer.copy_(buffers_before_[i]);
  }
}

void Run::save_last_complete_step() {
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < buffers_before_.size(); ++i) {
    replica_.buffers()[i].tensor.copy_(buffers_before_[i]);
  }
  if (const Outcome<void> written = write_checkpoint(); written.has_error()) {
    observer_.on_note(written.error().message);
  }
}

}  // namespace

Outcome<TrainResult> train(const TrainRequest& request, Observer& observer) {
  try {
    DL_TRY(Sampler sampler,
           blame(FailureKind::kSpec, Sampler::make({.samples = request.data.train->size(),
                                                    .batch_size = request.spec.train.batch_size,
                                                    .workers = request.gang.size(),
                                                    .seed = request.spec.train.seed})));
    DL_TRY(std::shared_ptr<Model> model,
           blame(FailureKind::kSpec, make_model(*request.spec.model, request.data.train->shape(),
                                                seed_of_model(request))));
    return Run(request, observer, std::move(sampler), std::move(model)).run();
  } catch (...) {
    return failure_of_current_exception();
  }
}

std::filesystem::path checkpoint_folder(const TrainRequest& request) {
  const std::filesystem::path& chosen = request.spec.checkpoint.directory;
  if (chosen.empty()) return request.artifact_dir / "checkpoints";
  // Trials of one job share the directory of its spec.
  return chosen / to_string(request.attempt.trial_id());
}

void configure_libtorch(std::uint32_t threads, bool deterministic) {
  // Threads made from now on inherit it.
  at::globalContext().setFlushDenormal(true);
  if (at::get_num_interop_threads() != 1) at::set_num_interop_threads(1);  // Once a process.
  at::set_num_threads(static_cast<int>(std::max(threads, 1u)));
  at::globalContext().setDeterministicAlgorithms(deterministic, /*warn_only=*/true);
  at::globalContext().setDeterministicCuDNN(deterministic);
  at::globalContext().setBenchmarkCuDNN(!deterministic);
  // Nothing here reads memory that it has not written.
  at::globalContext().setDeterministicFillUninitializedMemory(false);
  torch::manual_seed(c10::default_rng_seed_val);
}

}  // namespace dl::worker::train
