#include "worker/train/exchange/gradient_exchange.h"

#include <algorithm>

namespace dl::worker::train {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kDefaultBucketBytes = 25u << 20;

bool compresses(const StrategySpec& spec) { return spec.compression.name != "none"; }

TuningOptions tuning_options(const StrategySpec& spec, const Replica& replica, const Gang& gang) {
  const bool can_choose = gang.size() > 1 && replica.device().is_cpu();
  std::uint64_t bytes = 0;
  for (const NamedTensor& parameter : replica.parameters()) bytes += parameter.tensor.nbytes();
  return {
      .setting = {.bucket_bytes = spec.bucket_bytes == 0 ? kDefaultBucketBytes : spec.bucket_bytes,
                  .compressed = compresses(spec)},
      .choose_compression = can_choose && compresses(spec) && spec.compression.automatic,
      .choose_bucket_bytes = can_choose && spec.bucket_bytes == 0,
      .start_step = compresses(spec) ? spec.compression.start_step : 0,
      .gradient_bytes = bytes};
}

std::string milliseconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f ms", seconds * 1e3);
  return text;
}

// docs/compression.md, momentum correction. Nesterov's looks ahead of what is only known later.
double momentum_before_compression(const JobSpec& spec, const Gang& gang) {
  const TrainSpec& train = spec.train;
  const bool takes_it = spec.strategy.compression.name == "top_k" && gang.size() > 1;
  return takes_it && train.optimizer == "sgd" && !train.nesterov ? train.momentum : 0.0;
}

TrainSpec without(double momentum, TrainSpec train) {
  if (momentum == 0) return train;
  train.momentum = 0;
  train.weight_decay /= 1 - momentum;  // What momentum had made of it.
  return train;
}

}  // namespace

GradientExchange::GradientExchange(Replica& replica, const Gang& gang, const JobSpec& spec,
                                   Note note)
    : replica_(replica),
      gang_(gang),
      compression_(spec.strategy.compression),
      momentum_(momentum_before_compression(spec, gang)),
      optimizer_spec_(without(momentum_, spec.train)),
      note_(std::move(note)),
      tuning_(tuning_options(spec.strategy, replica, gang)),
      chooses_(!tuning_.chosen()),
      meter_(compresses(spec.strategy)),
      chosen_(torch::zeros({3}, torch::kInt64)) {
  if (!active()) return;
  if (replica_.device().is_cpu()) line_.emplace(compression_, momentum_, gang_.group());
  use(tuning_.setting(0));
}

// The reducer is made by the first backward(): until then a checkpoint may put other tensors in the
// parameters' place. The line has to know the buckets at once, for its state.
void GradientExchange::use(const Setting& setting) {
  const bool same = setting.bucket_bytes == setting_.bucket_bytes;
  setting_ = setting;
  if (same) return;
  reducer_.reset();
  // A small first bucket lets the exchange begin early. Gradients come in reverse order.
  const std::size_t first =
      std::min<std::size_t>(setting_.bucket_bytes, c10d::kDefaultFirstBucketBytes);
  auto [buckets, limits] = c10d::compute_bucket_assignment_by_size(
      tensors_of(replica_.parameters()), {first, setting_.bucket_bytes});
  std::reverse(buckets.begin(), buckets.end());
  buckets_ = std::move(buckets);
  if (line_) line_->lay_out(shapes());
}

std::vector<BucketShape> GradientExchange::shapes() const {
  std::vector<BucketShape> shapes;
  for (const std::vector<std::size_t>& bucket : buckets_) {
    BucketShape& shape = shapes.emplace_back();
    for (const std::size_t index : bucket) {
      const NamedTensor& parameter = replica_.parameters()[index];
      const auto size = static_cast<std::size_t>(parameter.tensor.numel());
      const bool matrix = parameter.tensor.dim() > 1 && size > 0;
      const auto rows = matrix ? static_cast<std::size_t>(parameter.tensor.size(0)) : 1;
      shape.push_back({.name = parameter.name, .rows = rows, .columns = size / rows});
    }
  }
  return shapes;
}

