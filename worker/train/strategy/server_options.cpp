#include "worker/train/strategy/server_options.h"

namespace dl::worker::train {
namespace {

using paramserver::Consistency;
using paramserver::Rule;

Consistency consistency_of(const std::string& algorithm) {
  if (algorithm == "sync") return Consistency::kSynchronous;
  if (algorithm == "hogwild") return Consistency::kHogwild;
  if (algorithm == "bounded") return Consistency::kBoundedStaleness;
  return Consistency::kAsynchronous;
}

Rule rule_of(const std::string& optimizer) {
  if (optimizer == "adagrad") return Rule::kAdagrad;
  if (optimizer == "adam") return Rule::kAdam;
  if (optimizer == "adamw") return Rule::kAdamW;
  return Rule::kSgd;
}

paramserver::UpdateOptions update_of(const JobSpec& spec) {
  const TrainSpec& train = spec.train;
  const StrategySpec& strategy = spec.strategy;
  const bool momentum = strategy.server_optimizer == "momentum";
  paramserver::UpdateOptions update;
  if (strategy.algorithm == "adag") update.scale = 1.0f / static_cast<float>(strategy.window);
  update.divide_by_staleness = strategy.algorithm == "dynsgd";
  update.rule = rule_of(strategy.server_optimizer);
  update.momentum = momentum ? static_cast<float>(train.momentum) : 0;
  update.nesterov = momentum && train.nesterov;
  update.beta1 = static_cast<float>(train.beta1);
  update.beta2 = static_cast<float>(train.beta2);
  update.epsilon = static_cast<float>(train.epsilon);
  update.weight_decay = static_cast<float>(train.weight_decay);
  return update;
}

}  // namespace

paramserver::ServerOptions server_options(const JobSpec& spec, std::uint32_t workers) {
  paramserver::ServerOptions options;
  options.workers = workers;
  options.consistency = consistency_of(spec.strategy.algorithm);
  options.staleness = spec.strategy.staleness;
  options.update = update_of(spec);
  options.replicate = spec.strategy.replicate;
  options.refuse_not_finite = true;
  return options;
}

}  // namespace dl::worker::train
