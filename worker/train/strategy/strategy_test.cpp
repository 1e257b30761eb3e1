#include "worker/train/strategy/strategy.h"

#include <catch2/catch.hpp>

#include "worker/train/saved_model.h"
#include "worker/train/testing/job.h"

using namespace dl;
using namespace dl::worker;
using namespace dl::worker::train;
using namespace dl::worker::train::testing;

namespace {

StrategySpec strategy(const std::string& name) {
  StrategySpec spec;
  spec.name = name;
  return spec;
}

StrategySpec local_sgd(std::uint32_t window) {
  StrategySpec spec = strategy("local_sgd");
  spec.window = window;
  return spec;
}

StrategySpec averaging(const std::string& frequency) {
  StrategySpec spec = strategy("averaging");
  spec.frequency = frequency;
  return spec;
}

// Whole steps only: every rank has as many samples as the others.
void take_even_shares(Job& job) { job.spec.data.samples = 360; }

double last_loss(const Job::Ranks& ranks) { return ranks.heard[0].evaluations.back().loss; }

}  // namespace

TEST_CASE("every strategy without servers learns, and all ranks end with the same model",
          "[strategy]") {
  Job job;
  job.spec.strategy = GENERATE(strategy("partitioned"), local_sgd(4), local_sgd(0),
                               averaging("epoch"), averaging("once"), strategy("ensemble"));
  job.spec.train.batch_size = 30;
  INFO(job.spec.strategy.name << " " << job.spec.strategy.frequency);
  Job::Ranks ranks(3);
  job.run_gang(ranks);
  const std::uint32_t checksum = checksum_of(ranks.results[0]);
  for (std::uint32_t rank = 1; rank < 3; ++rank) {
    CHECK(checksum_of(ranks.results[rank]) == checksum);
    CHECK(ranks.results[rank]->evaluation.accuracy == ranks.results[0]->evaluation.accuracy);
  }
  CHECK(ranks.results[0]->evaluation.accuracy > 0.9);
  CHECK(ranks.heard[0].evaluations.size() == 3);
}

TEST_CASE("partitioned takes the steps of ring, but for what fp16 leaves out", "[strategy]") {
  Job job;
  const auto optimizer = GENERATE(as<std::string>(), "sgd", "adam");
  job.spec.train.optimizer = optimizer;
  job.spec.train.learning_rate = optimizer == "sgd" ? 0.05 : 0.002;
  job.spec.train.clip_norm = 1;
  job.spec.train.batch_size = 33;
  const auto ring = losses_of(job, strategy("ring"), 3);
  auto partitioned = losses_of(job, strategy("partitioned"), 3);
  for (const auto& [step, loss] : ring) CHECK(partitioned[step] == Approx(loss).epsilon(0.02));
}

TEST_CASE("a checkpoint of ring is one of partitioned, for any number of workers", "[strategy]") {
  Job job;
  job.spec.train.batch_size = 30;
  Job::Ranks whole(2);
  job.run_gang(whole);
  checksum_of(whole.results[0]);
  const bool from_ring = GENERATE(true, false);
  job.attempt = 2;
  job.spec.checkpoint.every_steps = 5;
  job.spec.strategy = strategy(from_ring ? "ring" : "partitioned");
  Job::Ranks first(2);
  stop_at(first.heard[0], 13, first.stop[0]);
  if (from_ring) stop_at(first.heard[0], 13, first.stop[0]);
  job.run_gang(first);
  REQUIRE_FALSE(first.heard[0].checkpoints.empty());
  job.attempt = 3;
  job.resume = first.heard[0].checkpoints.back().path;
  job.spec.strategy = strategy(from_ring ? "partitioned" : "ring");
  Job::Ranks second(3);
  job.run_gang(second);
  checksum_of(second.results[0]);
  CHECK(last_loss(second) == Approx(last_loss(whole)).epsilon(0.02));
}

TEST_CASE("local sgd with a window of one step and plain sgd is ring", "[strategy]") {
  Job job;
  take_even_shares(job);
  job.spec.train.batch_size = 36;
  job.spec.train.momentum = 0;
  Job::Ranks ring(3);
  job.run_gang(ring);
  checksum_of(ring.results[0]);
  job.spec.strategy = local_sgd(1);
  Job::Ranks local(3);
  job.run_gang(local);
  checksum_of(local.results[0]);
  REQUIRE(local.heard[0].evaluations.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(local.heard[0].evaluations[i].loss ==
          Approx(ring.heard[0].evaluations[i].loss).epsilon(1e-4));
  }
}

TEST_CASE("local sgd finds a window, publishes it, and a resumed run has it", "[strategy]") {
  Job job;
  job.spec.strategy = local_sgd(0);
  job.spec.strategy.target_communication = 1;
  job.spec.checkpoint.keep = 100;
  Job::Ranks first(2);
  job.run_gang(first);
  checksum_of(first.results[0]);
  CHECK(first.heard[0].metrics["train.window"] >= 1);
  CHECK(first.heard[0].metrics.count("train.communication") == 1);
  CHECK_THAT(first.heard[0].notes, Catch::Contains("set strategy.window to it"));
  job.attempt = 2;
  job.resume = first.heard[0].checkpoints.front().path;
  Job::Ranks second(2);
  job.run_gang(second);
  checksum_of(second.results[0]);
  CHECK_THAT(second.heard[0].notes, !Catch::Contains("set strategy.window"));
  CHECK(second.heard[0].metrics["train.window"] == first.heard[0].metrics["train.window"]);
}

