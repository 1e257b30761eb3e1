#include "worker/train/train.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>

#include "worker/train/saved_model.h"
#include "worker/train/testing/job.h"

using namespace dl;
using namespace dl::worker;
using namespace dl::worker::train;
using namespace dl::worker::train::testing;
namespace fs = std::filesystem;

namespace {

// Images with one that is NaN throughout.
class Poisoned : public Dataset {
 public:
  Poisoned(std::shared_ptr<const Dataset> good, std::uint32_t bad)
      : good_(std::move(good)), bad_(bad) {}
  std::uint64_t size() const override { return good_->size(); }
  SampleShape shape() const override { return good_->shape(); }
  void fill(std::span<const std::uint32_t> indexes, const BatchMemory& to) const override {
    good_->fill(indexes, to);
    const std::size_t size = shape().size();
    for (std::size_t i = 0; i < indexes.size(); ++i) {
      if (indexes[i] == bad_) std::fill_n(to.images + i * size, size, std::nanf(""));
    }
  }

 private:
  std::shared_ptr<const Dataset> good_;
  std::uint32_t bad_;
};

void flip_bit(const fs::path& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(fs::file_size(path) / 2));
  const auto place = file.tellg();
  const int byte = file.get();
  file.seekp(place);
  file.put(static_cast<char>(byte ^ 1));
}

}  // namespace

TEST_CASE("a run learns, evaluates every epoch and saves a model that can be loaded", "[train]") {
  Job job;
  Heard heard;
  const auto result = job.run(heard);
  checksum_of(result);
  CHECK(result->progress.step == 33);
  CHECK(heard.losses.size() == 33);
  CHECK(heard.losses[33] < heard.losses[1] / 4);
  CHECK(heard.evaluations.size() == 3);
  CHECK(result->evaluation.accuracy > 0.9);
  CHECK(result->evaluation.samples == 33);
  CHECK(heard.checkpoints.size() == 3);

  const auto saved = load_model(job.folder() / "model" / "model.dlm");
  REQUIRE(saved.has_value());
  CHECK(saved->shape == SampleShape{1, 16, 16});
  Replica replica(saved->model, torch::kCPU);
  const auto data =
      open_dataset(dataset_request(*job.spec.model, job.spec.data, job.spec.train.seed));
  const Evaluation again = evaluate(replica, Gang(), data->validation, 64);
  CHECK(again.accuracy == result->evaluation.accuracy);
  CHECK(again.loss == Approx(result->evaluation.loss));
}

TEST_CASE("models of clicks and text learn their rules, and are saved and loaded", "[train]") {
  Job job;
  job.spec.train.optimizer = "adamw";
  job.spec.train.learning_rate = 0.005;
  std::string metric;
  double loss = 0;   // At most.
  double value = 0;  // Of the metric, at least or at most.
  SECTION("wide_deep") {
    metric = "auc";
    job.spec.model->name = "wide_deep";
    job.spec.model->categories = {40, 20, 10};
    job.spec.data.samples = 3000;
    loss = 0.55;  // From ln 2 = 0.69.
    value = 0.8;
  }
  SECTION("transformer") {
    metric = "perplexity";
    job.spec.model->name = "transformer";
    job.spec.model->vocabulary = 16;
    job.spec.model->context = 16;
    job.spec.model->width = 32;
    job.spec.data.samples = 1500;
    loss = 1.6;  // From ln 16 = 2.8.
    value = 5;
  }
  Job::Ranks ranks(2);
  job.run_gang(ranks);
  checksum_of(ranks.results[0]);
  const Evaluation& last = ranks.results[0]->evaluation;
  CHECK(last.loss < loss);
  REQUIRE(last.more.size() == 1);
  CHECK(last.more[0].first == metric);
  CHECK((metric == "auc" ? last.more[0].second > value : last.more[0].second < value));
  CHECK(last.samples == job.spec.data.samples / 10);
  CHECK(ranks.results[1]->evaluation.more == last.more);

  const auto saved = load_model(job.folder() / "model" / "model.dlm");
  REQUIRE(saved.has_value());
  Replica replica(saved->model, torch::kCPU);
  const auto data =
      open_dataset(dataset_request(*job.spec.model, job.spec.data, job.spec.train.seed));
  const Evaluation again = evaluate(replica, Gang(), data->validation, 64);
  CHECK(again.loss == Approx(last.loss));
  CHECK(again.more[0].second == Approx(last.more[0].second));
}

