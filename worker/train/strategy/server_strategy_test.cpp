#include <catch2/catch.hpp>

#include "worker/train/strategy/groups.h"
#include "worker/train/testing/job.h"

using namespace dl;
using namespace dl::worker;
using namespace dl::worker::train;
using namespace dl::worker::train::testing;

namespace {

StrategySpec ps(const std::string& algorithm, const std::string& frequency = "",
                std::uint32_t window = 0) {
  StrategySpec spec;
  spec.name = "ps";
  spec.algorithm = algorithm;
  spec.frequency = frequency;
  spec.window = window;
  spec.servers = 2;
  return spec;
}

StrategySpec hybrid(const std::string& algorithm, std::uint32_t group_size) {
  StrategySpec spec = ps(algorithm);
  spec.name = "hybrid";
  spec.group_size = group_size;
  return spec;
}

// Nearly all of its parameters are embeddings, of which a batch reads a few rows.
void make_wide_deep(Job& job) {
  job.spec.model->name = "wide_deep";
  job.spec.model->categories = {3000, 500, 20};
  job.spec.model->classes = 2;
  job.spec.model->hidden = {16};
  job.spec.train.batch_size = 33;
  job.spec.train.momentum = 0;  // Servers take lazy steps with it, for rows that are pushed alone.
}

}  // namespace

TEST_CASE("every algorithm over parameter servers learns, and all ranks end with the centre",
          "[strategy][ps]") {
  Job job;
  job.spec.strategy = GENERATE(
      ps("sync"), ps("async"), ps("async", "batch"), ps("async", "window", 4), ps("hogwild"),
      ps("bounded"), ps("bounded", "window", 2), ps("downpour"), ps("adag", "", 3), ps("dynsgd"),
      ps("aeasgd", "", 4), ps("eamsgd", "", 4), hybrid("sync", 2), hybrid("downpour", 2));
  const StrategySpec& spec = job.spec.strategy;
  INFO(spec.name << " " << spec.algorithm << " " << spec.frequency);
  job.spec.train.learning_rate = 0.03;
  job.spec.train.momentum = 0.5;
  job.spec.train.epochs = 5;
  Job::Ranks ranks(4);
  job.run_gang(ranks);
  CHECK(ranks.server_error == "");
  const std::uint32_t checksum = checksum_of(ranks.results[0]);
  for (const auto& result : ranks.results) CHECK(checksum_of(result) == checksum);
  CHECK(ranks.results[0]->evaluation.accuracy > 0.9);
  CHECK(ranks.heard[0].metrics.count("train.communication") == 1);
  CHECK(ranks.heard[0].metrics.count("train.staleness.max") == 1);
}

TEST_CASE("sync over parameter servers takes the steps of ring, whoever has the optimizer",
          "[strategy][ps]") {
  Job job;
  const auto optimizer = GENERATE(as<std::string>(), "sgd", "adamw");
  job.spec.train.optimizer = optimizer;
  job.spec.train.learning_rate = optimizer == "sgd" ? 0.05 : 0.002;
  job.spec.train.weight_decay = 0.01;
  job.spec.train.batch_size = 33;
  const auto ring = losses_of(job, StrategySpec(), 3);
  for (const StrategySpec& spec : {ps("sync"), hybrid("sync", 3)}) {
    auto servers = losses_of(job, spec, 3);
    for (const auto& [step, loss] : ring) CHECK(servers[step] == Approx(loss).epsilon(1e-3));
  }
}

TEST_CASE("whole epochs are averaged and not added up", "[strategy][ps]") {
  // After one epoch no worker has seen another's: what async comes to is the average of them all.
  Job job;
  job.spec.train.epochs = 1;
  job.spec.strategy.name = "averaging";
  Job::Ranks together(4);
  job.run_gang(together);
  checksum_of(together.results[0]);
  job.spec.strategy = ps(GENERATE(as<std::string>(), "async", "hogwild"), "epoch");
  Job::Ranks apart(4);
  job.run_gang(apart);
  checksum_of(apart.results[0]);
  CHECK(apart.results[0]->evaluation.loss ==
        Approx(together.results[0]->evaluation.loss).epsilon(1e-5));
}

