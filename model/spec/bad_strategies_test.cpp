// What a user sees of a `strategy` that is wrong: the exact text, one row a mistake.

#include <catch2/catch.hpp>

#include "model/spec/parse.h"

namespace dl::spec {
namespace {

struct BadStrategy {
  std::string what;
  std::string document;
  std::string shown;
};

// clang-format off
const std::vector<BadStrategy> kBadStrategies = {
    {"an unknown algorithm",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {name: ps, algorithm: dynsdg}\n",
     "job.yaml:3:33: strategy.algorithm: must be one of sync, async, hogwild, bounded, downpour, "
     "adag, dynsgd, aeasgd, eamsgd, not \"dynsdg\"; did you mean \"dynsgd\"?\n"},
    {"keys of another strategy",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy:\n"
     "  servers: 2\n"
     "  window: 5\n"
     "  rho: 1\n",
     "job.yaml:4:3: strategy.servers: belongs to ps and hybrid; this job's strategy is ring\n"
     "job.yaml:5:3: strategy.window: belongs to local_sgd, and to ps and hybrid with downpour, "
     "adag, dynsgd, aeasgd, eamsgd or \"frequency: window\"; this job's strategy is ring\n"
     "job.yaml:6:3: strategy.rho: belongs to ps and hybrid with aeasgd or eamsgd; this job's "
     "strategy is ring\n"},
    {"a key of another algorithm",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {name: ps, algorithm: async, staleness: 2}\n",
     "job.yaml:3:40: strategy.staleness: belongs to ps and hybrid with bounded; this job's "
     "strategy is ps with async\n"},
    {"buckets where nothing travels in buckets",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {name: hybrid, bucket_bytes: 1MiB}\n",
     "job.yaml:3:26: strategy.bucket_bytes: belongs to ring; this job's strategy is hybrid with "
     "sync\n"},
    {"a transport that there is not",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {transport: shm}\n",
     "job.yaml:3:23: strategy.transport: must be one of auto, tcp, not \"shm\"\n"},
    {"a window beside another frequency",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {name: ps, algorithm: hogwild, frequency: batch, window: 4}\n",
     "job.yaml:3:60: strategy.window: belongs to local_sgd, and to ps and hybrid with downpour, "
     "adag, dynsgd, aeasgd, eamsgd or \"frequency: window\"; this job's strategy is ps with "
     "hogwild and frequency batch\n"},
    {"a staleness below zero",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {name: ps, algorithm: bounded, staleness: -1}\n",
     "job.yaml:3:53: strategy.staleness: must be a whole number from 0 to 1000000, not \"-1\"\n"},
    {"a window of nothing",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {name: local_sgd, window: 0}\n",
     "job.yaml:3:37: strategy.window: must be a whole number from 1 to 1000000, not \"0\"\n"},
    {"a rho of nothing",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {name: ps, algorithm: aeasgd, rho: 0}\n",
     "job.yaml:3:46: strategy.rho: must be a number above 0, not \"0\"\n"},
    {"elastic workers that jump past the centre",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {name: ps, algorithm: aeasgd, rho: 20}\n",
     "job.yaml:3:41: strategy.rho: times strategy.elastic_rate is 2, above 1: workers would jump "
     "past the centre; lower one of them\n"},
    {"eamsgd without sgd",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {optimizer: adam}\n"
     "strategy: {name: ps, algorithm: eamsgd}\n",
     "job.yaml:4:22: strategy.algorithm: eamsgd is sgd with momentum; set train.optimizer to sgd, "
     "or take aeasgd with adam\n"},
    {"a replica without a second server",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {name: ps, replicate: true}\n",
     "job.yaml:3:22: strategy.replicate: needs strategy.servers of at least 2: a server's replica "
     "is with the next server\n"},
    {"servers that make no step",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {name: ps, server_optimizer: none}\n",
     "job.yaml:3:22: strategy.server_optimizer: must not be none with sync: the servers make the "
     "step; take sgd, momentum, adagrad, adam or adamw\n"},
    {"a frequency of another strategy",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {name: averaging, frequency: batch}\n",
     "job.yaml:3:29: strategy.frequency: must be epoch or once with averaging, not \"batch\"\n"},
    {"groups that do not divide the workers",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {name: hybrid, workers: 8, group_size: 3}\n",
     "job.yaml:3:38: strategy.group_size: 8 workers cannot be cut into groups of 3; take a divisor "
     "of strategy.workers\n"},
};
// clang-format on

TEST_CASE("a strategy that is wrong is refused with its place and the way out", "[spec]") {
  for (const BadStrategy& bad : kBadStrategies) {
    INFO(bad.what << ":\n" << bad.document);
    const ParseResult result = parse(bad.document);
    CHECK_FALSE(result.spec);
    CHECK(to_string(result.problems, "job.yaml") == bad.shown);
  }
}

}  // namespace
}  // namespace dl::spec