TEST_CASE("two ranks end with bit-identical parameters, the same in every run", "[train]") {
  Job job;
  job.spec.strategy.bucket_bytes = 4096;  // Several buckets.
  Job::Ranks first(2);
  job.run_gang(first);
  Job::Ranks second(2);
  job.run_gang(second);
  CHECK(checksum_of(first.results[0]) == checksum_of(first.results[1]));
  CHECK(checksum_of(first.results[0]) == checksum_of(second.results[0]));
  CHECK(first.heard[0].losses == second.heard[0].losses);
  CHECK(first.results[0]->evaluation.accuracy == first.results[1]->evaluation.accuracy);
  CHECK(first.heard[1].losses.empty());
}

TEST_CASE("2 workers x 64 and 1 worker x 128 have the same loss at each of 100 steps", "[train]") {
  Job job;
  job.spec.model->name = "lenet";
  job.spec.model->classes = 10;
  job.spec.data.shape = {1, 28, 28};
  job.spec.data.samples = 128 * 40 + 60;
  if (const std::string real = "/usr/share/datasets/fashion-mnist"; fs::exists(real)) {
    job.spec.data.format = "idx";
    job.spec.data.path = real;
  }
  job.spec.train.batch_size = 128;
  job.spec.train.learning_rate = 0.04;
  job.spec.train.max_steps = 100;
  job.spec.checkpoint.every_epochs = 0;
  Heard alone;
  checksum_of(job.run(alone));
  Job::Ranks ranks(2);
  job.run_gang(ranks);
  checksum_of(ranks.results[0]);
  REQUIRE(alone.losses.size() == 100);
  REQUIRE(ranks.heard[0].losses.size() == 100);
  double worst = 0;
  for (const auto& [step, loss] : alone.losses) {
    worst = std::max(worst, std::abs(ranks.heard[0].losses[step] / loss - 1));
  }
  CHECK(worst < 1e-5);
  CHECK(alone.losses[100] < alone.losses[1] / 1.5);
}

TEST_CASE("a run that was stopped in the middle of an epoch ends as if it had not been",
          "[train]") {
  Job job;
  const auto optimizer = GENERATE(as<std::string>(), "sgd", "adamw");
  const std::uint64_t step = GENERATE(5, 11, 22, 27);
  job.spec.train.optimizer = optimizer;
  job.spec.train.learning_rate = optimizer == "sgd" ? 0.05 : 0.001;
  job.spec.model->dropout = 0.3;
  Heard whole;
  const std::uint32_t expected = checksum_of(job.run(whole));

  job.attempt = 2;
  Heard before;
  std::atomic<bool> stop{false};
  stop_at(before, step, stop);
  const auto stopped = job.run(before, &stop);
  REQUIRE(stopped.has_value());
  CHECK(stopped->stopped);
  REQUIRE_FALSE(before.checkpoints.empty());
  CHECK(before.checkpoints.back().step == step);

  job.attempt = 3;
  job.resume = before.checkpoints.back().path;
  Heard after;
  CHECK(checksum_of(job.run(after)) == expected);
  CHECK(after.losses.begin()->first == step + 1);
  CHECK(before.evaluations.size() + after.evaluations.size() == 3);
  for (const auto& [at, loss] : after.losses) CHECK(loss == whole.losses[at]);
}

TEST_CASE("a damaged checkpoint is named and the one before it used", "[train]") {
  Job job;
  Heard whole;
  const std::uint32_t expected = checksum_of(job.run(whole));
  REQUIRE(whole.checkpoints.size() == 3);
  job.attempt = 2;
  job.resume = whole.checkpoints[2].path;
  flip_bit(job.checkpoint(job.resume));
  Heard after;
  CHECK(checksum_of(job.run(after)) == expected);
  CHECK(after.losses.begin()->first == whole.checkpoints[1].step + 1);
  CHECK_THAT(after.notes,
             Catch::Contains("checkpoint not used: ") && Catch::Contains(job.resume) &&
                 Catch::Contains("damaged at byte") &&
                 Catch::Contains("resumed from checkpoint " + whole.checkpoints[1].path));
}

TEST_CASE("with every checkpoint damaged the run fails and says so", "[train]") {
  Job job;
  Heard whole;
  checksum_of(job.run(whole));
  for (const auto& entry : fs::directory_iterator(job.folder() / "checkpoints")) {
    flip_bit(entry.path());
  }
  job.attempt = 2;
  job.resume = whole.checkpoints[2].path;
  Heard after;
  const auto result = job.run(after);
  REQUIRE(result.has_error());
  CHECK(result.error().kind == FailureKind::kInfrastructure);
  CHECK_THAT(result.error().message, Catch::Contains("no checkpoint in"));
}

