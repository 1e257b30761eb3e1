#include "cmd/dlctl/testing/search_fixture.h"

#include <array>

#include "base/assert.h"
#include "model/spec/parse.h"

namespace dl::dlctl {
namespace {

constexpr const char* kAsha = R"(name: fashion-mnist
model: {name: lenet, classes: 10}
data: {format: idx, path: /usr/share/datasets/fashion-mnist}
train: {epochs: 4, batch_size: 128, optimizer: sgd, learning_rate: 0.05}
resources: {cpus: 2}
search:
  metric: validation.accuracy
  goal: maximize
  algorithm: asha
  max_trials: 12
  max_parallel: 2
  parameters:
    train.learning_rate: {log: [1e-4, 1]}
    train.batch_size: {values: [32, 64, 128]}
    train.optimizer: {values: [sgd, adam]}
    train.momentum: {double: [0, 0.9], when: {train.optimizer: sgd}}
)";

constexpr const char* kPareto = R"(name: small-and-good
command: python3 train.py ${search.args}
search:
  objectives:
  - {metric: accuracy, goal: maximize}
  - {metric: latency_ms, goal: minimize}
  algorithm: random
  max_trials: 12
  parameters:
    width: {int: [8, 96]}
)";

std::string complete(const char* document) {
  const auto parsed = spec::parse(document);
  DL_ASSERT(parsed.spec.has_value(), "the fixture's document is right");
  return spec::to_yaml(*parsed.spec);
}

v1::Job job_of(const char* document, const std::string& name, v1::JobState state,
               std::int64_t now_seconds) {
  v1::Job job;
  job.set_id(42);
  job.set_name(name);
  job.set_user("anna");
  job.set_state(state);
  job.mutable_submit_time()->set_seconds(now_seconds - 305);
  job.mutable_start_time()->set_seconds(now_seconds - 300);
  if (state == v1::JOB_STATE_SUCCEEDED) job.mutable_end_time()->set_seconds(now_seconds);
  job.set_document(document);
  job.set_spec(complete(document));
  job.set_artifact_dir("/data/jobs/42");
  return job;
}

struct Row {
  const char* state;
  double rate;
  int batch;
  const char* optimizer;
  double momentum;                 // Below 0: none.
  std::array<double, 4> accuracy;  // By epoch; 0: not reached.
  const char* why;
};

constexpr std::array<Row, 8> kRows = {{
    {"ended", 0.05, 128, "sgd", 0.9, {0.71, 0.78, 0.82, 0.8412}, ""},
    {"stopped", 0.0002, 32, "adam", -1, {0.55}, "is 2nd of 2 after 1 epochs"},
    {"ended", 0.003125, 64, "adam", -1, {0.79, 0.83, 0.86, 0.8731}, ""},
    {"stopped", 0.7, 32, "sgd", 0.45, {0.1}, "is 4th of 4 after 1 epochs"},
    {"ended", 0.0021, 32, "adam", -1, {0.82, 0.86, 0.88, 0.8931}, ""},
    {"stopped", 0.01, 128, "sgd", 0.123456, {0.62}, "is 5th of 6 after 1 epochs"},
    {"failed", 0.9, 64, "sgd", 0.88, {}, ""},
    {"running", 0.0033, 32, "adam", -1, {0.81, 0.85}, ""},
}};

void set(v1::SearchTrial& trial, const std::string& name, double number) {
  (*trial.mutable_parameters()->mutable_fields())[name].set_number_value(number);
}