TEST_CASE("bounded workers are never further ahead than they may", "[strategy][ps]") {
  Job job;
  job.spec.strategy = ps("bounded");
  job.spec.strategy.staleness = GENERATE(0u, 1u, 3u);
  job.spec.train.learning_rate = 0.01;
  Job::Ranks ranks(4);
  // One of them is slow: it has something else to do at each of its reports.
  ranks.heard[0].at_step = [](std::uint64_t) {
    double waste = 0;
    for (int i = 0; i < 1'000'000; ++i) waste += 1.0 / (i + 1);
    REQUIRE(waste > 1);
  };
  job.run_gang(ranks);
  checksum_of(ranks.results[0]);
  REQUIRE(ranks.heard[0].metrics.count("train.staleness.max") == 1);
  CHECK(ranks.heard[0].metrics["train.staleness.max"] <= job.spec.strategy.staleness);
}

TEST_CASE("a sync run resumed from its checkpoint is the run that was not interrupted",
          "[strategy][ps]") {
  Job job;
  job.spec.strategy = ps("sync");
  job.spec.train.momentum = 0;  // Servers that have lost everything have lost their momentum.
  job.spec.checkpoint.every_steps = 4;
  job.spec.checkpoint.keep = 100;
  Job::Ranks whole(2);
  job.run_gang(whole);
  const std::uint32_t expected = checksum_of(whole.results[0]);
  job.attempt = 2;
  job.resume = whole.heard[0].checkpoints[4].path;
  Job::Ranks resumed(2);
  job.run_gang(resumed);
  CHECK(checksum_of(resumed.results[0]) == expected);
}

TEST_CASE("servers that remember go on after the last acknowledged push, not at the checkpoint",
          "[strategy][ps]") {
  Job job;
  job.servers_remember = true;
  job.spec.strategy = ps("sync");
  Job::Ranks whole(2);
  job.run_gang(whole);
  const std::uint32_t expected = checksum_of(whole.results[0]);

  job.attempt = 2;
  Job::Ranks stopped(2);  // In the second epoch, without a farewell to the servers.
  stop_at(stopped.heard[0], 17, stopped.stop[1]);
  job.spec.checkpoint.every_epochs = 0;
  job.run_gang(stopped);
  REQUIRE(stopped.results[0].has_value());
  REQUIRE(stopped.results[0]->stopped);
  CHECK(stopped.server_error != "");

  job.attempt = 3;  // Not even a checkpoint to resume from.
  Job::Ranks again(2);
  job.run_gang(again);
  CHECK(checksum_of(again.results[0]) == expected);
  CHECK(again.heard[0].losses.begin()->first >= 17);
}

TEST_CASE("no worker pushes a step again that the servers had before they were restarted",
          "[strategy][ps]") {
  Job job;
  job.servers_remember = true;
  job.spec.data.samples = 3200;
  job.spec.train.epochs = 1;  // Of 100 steps: workers that wait for nobody meet at its end alone.
  job.spec.strategy = GENERATE(ps("async", "batch"), ps("bounded"), ps("downpour"),
                               ps("async", "window", 3), hybrid("downpour", 2));
  job.spec.strategy.server_optimizer = job.spec.strategy.frequency == "batch" ? "sgd" : "";
  INFO(job.spec.strategy.name << " " << job.spec.strategy.algorithm);
  Job::Ranks stopped(4);
  stopped.heard[0].at_step = [&](std::uint64_t step) {
    for (std::atomic<bool>& told : stopped.stop) told = told || step == 17;
  };
  job.spec.checkpoint.every_epochs = 0;
  job.run_gang(stopped);
  std::uint64_t least = ~std::uint64_t{0};
  for (const auto& result : stopped.results) {
    REQUIRE(result.has_value());
    REQUIRE(result->stopped);
    least = std::min(least, result->progress.step);
  }
  job.attempt = 2;  // Not even a checkpoint to resume from.
  Job::Ranks again(4);
  job.run_gang(again);
  CHECK(checksum_of(again.results[3]) == checksum_of(again.results[0]));
  CHECK(again.heard[0].losses.begin()->first == least + 1);
  CHECK(again.heard[0].losses.rbegin()->first == 100);
}