TEST_CASE("a checkpoint of another run is refused", "[train]") {
  Job job;
  Heard whole;
  checksum_of(job.run(whole));
  job.attempt = 2;
  job.resume = whole.checkpoints[2].path;
  SECTION("another batch size") { job.spec.train.batch_size = 64; }
  SECTION("another model") { job.spec.model->hidden = {33}; }
  SECTION("another optimizer") { job.spec.train.optimizer = "adam"; }
  Heard after;
  const auto result = job.run(after);
  REQUIRE(result.has_error());
  CHECK(result.error().kind == FailureKind::kSpec);
  CHECK_THAT(result.error().message, Catch::Contains("checkpoint " + job.resume));
}

TEST_CASE("a full disk fails the run and leaves the older checkpoint", "[train]") {
  Job job;
  Heard heard;
  heard.at_step = [&](std::uint64_t step) {
    if (step == 12) {
      fs::create_symlink("/dev/full", job.checkpoint("step-000000022-attempt-1.dlm.tmp"));
    }
  };
  const auto result = job.run(heard);
  REQUIRE(result.has_error());
  CHECK(result.error().kind == FailureKind::kInfrastructure);
  CHECK_THAT(result.error().message, Catch::Contains("the disk is full") &&
                                         Catch::Contains("step-000000022-attempt-1.dlm"));
  REQUIRE(heard.checkpoints.size() == 1);
  CHECK(Container::read(job.checkpoint(heard.checkpoints[0].path)).has_value());
}

TEST_CASE("when a peer is lost, no completed step is", "[train]") {
  Job job;
  const auto model = GENERATE(as<std::string>(), "mlp", "resnet18");
  if (model == "resnet18") {  // Its batch normalisation has buffers that a step under way changes.
    job.spec.model->name = model;
    job.spec.data.shape = {1, 32, 32};
    job.spec.data.samples = 40;
    job.spec.train.batch_size = 8;
    job.spec.train.epochs = 1;
  }
  job.spec.checkpoint.every_epochs = 0;
  Job::Ranks whole(2);
  job.run_gang(whole);
  const std::uint32_t expected = checksum_of(whole.results[0]);

  Job::Ranks broken(2);
  stop_at(broken.heard[0], 3, broken.stop[1]);
  job.run_gang(broken);
  REQUIRE(broken.results[0].has_error());
  CHECK(broken.results[0].error().kind == FailureKind::kCommunication);
  CHECK_THAT(broken.results[0].error().message, Catch::Contains("rank 1"));
  REQUIRE(broken.heard[0].checkpoints.size() == 1);
  CHECK(broken.heard[0].checkpoints[0].step == broken.heard[0].losses.rbegin()->first);

  job.attempt = 2;
  job.resume = broken.heard[0].checkpoints[0].path;
  Job::Ranks resumed(2);
  job.run_gang(resumed);
  CHECK(checksum_of(resumed.results[0]) == expected);
}

TEST_CASE("a run that diverges says at which step and what to lower", "[train]") {
  Job job;
  job.spec.train.learning_rate = 1e30;
  Heard heard;
  const auto result = job.run(heard);
  REQUIRE(result.has_error());
  CHECK(result.error().kind == FailureKind::kUserCode);
  CHECK_THAT(result.error().message, Catch::Contains("is not finite, at learning rate 9.97") &&
                                         Catch::Contains("lower train.learning_rate"));
}

TEST_CASE("gradients that are not finite stop all ranks, or are skipped by all", "[train]") {
  Job job;
  job.spec.train.epochs = 1;
  const auto model = GENERATE(as<std::string>(), "mlp", "resnet18");
  if (model == "resnet18") {  // Whose statistics see the bad sample.
    job.spec.model->name = model;
    job.spec.data.shape = {1, 32, 32};
    job.spec.data.samples = 40;
    job.spec.train.batch_size = 8;
  }
  // Of rank 1's share of the third step.
  const auto sampler = Sampler::make({.samples = job.spec.data.samples,
                                      .batch_size = job.spec.train.batch_size,
                                      .workers = 2,
                                      .seed = job.spec.train.seed});
  const std::uint32_t bad = sampler->permutation(0)[sampler->share(2, 1).begin];
  job.change_data = [bad](Splits& data) {
    data.train = std::make_shared<Poisoned>(data.train, bad);
  };
  Job::Ranks ranks(2);
  SECTION("stop") {
    job.run_gang(ranks);
    for (const auto& result : ranks.results) {
      REQUIRE(result.has_error());
      CHECK(result.error().kind == FailureKind::kUserCode);
      CHECK_THAT(result.error().message, Catch::Contains("step 3: rank 1's gradient of ") &&
                                             Catch::Contains(".weight is not finite"));
    }
  }
  SECTION("skip") {
    job.spec.train.non_finite = "skip";
    job.run_gang(ranks);
    CHECK(checksum_of(ranks.results[0]) == checksum_of(ranks.results[1]));
    CHECK(ranks.heard[0].metrics["train.skipped_steps"] == 1);
    CHECK(std::isfinite(ranks.results[0]->evaluation.loss));
    for (const auto& [step, loss] : ranks.heard[0].losses) CHECK(std::isfinite(loss));
    CHECK(ranks.heard[0].losses[3] == ranks.heard[0].losses[2]);
  }
}