void GradientExchange::make_reducer() {
  const std::vector<torch::Tensor> parameters = tensors_of(replica_.parameters());
  const auto bytes = static_cast<std::int64_t>(setting_.bucket_bytes);
  std::unordered_map<std::size_t, std::string> names;
  for (std::size_t i = 0; i < parameters.size(); ++i) names[i] = replica_.parameters()[i].name;
  reducer_ = std::make_unique<c10d::Reducer>(
      parameters, buckets_, gang_.group(), std::vector<bool>(parameters.size(), false), bytes,
      /*find_unused_parameters=*/false, /*gradient_as_bucket_view=*/true, names,
      std::min<std::int64_t>(bytes, c10d::kDefaultFirstBucketBytes),
      /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false,
      std::vector<std::int64_t>{});
  if (line_) reducer_->register_comm_hook(line_->make_hook());
  fresh_ = true;
}

torch::Tensor GradientExchange::backward(const Samples& samples, std::uint64_t step) {
  if (!active()) return replica_.backward(samples, {.divisor = samples.global_count, .anew = true});
  use(tuning_.setting(step));
  if (!line_) return backward(samples);
  line_->begin_step(setting_.compressed);
  const Clock::time_point begin = Clock::now();
  const torch::Tensor part = backward(samples);
  const Traffic traffic = line_->end_step();
  meter_.add(traffic, setting_.compressed);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (tuning_.record(step, {.step = seconds, .exposed = traffic.exposed})) agree();
  return part;
}

torch::Tensor GradientExchange::backward(const Samples& samples) {
  if (!reducer_) make_reducer();
  // Without a hook the reducer divides by the number of ranks what it sums over them.
  const torch::Tensor part =
      replica_.backward(samples, {.divisor = samples.global_count,
                                  .scale = line_ ? 1.0 : static_cast<double>(gang_.size()),
                                  .before_last = [this] { reducer_->prepare_for_backward({}); },
                                  .anew = true});
  if (fresh_) keep_bucket_order();
  return part;
}

// The reducer wants to order its buckets anew after the first step. A resumed run would then sum
// its first step in another order than the uninterrupted one, so the buckets are put back.
void GradientExchange::keep_bucket_order() {
  if (reducer_->rebuild_buckets()) reducer_->initialize_buckets(buckets_);
  replica_.forget_gradients();
  fresh_ = false;
}

// The end of a trial: every rank decides by what all of them measured.
void GradientExchange::agree() {
  const StepTimes mine = tuning_.measured();
  const std::vector<double> sums = gang_.sum({mine.step, mine.exposed});
  const auto name = [this](const Setting& setting) {
    return (setting.compressed ? compression_.name : std::string("plain")) + " in buckets of " +
           std::to_string(setting.bucket_bytes) + " bytes";
  };
  const bool leads = gang_.leads() && note_;
  if (leads) {
    note_("gradients " + name(setting_) + ": a step takes " + milliseconds(sums[0] / gang_.size()) +
          ", of which " + milliseconds(sums[1] / gang_.size()) + " wait for communication");
  }
  tuning_.decide({.step = sums[0], .exposed = sums[1]});
  if (leads && tuning_.chosen()) note_("gradients travel " + name(*tuning_.chosen()));
}

std::vector<NamedTensor> GradientExchange::state() {
  std::vector<NamedTensor> state;
  if (line_) state = line_->shared_state();
  if (!chooses_) return state;
  if (const std::optional<Setting>& chosen = tuning_.chosen()) {
    chosen_[0] = 1;
    chosen_[1] = static_cast<std::int64_t>(chosen->bucket_bytes);
    chosen_[2] = chosen->compressed ? 1 : 0;
  }
  state.push_back({"exchange.chosen", chosen_});
  return state;
}

std::vector<NamedTensor> GradientExchange::own_state() {
  return line_ ? line_->own_state() : std::vector<NamedTensor>();
}

void GradientExchange::resume() {
  if (!chooses_ || chosen_[0].item<std::int64_t>() == 0) return;
  tuning_.choose({.bucket_bytes = static_cast<std::uint32_t>(chosen_[1].item<std::int64_t>()),
                  .compressed = chosen_[2].item<std::int64_t>() == 1});
}

std::vector<Scalar> GradientExchange::metrics() {
  std::vector<Scalar> metrics = meter_.take();
  if (!metrics.empty()) {
    metrics.push_back({"train.bucket_bytes", static_cast<double>(setting_.bucket_bytes)});
  }
  return metrics;
}

}  // namespace dl::worker::train