TEST_CASE("workers at the end of their epoch stop with one that was told in the middle of it",
          "[strategy][ps]") {
  Job job;
  job.servers_remember = true;
  job.spec.data.samples = 3200;
  job.spec.train.epochs = GENERATE(1, 2);  // Of 100 steps.
  job.spec.strategy =
      GENERATE(ps("async", "batch"), ps("hogwild"), ps("downpour"), ps("aeasgd", "", 4));
  job.spec.strategy.server_optimizer = job.spec.strategy.frequency == "batch" ? "sgd" : "";
  INFO(job.spec.strategy.algorithm << ", epochs: " << job.spec.train.epochs);
  const std::uint32_t told = GENERATE(0u, 1u);  // The other one is not.
  Job::Ranks stopped(2);
  stopped.stop[1] = told == 1;
  if (told == 0) stop_at(stopped.heard[0], 17, stopped.stop[0]);
  job.run_gang(stopped);
  CHECK(stopped.server_error != "");  // Workers that stop leave without a farewell to the servers.
  const std::uint64_t least = told == 0 ? 17 : 0;
  for (const auto& result : stopped.results) {
    REQUIRE(result.has_value());
    CHECK(result->stopped);
    CHECK(result->progress.step == least);
  }
  CHECK(stopped.heard[0].evaluations.empty());
  job.attempt = 2;
  if (told == 0) job.resume = stopped.heard[0].checkpoints.back().path;
  Job::Ranks again(2);
  job.run_gang(again);
  CHECK(checksum_of(again.results[1]) == checksum_of(again.results[0]));
  CHECK(again.heard[0].losses.begin()->first == least + 1);
  CHECK(again.heard[0].losses.rbegin()->first == 100 * job.spec.train.epochs);
}

TEST_CASE("gradients that are not finite are named before they reach the servers",
          "[strategy][ps]") {
  Job job;
  job.spec.strategy = GENERATE(ps("async", "window", 4), ps("downpour"), ps("aeasgd", "", 4),
                               hybrid("downpour", 2));
  INFO(job.spec.strategy.name << " " << job.spec.strategy.algorithm);
  Job::Ranks ranks(4);
  ranks.change_spec = [](std::uint32_t rank, JobSpec& spec) {
    if (rank == 1) spec.train.learning_rate = 1e30;
  };
  job.run_gang(ranks);
  for (const auto& result : ranks.results) REQUIRE(result.has_error());
  CHECK(ranks.results[1].error().kind == FailureKind::kUserCode);
  CHECK_THAT(ranks.results[1].error().message, Catch::Contains("rank 1's gradient of layers."));
  CHECK(ranks.results[3].error().kind == FailureKind::kCommunication);
}

TEST_CASE("gradients for the servers' optimizer are named before they are sent", "[strategy][ps]") {
  Job job;
  job.spec.strategy = GENERATE(ps("sync"), hybrid("sync", 2));
  Job::Ranks ranks(4);
  job.spec.train.learning_rate = 1e30;
  job.run_gang(ranks);
  bool named = false;
  for (const auto& result : ranks.results) {
    REQUIRE(result.has_error());
    if (result.error().kind != FailureKind::kUserCode) continue;
    named = true;
    CHECK_THAT(result.error().message, Catch::Contains("'s gradient of layers."));
  }
  CHECK(named);
}