TEST_CASE("accumulated steps and bfloat16 train as whole float32 ones", "[train]") {
  Job job;
  job.spec.train.epochs = 1;
  Job::Ranks whole(2);
  job.run_gang(whole);
  checksum_of(whole.results[0]);
  double allowed = 0;
  SECTION("accumulated") {
    job.spec.train.accumulate_steps = 4;
    allowed = 1e-4;
  }
  SECTION("bfloat16") {
    job.spec.train.precision = "bfloat16";
    allowed = 0.1;
  }
  Job::Ranks other(2);
  job.run_gang(other);
  CHECK(checksum_of(other.results[0]) == checksum_of(other.results[1]));
  CHECK(checksum_of(other.results[0]) != checksum_of(whole.results[0]));
  for (const auto& [step, loss] : whole.heard[0].losses) {
    CHECK(other.heard[0].losses[step] == Approx(loss).epsilon(allowed));
  }
}

TEST_CASE("a finished run that is started again only evaluates", "[train]") {
  Job job;
  Heard whole;
  const auto first = job.run(whole);
  checksum_of(first);
  job.attempt = 2;
  job.resume = whole.checkpoints[2].path;
  Heard again;
  const auto second = job.run(again);
  CHECK(checksum_of(second) == first->checksum);
  CHECK(second->evaluation.accuracy == first->evaluation.accuracy);
  CHECK(again.losses.empty());
}

TEST_CASE("failures are laid at the right door", "[train]") {
  const auto kind_of = [](auto exception) {
    try {
      throw exception;
    } catch (...) {
      return failure_of_current_exception().kind;
    }
  };
  const c10::SourceLocation here{"", "", 0};
  CHECK(kind_of(std::bad_alloc()) == FailureKind::kOutOfMemory);
  CHECK(kind_of(c10::OutOfMemoryError(here, "CUDA out of memory")) == FailureKind::kOutOfMemory);
  CHECK(kind_of(c10::DistBackendError(here, "rank 1 is gone")) == FailureKind::kCommunication);
  CHECK(kind_of(c10::Error(here, "shapes differ")) == FailureKind::kUserCode);
  CHECK(kind_of(std::runtime_error("x")) == FailureKind::kUserCode);
}

TEST_CASE("a trial begins with the checkpoint of another one", "[train]") {
  Job parent;
  parent.spec.train.epochs = 2;
  Heard before;
  checksum_of(parent.run(before));
  const std::uint64_t end = before.losses.rbegin()->first;
  Job child;
  child.inherit = parent.checkpoint(before.checkpoints.back().path);
  Heard heard;
  SECTION("and goes on where that one was, at its own rate") {
    child.spec.train.learning_rate = 0.001;
    checksum_of(child.run(heard));
    CHECK(heard.losses.begin()->first == end + 1);
    CHECK(heard.evaluations.size() == 1);
  }
  SECTION("with another size of batch, at the same epoch") {
    child.spec.train.batch_size = 64;
    checksum_of(child.run(heard));
    CHECK(heard.losses.begin()->first == 2 * heard.losses.size() + 1);
  }
  SECTION("with another optimizer, which begins anew") {
    child.spec.train.optimizer = "adamw";
    checksum_of(child.run(heard));
    CHECK(heard.losses.begin()->first == end + 1);
  }
  SECTION("in a gang, on every rank") {
    Job::Ranks ranks(2);
    child.run_gang(ranks);
    CHECK(checksum_of(ranks.results[0]) == checksum_of(ranks.results[1]));
    heard = ranks.heard[0];
    CHECK(heard.losses.begin()->first == end + 1);
  }
  // It has learned what the parent did, which is not where a new one begins.
  CHECK(heard.losses.begin()->second < before.losses.begin()->second / 2);
  CHECK_THAT(heard.notes, Catch::Contains("begins with another trial's checkpoint"));
}

TEST_CASE("a trial cannot begin with the checkpoint of another model", "[train]") {
  Job parent;
  Heard before;
  checksum_of(parent.run(before));
  Job child;
  child.inherit = parent.checkpoint(before.checkpoints.back().path);
  child.spec.model->hidden = {16};
  Heard heard;
  const auto result = child.run(heard);
  REQUIRE(result.has_error());
  CHECK(result.error().kind == FailureKind::kSpec);
  CHECK_THAT(result.error().message, Catch::Contains("whose model is another"));
}
