// How the workers of a model come to agree, as a spec says it; docs/strategies.md says when to take
// which, and what each algorithm does.
//
// Most keys belong to some strategies and algorithms only. strategy_keys() has which: the reader
// refuses the others, and defaults are filled in for those that belong.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "model/compression_spec.h"

namespace dl {

struct TrainSpec;

struct StrategySpec {
  // ring, ps, hybrid, partitioned, local_sgd, averaging, ensemble.
  std::string name = "ring";
  std::uint32_t workers = 1;
  // auto, tcp: what ranks of one host exchange bytes by. auto: the memory they share.
  std::string transport = "auto";
  // Gradients are reduced in buckets of this size; 0: one that the first steps find out.
  std::uint32_t bucket_bytes = 25u << 20;
  CompressionSpec compression;

  std::uint32_t servers = 1;  // Tasks of role ps.
  bool replicate = false;     // Every push is with two servers before it is acknowledged.
  // sync, async, hogwild, bounded, downpour, adag, dynsgd, aeasgd, eamsgd.
  std::string algorithm;
  std::string frequency;        // How often a worker agrees: batch, window, epoch, once.
  std::uint32_t window = 0;     // Steps between two agreements; local_sgd: 0 finds it out.
  std::uint32_t staleness = 3;  // bounded: clocks that a worker may be ahead of the slowest.
  double rho = 5.0;             // aeasgd, eamsgd: how strongly workers are drawn to the centre …
  double elastic_rate = 0.1;    // … in an exchange: by rho × elastic_rate of the difference.
  double momentum = 0.9;        // eamsgd: Nesterov's, of each worker.
  // What the servers make of gradients: sgd, momentum, adagrad, adam, adamw; none: workers push
  // their own steps, and the servers add them up.
  std::string server_optimizer;
  double target_communication = 0.05;  // local_sgd: communication ÷ computation.
  std::uint32_t group_size = 0;        // hybrid: workers of a ring; 0: those of a node.

  friend bool operator==(const StrategySpec&, const StrategySpec&) = default;
};

// Whether tasks of role ps belong to the gang.
bool has_servers(const StrategySpec& spec);
// Whether workers push gradients, of which the servers' optimizer makes steps; else differences of
// parameters.
bool pushes_gradients(const StrategySpec& spec);

struct StrategyKey {
  std::string_view name;    // "window" of strategy.window.
  std::string_view owners;  // "ps with bounded": which strategies it belongs to.
  bool (*belongs)(const StrategySpec&);
};

// Those that do not belong to every strategy.
std::span<const StrategyKey> strategy_keys();
// Null for a key that belongs to every strategy.
const StrategyKey* strategy_key(std::string_view name);

// Fills in what depends on other keys and was not given (empty texts, a window of 0). `train` is
// what a server's optimizer is taken from.
void fill_defaults(StrategySpec& spec, const TrainSpec& train);

}  // namespace dl
