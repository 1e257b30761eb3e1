#include "model/strategy_spec.h"

#include <algorithm>
#include <array>

#include "model/job_spec.h"

namespace dl {
namespace {

bool is_one_of(const std::string& word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// The algorithms whose workers may push after a batch, a window or an epoch.
bool has_any_frequency(const StrategySpec& spec) {
  return is_one_of(spec.algorithm, {"async", "hogwild", "bounded"});
}

bool is_elastic(const StrategySpec& spec) {
  return has_servers(spec) && is_one_of(spec.algorithm, {"aeasgd", "eamsgd"});
}

// dist-keras' algorithms: workers train apart for a window of steps.
bool has_own_window(const StrategySpec& spec) {
  return is_one_of(spec.algorithm, {"downpour", "adag", "dynsgd", "aeasgd", "eamsgd"});
}

bool has_window(const StrategySpec& spec) {
  if (spec.name == "local_sgd") return true;
  return has_servers(spec) && (has_own_window(spec) || spec.frequency == "window");
}

bool has_frequency(const StrategySpec& spec) {
  return spec.name == "averaging" || (has_servers(spec) && has_any_frequency(spec));
}

bool may_have_server_optimizer(const StrategySpec& spec) {
  if (!has_servers(spec)) return false;
  return spec.algorithm == "sync" || (has_any_frequency(spec) && spec.frequency == "batch");
}

constexpr std::array<StrategyKey, 14> kKeys = {{
    {"bucket_bytes", "ring", [](const StrategySpec& spec) { return spec.name == "ring"; }},
    {"compression", "ring", [](const StrategySpec& spec) { return spec.name == "ring"; }},
    {"servers", "ps and hybrid", has_servers},
    {"replicate", "ps and hybrid", has_servers},
    {"algorithm", "ps and hybrid", has_servers},
    {"frequency", "averaging, and to ps and hybrid with async, hogwild or bounded", has_frequency},
    {"window",
     "local_sgd, and to ps and hybrid with downpour, adag, dynsgd, aeasgd, eamsgd or \"frequency: "
     "window\"",
     has_window},
    {"staleness", "ps and hybrid with bounded",
     [](const StrategySpec& spec) { return has_servers(spec) && spec.algorithm == "bounded"; }},
    {"rho", "ps and hybrid with aeasgd or eamsgd", is_elastic},
    {"elastic_rate", "ps and hybrid with aeasgd or eamsgd", is_elastic},
    {"momentum", "ps and hybrid with eamsgd (train.momentum is that of sgd)",
     [](const StrategySpec& spec) { return has_servers(spec) && spec.algorithm == "eamsgd"; }},
    {"server_optimizer",
     "ps and hybrid with sync, or with async, hogwild or bounded and \"frequency: batch\"",
     may_have_server_optimizer},
    {"target_communication", "local_sgd without a window",
     [](const StrategySpec& spec) { return spec.name == "local_sgd" && spec.window == 0; }},
    {"group_size", "hybrid", [](const StrategySpec& spec) { return spec.name == "hybrid"; }},
}};

std::uint32_t default_window(const StrategySpec& spec) {
  if (spec.algorithm == "adag") return 12;
  return is_elastic(spec) ? 32 : 5;
}

// The servers' word for what train.optimizer says.
std::string server_optimizer_of(const TrainSpec& train) {
  if (train.optimizer != "sgd") return train.optimizer;
  return train.momentum > 0 ? "momentum" : "sgd";
}

}  // namespace

bool has_servers(const StrategySpec& spec) { return is_one_of(spec.name, {"ps", "hybrid"}); }

bool pushes_gradients(const StrategySpec& spec) {
  return has_servers(spec) && !spec.server_optimizer.empty() && spec.server_optimizer != "none";
}

std::span<const StrategyKey> strategy_keys() { return kKeys; }

const StrategyKey* strategy_key(std::string_view name) {
  const auto* found = std::find_if(kKeys.begin(), kKeys.end(),
                                   [&](const StrategyKey& key) { return key.name == name; });
  return found == kKeys.end() ? nullptr : &*found;
}

void fill_defaults(StrategySpec& spec, const TrainSpec& train) {
  if (has_servers(spec) && spec.algorithm.empty()) spec.algorithm = "sync";
  if (has_frequency(spec) && spec.frequency.empty()) {
    spec.frequency = spec.algorithm == "bounded" ? "batch" : "epoch";
  }
  if (has_window(spec) && has_servers(spec) && spec.window == 0) spec.window = default_window(spec);
  if (may_have_server_optimizer(spec) && spec.server_optimizer.empty()) {
    const bool elephas = is_one_of(spec.algorithm, {"async", "hogwild"});
    spec.server_optimizer = elephas ? "none" : server_optimizer_of(train);
  }
}

}  // namespace dl
