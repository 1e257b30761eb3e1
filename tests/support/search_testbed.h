// A coordinator's core with a search on it: trials that report what a test says, and end.

#pragma once

#include <csignal>
#include <string>
#include <vector>

#include "model/spec/parse.h"
#include "tests/support/coordinator_testbed.h"

namespace dl::coordinator {

// A command's job of one worker with this search; `keys` are lines of the `search` block.
inline std::string search_text(const std::string& keys) {
  return "name: test\ncommand: train --lr=${lr}\nsearch:\n  metric: loss\n  goal: minimize\n"
         "  parameters: {lr: {log: [1e-4, 1e-1]}}\n" +
         keys;
}

class SearchBed : public Testbed {
 public:
  explicit SearchBed(const std::string& text, std::uint32_t cpus = 8) {
    connect("a", cpus);
    const spec::ParseResult parsed = spec::parse(text);
    INFO(spec::to_string(parsed.problems, "spec"));
    REQUIRE(parsed.spec.has_value());
    submitted = submit(*parsed.spec, {}, text);
  }

  const Trial& trial(std::uint32_t number) const { return job(1).trials.at(number); }
  TaskId task(std::uint32_t trial_number) const {
    return {{JobId{1}, trial_number, trial(trial_number).attempts}, Role::kWorker, 0};
  }
  const Search& search() const { return *job(1).search; }

  // The numbers of the trials in this state.
  std::vector<std::uint32_t> in(TrialState state) const {
    std::vector<std::uint32_t> numbers;
    for (const auto& [number, trial] : job(1).trials) {
      if (trial.state == state) numbers.push_back(number);
    }
    return numbers;
  }

  void report(std::uint32_t trial_number, std::vector<MetricPoint> metrics,
              std::optional<Progress> progress = {}, std::optional<Checkpoint> checkpoint = {}) {
    const TaskId id = task(trial_number);
    (void)step(TaskReport{.node = "a",
                          .session = node("a").session,
                          .task = id,
                          .number = Testbed::task(id).reports + 1,
                          .progress = progress,
                          .metrics = std::move(metrics),
                          .checkpoint = std::move(checkpoint)});
  }
  // The objective after so many epochs.
  void loss(std::uint32_t trial_number, double value, std::uint32_t epoch = 1) {
    report(trial_number, {{.name = "loss", .step = epoch, .value = value, .time = {}}},
           Progress{.epoch = epoch, .epochs = 100});
  }
  void checkpoint(std::uint32_t trial_number, std::uint32_t epoch) {
    report(trial_number, {}, {},
           Checkpoint{.path = "epoch-" + std::to_string(epoch), .step = epoch, .epoch = epoch});
  }
  void end(std::uint32_t trial_number, TaskExit with = {}) {
    exits(task(trial_number), std::move(with));
  }
  void succeed(std::uint32_t trial_number, double value) {
    loss(trial_number, value);
    end(trial_number);
  }

  Result<JobId> pause(bool pause_it = true) {
    (void)step(
        PauseSearch{.request = ++request, .job = JobId{1}, .pause = pause_it, .user = "ada"});
    return all<Reply>().at(0).result;
  }
  Result<JobId> extend(std::uint32_t trials, std::uint32_t max_parallel = 0) {
    (void)step(ExtendSearch{
        .request = ++request, .job = JobId{1}, .trials = trials, .max_parallel = max_parallel});
    return all<Reply>().at(0).result;
  }

  Result<JobId> submitted = JobId{};
};

}  // namespace dl::coordinator