TEST_CASE("of embedding tables rows travel alone, and make the steps of whole tables",
          "[strategy][ps]") {
  Job job;
  make_wide_deep(job);
  const auto ring = losses_of(job, StrategySpec(), 3);
  job.spec.strategy = ps("sync");
  Job::Ranks ranks(3);
  job.run_gang(ranks);
  const std::uint32_t checksum = checksum_of(ranks.results[0]);
  for (const auto& result : ranks.results) CHECK(checksum_of(result) == checksum);
  for (const auto& [step, loss] : ring) {
    CHECK(ranks.heard[0].losses[step] == Approx(loss).epsilon(1e-4));
  }
  // 3 x 11 rows at most of 3,520, with their ids.
  CHECK(ranks.heard[0].metrics["train.sparse.ratio"] > 25);
  // Members of a group sum whole gradients: no rows, the same steps.
  auto hybrids = losses_of(job, hybrid("sync", 3), 3);
  for (const auto& [step, loss] : ring) CHECK(hybrids[step] == Approx(loss).epsilon(1e-4));
}

TEST_CASE("rows travel alone wherever gradients are pushed, and all ranks end with the centre",
          "[strategy][ps]") {
  Job job;
  make_wide_deep(job);
  job.spec.strategy = GENERATE(ps("async", "batch"), ps("hogwild", "batch"), ps("bounded"));
  job.spec.strategy.server_optimizer = "adam";
  INFO(job.spec.strategy.algorithm);
  job.spec.train.learning_rate = 0.01;
  Job::Ranks ranks(3);
  job.run_gang(ranks);
  CHECK(ranks.server_error == "");
  const std::uint32_t checksum = checksum_of(ranks.results[0]);
  for (const auto& result : ranks.results) CHECK(checksum_of(result) == checksum);
  CHECK(ranks.heard[0].metrics["train.sparse.ratio"] > 25);
  CHECK(ranks.heard[0].evaluations.back().loss < ranks.heard[0].evaluations.front().loss);
}

TEST_CASE("servers remember rows too, and take a checkpoint's when they have none",
          "[strategy][ps]") {
  Job job;
  make_wide_deep(job);
  job.servers_remember = GENERATE(true, false);
  job.spec.strategy = ps("sync");
  job.spec.checkpoint.every_steps = 4;
  job.spec.checkpoint.keep = 100;
  Job::Ranks whole(2);
  job.run_gang(whole);
  const std::uint32_t expected = checksum_of(whole.results[0]);
  job.attempt = 2;
  Job::Ranks stopped(2);
  stop_at(stopped.heard[0], 17, stopped.stop[1]);
  job.run_gang(stopped);
  REQUIRE(stopped.results[0]->stopped);
  job.attempt = 3;
  if (!job.servers_remember) job.resume = whole.heard[0].checkpoints[4].path;
  Job::Ranks again(2);
  job.run_gang(again);
  CHECK(checksum_of(again.results[0]) == expected);
}

TEST_CASE("more servers than parameters is an error of the spec", "[strategy][ps]") {
  Job job;
  job.spec.model->hidden = {};
  job.spec.data.shape = {1, 1, 1};
  job.spec.model->classes = 2;  // Four parameters.
  job.spec.strategy = ps("sync");
  job.spec.strategy.servers = 5;
  Job::Ranks ranks(1);
  job.run_gang(ranks);
  REQUIRE(ranks.results[0].has_error());
  CHECK(ranks.results[0].error().kind == FailureKind::kSpec);
  CHECK_THAT(ranks.results[0].error().message, Catch::Contains("5"));
}

TEST_CASE("groups are those of a node, or as many as the spec says", "[strategy]") {
  const std::vector<std::string> nodes = {"a", "a", "b", "b", "b", "a"};
  StrategySpec spec;
  spec.name = "hybrid";
  CHECK(groups_of(spec, nodes) == Groups{{0, 1, 5}, {2, 3, 4}});
  spec.group_size = 2;
  CHECK(groups_of(spec, nodes) == Groups{{0, 1}, {2, 3}, {4, 5}});
  CHECK(ranks_of_servers(groups_of(spec, nodes), 6, 2) ==
        std::vector<transport::Rank>{0, 2, 4, 6, 7});
  spec.name = "ps";
  CHECK(groups_of(spec, nodes).size() == 6);
}
