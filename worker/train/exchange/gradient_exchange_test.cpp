// Whole runs whose gradients are compressed, or travel in buckets of a size that is found out.

#include "worker/train/exchange/gradient_exchange.h"

#include <catch2/catch.hpp>

#include "worker/train/testing/job.h"

namespace dl::worker::train {
namespace {

using testing::checksum_of;
using testing::Heard;
using testing::Job;

// Wide enough that PowerSGD and top-k have something to leave out.
void prepare(Job& job, const std::string& compression, std::uint32_t workers = 2) {
  job.spec.model->hidden = {64, 64};
  job.spec.train.batch_size = 8 * workers;
  job.spec.strategy.workers = workers;
  job.spec.strategy.bucket_bytes = 32 << 10;
  job.spec.strategy.compression.name = compression;
  job.spec.strategy.compression.ratio = 0.05;
  job.spec.strategy.compression.automatic = false;
}

std::vector<std::string> names_of(const std::map<std::string, double>& metrics) {
  std::vector<std::string> names;
  for (const auto& [name, value] : metrics) names.push_back(name);
  return names;
}

TEST_CASE("a run with compressed gradients learns, sends less, and repeats itself", "[exchange]") {
  const auto [name, ratio] = GENERATE(table<std::string, double>(
      {{"fp16", 1.9}, {"bf16", 1.9}, {"int8", 3.5}, {"top_k", 4.5}, {"power_sgd", 4.0}}));
  const auto workers = GENERATE(2u, 3u);
  Job job;
  prepare(job, name, workers);
  Job::Ranks first(workers);
  job.run_gang(first);
  const std::uint32_t checksum = checksum_of(first.results[0]);
  INFO(name << " on " << workers << " workers");
  CHECK(first.results[0]->evaluation.accuracy > 0.9);
  auto& metrics = first.heard[0].metrics;
  CHECK(metrics["train.compression.active"] == 1);
  CHECK(metrics["train.compression.ratio"] > (workers == 2 ? ratio : ratio / 2));
  CHECK(metrics["train.compression.seconds"] > 0);
  CHECK(metrics["train.communication"] > 0);
  CHECK(metrics["train.communication_exposed"] > 0);
  CHECK(metrics["train.communication_exposed"] <= 1);
  Job::Ranks second(workers);
  job.run_gang(second);
  CHECK(checksum_of(second.results[0]) == checksum);
}

TEST_CASE("a compressed run that was stopped ends as if it had not been", "[exchange]") {
  const auto name = GENERATE(as<std::string>(), "top_k", "power_sgd", "int8");
  Job job;
  prepare(job, name);
  Job::Ranks whole(2);
  job.run_gang(whole);
  const std::uint32_t expected = checksum_of(whole.results[0]);

  job.attempt = 2;
  Job::Ranks before(2);
  // One of them is told; both have something to give to the checkpoint.
  testing::stop_at(before.heard[0], 7, before.stop[0]);
  job.run_gang(before);
  INFO(name);
  for (const auto& result : before.results) {
    REQUIRE(result.has_value());
    CHECK(result->stopped);
    CHECK(result->progress.step == 7);
  }
  job.attempt = 3;
  job.resume = before.heard[0].checkpoints.back().path;
  Job::Ranks after(2);
  job.run_gang(after);
  CHECK(checksum_of(after.results[0]) == expected);
  CHECK(after.heard[0].losses.begin()->first == 8);
}

TEST_CASE("steps before the start step are not compressed", "[exchange]") {
  Job job;
  prepare(job, "top_k");
  job.spec.train.momentum = 0;
  job.spec.strategy.compression.start_step = 1'000'000;
  Job::Ranks compressed(2);
  job.run_gang(compressed);
  CHECK(compressed.heard[0].metrics["train.compression.active"] == 0);
  job.spec.strategy.compression = {};
  Job::Ranks plain(2);
  job.run_gang(plain);
  CHECK(checksum_of(compressed.results[0]) == checksum_of(plain.results[0]));
  const auto names = names_of(plain.heard[0].metrics);
  CHECK(std::ranges::none_of(
      names, [](const std::string& name) { return name.starts_with("train.compression"); }));
}

// Momentum before the sum over the ranks, in place of momentum after it.
TEST_CASE("a momentum that top-k has is that of the optimizer, until something is left out",
          "[exchange]") {
  Job job;
  prepare(job, "top_k");
  job.spec.train.momentum = 0.8;
  job.spec.strategy.compression.start_step = 1'000'000;
  Job::Ranks corrected(2);
  job.run_gang(corrected);
  job.spec.strategy.compression = {};
  Job::Ranks plain(2);
  job.run_gang(plain);
  REQUIRE(plain.heard[0].losses.size() > 5);
  for (const auto& [step, loss] : plain.heard[0].losses)
    CHECK(corrected.heard[0].losses.at(step) == Approx(loss).epsilon(1e-4));
  CHECK_FALSE(checksum_of(corrected.results[0]) == checksum_of(plain.results[0]));
}

// Which way it goes is the machine's affair; that it goes one way on all ranks, says so, and stays
// with it, is ours.
TEST_CASE("what is found out is said, agreed on and kept over a restart", "[exchange]") {
  const bool buckets = GENERATE(true, false);
  Job job;
  prepare(job, buckets ? "none" : "top_k");
  if (buckets) job.spec.strategy.bucket_bytes = 0;
  job.spec.strategy.compression.automatic = true;
  job.spec.model->hidden = {512, 512, 512};  // 2.6 MB: three sizes of buckets differ.
  Job::Ranks first(2);
  testing::stop_at(first.heard[0], 24, first.stop[0]);
  testing::stop_at(first.heard[0], 24, first.stop[1]);
  job.run_gang(first);
  INFO(first.heard[0].notes);
  CHECK_THAT(first.heard[0].notes,
             Catch::Contains("gradients plain in buckets of 26214400 bytes: a step takes ") ||
                 Catch::Contains("gradients plain in buckets of 32768 bytes: a step takes "));
  CHECK_THAT(first.heard[0].notes, Catch::Contains("gradients travel "));
  CHECK(first.heard[1].notes.find("gradients") == std::string::npos);
  REQUIRE_FALSE(first.heard[0].checkpoints.empty());

  job.attempt = 2;
  job.resume = first.heard[0].checkpoints.back().path;
  Job::Ranks second(2);
  job.run_gang(second);
  checksum_of(second.results[0]);
  CHECK(second.heard[0].notes.find("a step takes") == std::string::npos);
  for (const std::string metric : {"train.bucket_bytes", "train.compression.active"}) {
    CHECK(second.heard[0].metrics[metric] == first.heard[0].metrics[metric]);
  }
  if (!buckets) {
    const bool active = second.heard[0].metrics["train.compression.active"] == 1;
    CHECK_THAT(first.heard[0].notes,
               Catch::Contains(active ? "gradients travel top_k" : "gradients travel plain"));
  }
}

}  // namespace
}  // namespace dl::worker::train
