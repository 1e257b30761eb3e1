#include "worker/train/strategy/server_strategy.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace dl::worker::train {
namespace {

paramserver::Tables tables_of(const Replica& replica) {
  paramserver::DenseTable table{.name = "model", .tensors = {}};
  for (const NamedTensor& one : replica.parameters()) {
    table.tensors.push_back(
        {.name = one.name, .elements = static_cast<std::uint64_t>(one.tensor.numel())});
  }
  return {.dense = {std::move(table)}, .sparse = {}};
}

// The smallest bin with half of the pushes below or in it, and the largest that is not empty.
std::vector<Scalar> staleness_of(const std::vector<double>& histogram) {
  const double all = std::accumulate(histogram.begin(), histogram.end(), 0.0);
  if (all == 0) return {};
  double seen = 0;
  std::size_t median = 0;
  while (seen + histogram[median] < all / 2) seen += histogram[median++];
  std::size_t most = histogram.size() - 1;
  while (histogram[most] == 0) --most;
  return {{"train.staleness.p50", static_cast<double>(median)},
          {"train.staleness.max", static_cast<double>(most)}};
}

}  // namespace

ServerStrategy::ServerStrategy(const StrategyContext& context)
    : Strategy(context), model_(replica_), centre_(make_message()), line_(*context.servers) {}

Outcome<std::uint64_t> ServerStrategy::resume(std::uint64_t step) {
  const torch::NoGradGuard no_grad;
  paramserver::Standing standing{.clock = ~paramserver::Clock{0}};
  if (line_.leads()) {
    DL_TRY(standing, line_.join(tables_of(replica_)));
    centre_.copy_(model_.values);
    const std::array<std::span<float>, 1> dense = {span_of(centre_)};
    DL_CHECK(line_.call([&](paramserver::Client& client) { return client.init(dense); }));
    model_.values.copy_(centre_);
  }
  share_in_group();
  return joined(standing, step);
}

void ServerStrategy::share_in_group() {
  if (!line_.is_alone()) line_.broadcast_in_group(model_.values);
}

std::uint32_t ServerStrategy::own_count(const Samples& samples) const {
  // Shares differ by a sample at most: the same number on every rank of a group.
  return line_.is_alone() ? samples.count() : std::max(1u, samples.global_count / line_.groups());
}

torch::Tensor ServerStrategy::backward(const Samples& samples, std::uint32_t divisor) {
  const Stopwatch stopwatch;
  const torch::Tensor part = replica_.backward(samples, {.divisor = divisor});
  (void)replica_.gradients();  // Zeroed by the next backward().
  computed_.add(stopwatch.elapsed());
  if (!line_.is_alone()) line_.sum_in_group(model_.gradients);
  return part;
}

Outcome<void> ServerStrategy::pull_centre() {
  if (line_.leads()) {
    DL_CHECK(line_.call(
        [this](paramserver::Client& client) { return client.pull(0, span_of(centre_)); }));
    const torch::NoGradGuard no_grad;
    model_.values.copy_(centre_);
  }
  share_in_group();
  adopted();
  return {};
}

void ServerStrategy::wait_for_all() { (void)gang_.sum({0}); }

Outcome<void> ServerStrategy::enter_consensus() {
  DL_CHECK(flush());
  wait_for_all();
  DL_CHECK(pull_centre());
  wait_for_all();  // Nobody pushes before all have pulled.
  return {};
}

Outcome<void> ServerStrategy::finish() {
  if (!line_.leads()) return {};
  return line_.call([](paramserver::Client& client) { return client.finish(); });
}

std::vector<Scalar> ServerStrategy::metrics() {
  const double computed = computed_.take();
  return {{"train.communication", share_of(line_.take_waited(), computed)}};
}

std::vector<Scalar> ServerStrategy::consensus_metrics() {
  const paramserver::Statistics& mine = line_.statistics();
  const bool bounded = spec_.strategy.algorithm == "bounded";
  const std::vector<std::uint64_t>& counts = bounded ? mine.clock_gap : mine.push_staleness;
  return staleness_of(gang_.sum(std::vector<double>(counts.begin(), counts.end())));
}

std::unique_ptr<Strategy> make_ps(const StrategyContext& context) {
  const StrategySpec& spec = context.spec.strategy;
  if (spec.algorithm == "aeasgd" || spec.algorithm == "eamsgd") return make_elastic(context);
  return pushes_gradients(spec) ? make_gradient_push(context) : make_delta_push(context);
}

}  // namespace dl::worker::train
