#include "worker/train/strategy/strategy.h"

#include <array>

#include "worker/train/data/random.h"
#include "worker/train/strategy/server_strategy.h"

namespace dl::worker::train {
namespace {

struct Entry {
  const char* name;
  std::unique_ptr<Strategy> (*make)(const StrategyContext&);
};

constexpr std::array<Entry, 7> kStrategies = {{{"ring", &make_ring},
                                               {"ps", &make_ps},
                                               {"hybrid", &make_ps},
                                               {"partitioned", &make_partitioned},
                                               {"local_sgd", &make_local_sgd},
                                               {"averaging", &make_averaging},
                                               {"ensemble", &make_ensemble}}};

}  // namespace

void seed_step(const TrainSpec& spec, const Gang& gang, std::uint64_t step) {
  torch::manual_seed(mix(mix(spec.seed, gang.rank()), step));
}

void Strategy::begin() { replica_.broadcast(gang_); }

double Strategy::mean_loss(const torch::Tensor& part) {
  return gang_.sum({part.item<double>()})[0];
}

Evaluation Strategy::evaluate(std::shared_ptr<const Dataset> dataset, std::uint32_t batch_size) {
  return train::evaluate(replica_, gang_, std::move(dataset), batch_size);
}

Outcome<void> Strategy::save(const SaveModel& save) {
  if (gang_.leads()) return save("model");
  return {};
}

Outcome<std::uint32_t> Strategy::checksum() {
  const std::uint32_t mine = replica_.checksum();
  const std::int64_t leader = gang_.broadcast(std::vector<std::int64_t>{mine})[0];
  const std::vector<double> differing = gang_.sum({mine == leader ? 0.0 : 1.0});
  if (differing[0] == 0) return mine;
  return Failure{FailureKind::kInfrastructure, "",
                 std::to_string(static_cast<int>(differing[0])) +
                     " ranks do not have rank 0's parameters; the model was not saved. Look for "
                     "faulty memory, and for nodes with another version of dl-worker"};
}

Outcome<std::unique_ptr<Strategy>> make_strategy(const StrategyContext& context) {
  DL_CHECK(check_same_model(context.gang, context.replica));
  std::string names;
  for (const Entry& entry : kStrategies) {
    if (context.spec.strategy.name == entry.name) return entry.make(context);
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
  }
  return Failure{
      FailureKind::kSpec, "",
      "strategy.name: \"" + context.spec.strategy.name + "\" is unknown; there are " + names};
}

}  // namespace dl::worker::train