TEST_CASE("a strategy's run that was interrupted ends as if it had not been", "[strategy]") {
  Job job;
  job.spec.strategy = GENERATE(strategy("partitioned"), local_sgd(3), averaging("epoch"),
                               averaging("once"), strategy("ensemble"));
  INFO(job.spec.strategy.name << " " << job.spec.strategy.frequency);
  // Also in the middle of an epoch and of a window: then all average early, in both runs.
  job.spec.checkpoint.every_steps = 4;
  job.spec.checkpoint.keep = 100;
  Job::Ranks whole(2);
  job.run_gang(whole);
  const std::uint32_t expected = checksum_of(whole.results[0]);
  for (const std::size_t which : {2, 5}) {
    job.attempt = 2 + static_cast<std::uint32_t>(which);
    job.resume = whole.heard[0].checkpoints[which].path;
    INFO(job.resume);
    Job::Ranks resumed(2);
    job.run_gang(resumed);
    CHECK(checksum_of(resumed.results[0]) == expected);
    CHECK(resumed.heard[0].losses.begin()->first == whole.heard[0].checkpoints[which].step + 1);
  }
}

TEST_CASE("told to stop at different moments, all ranks stop after the same step", "[strategy]") {
  Job job;
  job.spec.strategy =
      GENERATE(strategy("partitioned"), local_sgd(3), averaging("once"), strategy("ensemble"));
  INFO(job.spec.strategy.name);
  Job::Ranks ranks(3);
  for (std::uint32_t rank = 0; rank < 3; ++rank) {
    stop_at(ranks.heard[0], 6, ranks.stop[1]);  // Rank 0 reports; rank 1 alone is told.
  }
  job.spec.train.batch_size = 30;
  job.run_gang(ranks);
  for (const auto& result : ranks.results) {
    REQUIRE(result.has_value());
    CHECK(result->stopped);
    CHECK(result->progress.step == ranks.results[0]->progress.step);
  }
  REQUIRE(ranks.heard[0].checkpoints.size() == 1);
  CHECK(ranks.heard[0].checkpoints[0].step == ranks.results[0]->progress.step);
}

TEST_CASE("an ensemble saves every member, and judges by all of them", "[strategy]") {
  Job job;
  job.spec.strategy = strategy("ensemble");
  Job::Ranks ranks(2);
  job.run_gang(ranks);
  checksum_of(ranks.results[0]);
  const auto data =
      open_dataset(dataset_request(*job.spec.model, job.spec.data, job.spec.train.seed));
  std::vector<Evaluation> alone;
  for (const std::string name : {"member-0.dlm", "member-1.dlm"}) {
    const auto saved = load_model(job.folder() / "model" / name);
    REQUIRE(saved.has_value());
    Replica replica(saved->model, torch::kCPU);
    alone.push_back(evaluate(replica, Gang(), data->validation, 64));
  }
  CHECK(alone[0].loss != alone[1].loss);
  // The mean of probabilities is never worse than the mean of the members' losses.
  CHECK(ranks.results[0]->evaluation.loss < (alone[0].loss + alone[1].loss) / 2);
}

TEST_CASE("a rank whose own steps go astray is named with the tensor, and nobody hangs",
          "[strategy]") {
  Job job;
  job.spec.strategy = GENERATE(local_sgd(4), averaging("epoch"), averaging("once"));
  INFO(job.spec.strategy.name << " " << job.spec.strategy.frequency);
  Job::Ranks ranks(3);
  ranks.change_spec = [](std::uint32_t rank, JobSpec& spec) {
    if (rank == 1) spec.train.learning_rate = 1e30;
  };
  job.run_gang(ranks);
  for (const auto& result : ranks.results) REQUIRE(result.has_error());
  CHECK(ranks.results[1].error().kind == FailureKind::kUserCode);
  CHECK_THAT(ranks.results[1].error().message,
             Catch::Contains("rank 1's gradient of layers.") && Catch::Contains("is not finite"));
  CHECK(ranks.results[0].error().kind == FailureKind::kCommunication);
}

TEST_CASE("a rank with another model is named, with the tensor that differs", "[strategy]") {
  Job job;
  Job::Ranks ranks(3);
  ranks.change_spec = [](std::uint32_t rank, JobSpec& spec) {
    if (rank == 2) spec.model->hidden = {33};
  };
  job.run_gang(ranks);
  for (const auto& result : ranks.results) {
    REQUIRE(result.has_error());
    CHECK(result.error().kind == FailureKind::kSpec);
    CHECK(
        result.error().message ==
        "rank 2 has another model than rank 0: its tensor 0 is layers.1.weight, 33 x 256 Float, "
        "rank 0's is layers.1.weight, 32 x 256 Float; all ranks need the same spec and version of "
        "dl-worker");
  }
}