void add_asha_trial(SearchFixture& fixture, const Row& row, std::int64_t begin) {
  auto& trial = *fixture.listed.add_trials();
  trial.set_number(static_cast<std::uint32_t>(fixture.listed.trials_size()));
  trial.set_state(row.state);
  trial.set_attempts(1);
  set(trial, "train.learning_rate", row.rate);
  set(trial, "train.batch_size", row.batch);
  (*trial.mutable_parameters()->mutable_fields())["train.optimizer"].set_string_value(
      row.optimizer);
  if (row.momentum >= 0) set(trial, "train.momentum", row.momentum);
  trial.set_why(row.why);
  trial.mutable_start_time()->set_seconds(begin);
  auto& series = *fixture.metrics.add_series();
  series.set_name("validation.accuracy");
  series.set_trial(trial.number());
  for (std::uint64_t epoch = 1; epoch <= 4 && row.accuracy[epoch - 1] > 0; ++epoch) {
    const double accuracy = row.accuracy[epoch - 1];
    auto& point = *series.add_points();
    point.set_step(epoch * 60'000 / static_cast<std::uint64_t>(row.batch));
    point.set_value(accuracy);
    point.mutable_time()->set_seconds(begin + static_cast<std::int64_t>(10 * epoch));
    trial.clear_objectives();
    trial.add_objectives(accuracy);
    trial.set_resource(epoch);
    (*trial.mutable_metrics())["validation.accuracy"] = accuracy;
    trial.mutable_run_time()->set_seconds(static_cast<std::int64_t>(10 * epoch));
    trial.mutable_checkpoint()->set_path("step-" + std::to_string(point.step()));
  }
}

}  // namespace

SearchFixture asha_search(std::int64_t now_seconds) {
  SearchFixture fixture;
  fixture.job = job_of(kAsha, "fashion-mnist", v1::JOB_STATE_RUNNING, now_seconds);
  auto& status = *fixture.listed.mutable_search();
  status.set_algorithm("asha");
  auto& objective = *status.add_objectives();
  objective.set_metric("validation.accuracy");
  objective.set_goal("maximize");
  status.set_max_trials(12);
  status.set_max_parallel(2);
  status.set_started(8);
  status.set_running(1);
  status.set_ended(6);
  status.set_failed(1);
  status.add_best(5);
  fixture.listed.set_job(42);
  fixture.listed.set_name("fashion-mnist");
  fixture.listed.set_state(fixture.job.state());
  for (std::size_t k = 0; k < kRows.size(); ++k)
    add_asha_trial(fixture, kRows[k], now_seconds - 300 + 30 * static_cast<std::int64_t>(k));
  auto& failure = *fixture.listed.mutable_trials(6)->mutable_failure();
  failure.set_kind(v1::FAILURE_KIND_USER_CODE);
  failure.set_task("worker:0");
  failure.set_message("the loss is not finite");
  return fixture;
}

SearchFixture pareto_search(std::int64_t now_seconds) {
  SearchFixture fixture;
  fixture.job = job_of(kPareto, "small-and-good", v1::JOB_STATE_SUCCEEDED, now_seconds);
  auto& status = *fixture.listed.mutable_search();
  status.set_algorithm("random");
  for (const char* metric : {"accuracy", "latency_ms"}) {
    auto& objective = *status.add_objectives();
    objective.set_metric(metric);
    objective.set_goal(std::string(metric) == "accuracy" ? "maximize" : "minimize");
  }
  status.set_max_trials(12);
  status.set_started(12);
  status.set_ended(12);
  status.set_over("12 trials have been tried");
  fixture.listed.set_job(42);
  for (std::uint32_t number = 1; number <= 12; ++number) {
    auto& trial = *fixture.listed.add_trials();
    trial.set_number(number);
    trial.set_state("ended");
    trial.set_attempts(1);
    set(trial, "width", 8.0 * number);
    // Every third is on the front: wider is better and slower; the others lose by being slower.
    const bool front = number % 3 == 0;
    trial.add_objectives(0.7 + 0.02 * number);
    trial.add_objectives(1.5 * number + (front ? 0 : 10));
    trial.set_resource(1);
    trial.mutable_run_time()->set_seconds(20);
    if (front) status.add_best(number);
    auto& series = *fixture.metrics.add_series();
    series.set_name("accuracy");
    series.set_trial(number);
    auto& point = *series.add_points();
    point.set_step(100);
    point.set_value(trial.objectives(0));
    point.mutable_time()->set_seconds(now_seconds - 300 + 20 * number);
  }
  return fixture;
}

}  // namespace dl::dlctl
