#include "worker/train/strategy/server_strategy.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace dl::worker::train {
namespace {

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

ServerStrategy::ServerStrategy(const StrategyContext& context,
                               const std::vector<std::string>& tables)
    : Strategy(context),
      rows_(replica_, tables, kDense + 1),
      model_(replica_, 1, tables),
      dense_(model_.values.numel() - rows_.elements()),
      centre_(torch::zeros({model_.values.numel()})),
      line_(*context.servers) {}

paramserver::Tables ServerStrategy::tables() const {
  paramserver::Tables all{.dense = {{.name = "model", .tensors = {}}},
                          .sparse = rows_.declarations()};
  for (const NamedTensor& one : replica_.parameters()) {
    const bool alone = std::any_of(all.sparse.begin(), all.sparse.end(),
                                   [&](const auto& table) { return table.name == one.name; });
    if (alone) continue;
    all.dense[0].tensors.push_back(
        {.name = one.name, .elements = static_cast<std::uint64_t>(one.tensor.numel())});
  }
  return all;
}

Outcome<std::uint64_t> ServerStrategy::resume(std::uint64_t step) {
  const torch::NoGradGuard no_grad;
  if (line_.leads()) {
    DL_TRY(const paramserver::Standing standing, line_.join(tables()));
    if (standing.restored) acknowledged_ = standing.position;
    centre_.copy_(model_.values);
    const std::array<std::span<float>, 1> dense = {dense_centre()};
    const auto sparse = rows_.split(rows_of_centre());
    const auto init = [&](paramserver::Client& client) -> Result<void> {
      DL_CHECK(client.init(dense, sparse));
      return rows_.pull_all(client, rows_of_centre());
    };
    DL_CHECK(line_.call(init));
    model_.values.copy_(centre_);
  }
  share_in_group();
  return joined(step);
}

std::uint64_t ServerStrategy::first_unacknowledged(std::uint64_t step) {
  constexpr std::int64_t kNone = -1;  // Of those who push nothing.
  const auto mine = line_.leads() ? static_cast<std::int64_t>(acknowledged_) : kNone;
  const auto all = gang_.gather({mine});
  acknowledged_ = static_cast<std::uint64_t>(all[line_.leader()][0]);
  std::uint64_t least = acknowledged_;
  for (const std::vector<std::int64_t>& one : all) {
    if (one[0] != kNone) least = std::min(least, static_cast<std::uint64_t>(one[0]));
  }
  // Servers that have lost everything began anew with the checkpoint's values.
  return std::max(step, least);
}

bool ServerStrategy::may_stop_together(std::uint64_t step, bool told) const {
  return step % spec_.train.report_every_steps == 0 && gang_.sum({told ? 1.0 : 0.0})[0] > 0;
}

void ServerStrategy::share_in_group() {
  if (!line_.is_alone()) line_.broadcast_in_group(model_.values);
}

std::uint32_t ServerStrategy::own_count(const Samples& samples) const {
  // Shares differ by a sample at most: the same number on every rank of a group.
  return line_.is_alone() ? samples.count() : std::max(1u, samples.global_count / line_.groups());
}

std::string ServerStrategy::culprit(std::size_t bad) {
  if (!line_.is_alone()) return culprit_in_group();
  return "rank " + std::to_string(gang_.rank()) + "'s gradient of " +
         replica_.parameters()[bad].name;
}

Agreement ServerStrategy::agreement() {
  if (line_.is_alone()) return {.rank = gang_.rank()};
  return {.culprit = [this] { return culprit_in_group(); }};
}

std::string ServerStrategy::culprit_in_group() {
  return culprit_of(replica_, *samples_, [this](double mine) {
    torch::Tensor places = torch::zeros({gang_.size()});
    places[gang_.rank()] = mine;
    line_.sum_in_group(places);
    return std::vector<double>(places.data_ptr<float>(), places.data_ptr<float>() + gang_.size());
  });
}

torch::Tensor ServerStrategy::backward(const Samples& samples, std::uint32_t divisor) {
  samples_ = &samples;
  const Stopwatch stopwatch;
  const torch::Tensor part = replica_.backward(samples, {.divisor = divisor});
  (void)replica_.gradients();  // Zeroed by the next backward().
  computed_.add(stopwatch.elapsed());
  if (!line_.is_alone()) line_.sum_in_group(model_.gradients);
  return part;
}

Outcome<void> ServerStrategy::pull_centre() {
  if (line_.leads()) {
    const auto pull = [this](paramserver::Client& client) -> Result<void> {
      DL_CHECK(client.pull(kDense, dense_centre()));
      return rows_.pull_all(client, rows_of_centre());
    };
    DL_CHECK(line_.call(pull));
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

std::optional<std::uint64_t> ServerStrategy::stops_at(bool stopping, std::uint64_t step) {
  bool any = false;
  for (const auto& one : gang_.gather({stopping ? 1 : 0, static_cast<std::int64_t>(step)})) {
    any = any || one[0] != 0;
    step = std::min(step, static_cast<std::uint64_t>(one[1]));
  }
  return any ? std::optional(step) : std::nullopt;
}

Outcome<void> ServerStrategy::finish() {
  if (!line_.leads()) return {};
  return line_.call([](paramserver::Client& client) { return client.finish(); });
}

std::vector<Scalar> ServerStrategy::metrics() {
  const double computed = computed_.take();
  std::vector<Scalar> all = {{"train.communication", share_of(line_.take_waited(), computed)}};
  if (!rows_.empty()) all.push_back({"train.sparse.ratio", rows_.take_saved()});
  return all;
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
