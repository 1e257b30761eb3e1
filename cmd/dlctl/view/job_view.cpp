#include "cmd/dlctl/view/job_view.h"

#include <map>

#include "cmd/dlctl/view/facts.h"
#include "cmd/dlctl/view/job_text.h"

namespace dl::dlctl {
namespace {

std::string best_text(const v1::Job& job) {
  const auto best = best_metric(job);
  return best ? short_number(best->value) : "";
}

// "██████░░░░ 62% 8m"; of a search "17/24 trials": those with a result, whether they ended or wait
// to be taken up again. Failed ones are replaced.
std::string progress_text(const v1::Job& job, bool unicode) {
  if (!job.has_search()) return progress_cell(progress_of(job), unicode);
  const v1::SearchStatus& search = job.search();
  const std::string of = search.max_trials() > 0 ? "/" + std::to_string(search.max_trials()) : "";
  return std::to_string(search.ended() + search.paused()) + of + " trials";
}

std::uint32_t restarts_of(const v1::Job& job) {
  std::uint32_t restarts = 0;
  for (const auto& trial : job.trials())
    restarts += trial.attempts() > 0 ? trial.attempts() - 1 : 0;
  return restarts;
}

std::string count_text(std::uint32_t count) { return count == 0 ? "" : std::to_string(count); }

std::map<std::string, double> sorted_metrics(const v1::Trial& trial) {
  return {trial.metrics().begin(), trial.metrics().end()};
}

std::string metrics_text(const v1::Trial& trial) {
  std::string text;
  for (const auto& [name, value] : sorted_metrics(trial)) {
    text += (text.empty() ? "" : "  ") + one_line(name) + " " + short_number(value);
  }
  return text;
}

std::string checkpoint_text(const v1::Checkpoint& checkpoint) {
  if (checkpoint.path().empty()) return "";
  return one_line(checkpoint.path()) + " (step " + with_commas(checkpoint.step()) + ", epoch " +
         std::to_string(checkpoint.epoch()) + ")";
}

std::string exit_text(const v1::Task& task) {
  if (task.state() != "exited") return "";
  std::string text = task.exit_signal() != 0 ? "signal " + std::to_string(task.exit_signal())
                                             : std::to_string(task.exit_code());
  if (!task.exit_message().empty()) text += " " + task.exit_message();
  return text;
}

std::string gpus_text(const v1::Task& task) {
  std::string text;
  for (const auto gpu : task.gpus()) text += (text.empty() ? "" : ",") + std::to_string(gpu);
  return text;
}

std::string tasks_text(const v1::Attempt& attempt, const TableOptions& options) {
  Table table({{.header = "TASK"},
               {.header = "STATE"},
               {.header = "NODE", .cut_to = 8},
               {.header = "ADDRESS", .wide_only = true},
               {.header = "RANK", .right = true, .wide_only = true},
               {.header = "PID", .right = true, .drop_order = 2},
               {.header = "GPUS", .drop_order = 1, .if_any = true},
               {.header = "CPUS", .right = true, .drop_order = 3},
               {.header = "EXIT", .cut_to = 12, .if_any = true}});
  for (const auto& task : attempt.tasks()) {
    table.add_row({{task.role() + ":" + std::to_string(task.index())},
                   {task.state(), style_of_state(task.state())},
                   {task.node()},
                   {task.address()},
                   {std::to_string(task.rank())},
                   {count_text(task.pid())},
                   {gpus_text(task)},
                   {count_text(task.cpus())},
                   {exit_text(task)}});
  }
  return table.empty() ? "" : "\n" + table.render(options);
}

std::string headline(const v1::Job& job, Timestamp now, const Terminal& terminal) {
  const std::string state = word_of(job.state());
  return styled("Job " + std::to_string(job.id()), Style::kBold, terminal.color) + " (" +
         one_line(job.name()) + ") " + (is_terminal(job.state()) ? "" : "is ") +
         styled(state, style_of_state(state), terminal.color) +
         (is_terminal(job.state()) ? " after " : " for ") + span(time_in_state(job, now)) + "\n";
}

// "trial 7"; of several objectives, all that none is better than.
std::string best_trials(const v1::SearchStatus& search) {
  std::string text;
  for (const auto number : search.best())
    text += (text.empty() ? "trial " : ", ") + std::to_string(number);
  return text;
}

std::string next_commands(const v1::Job& job) {
  const std::string id = std::to_string(job.id());
  if (job.has_search()) {
    return job.search().best_size() > 0 ? "dlctl best " + id + " · dlctl trials " + id
                                        : "dlctl trials " + id + " · dlctl explain " + id;
  }
  const std::string first = job.state() == v1::JOB_STATE_SUCCEEDED ? "metrics " : "explain ";
  return "dlctl " + first + id + " · dlctl logs " + id + " · dlctl status " + id;
}

void add_trial(Facts& facts, const v1::Job& job, const v1::Trial& trial,
               const TableOptions& options) {
  if (job.trials_size() > 1 || job.has_search()) {
    facts.add("trial", std::to_string(trial.number()) + " " + trial.state());
  }
  ProgressView progress = to_view(trial.progress(), unit_of(job));
  if (is_terminal(job.state())) progress.eta_seconds = progress.per_second = 0;
  Terminal room = options.terminal;
  if (room.width > Facts::kIndent) room.width -= Facts::kIndent;
  facts.add("progress", progress_line(progress, room));
  facts.add("metrics", metrics_text(trial));
  facts.add("checkpoint", checkpoint_text(trial.checkpoint()));
  if (trial.attempts() > 1) facts.add("attempts", std::to_string(trial.attempts()));
  // A job that failed for good says so by its own failure.
  if (job.failure().message().empty())
    facts.add("last failure", failure_text(trial.last_failure()));
}

// How good the model is first; a rate or a learning rate says nothing any more at the end.
void add_final_metrics(Facts& facts, const v1::Trial& trial) {
  const auto metrics = sorted_metrics(trial);
  const auto accuracy = metrics.find("validation.accuracy");
  if (accuracy != metrics.end()) {
    facts.add("test accuracy", fixed(accuracy->second * 100, 2) + " % (validation.accuracy)");
  }
  for (const auto& [name, value] : metrics) {
    const bool is_pace = name == "train.learning_rate" || name == "train.samples_per_second";
    if (name != "validation.accuracy" && !is_pace) facts.add(one_line(name), short_number(value));
  }
}

// What the built-in worker writes below a trial's folder; a command may write there anything.
void add_places(Facts& facts, const v1::Job& job, const v1::Trial& trial) {
  if (job.artifact_dir().empty()) return;
  const std::string folder = one_line(job.artifact_dir()) + "/" + std::to_string(trial.number());
  if (!is_builtin(job)) {
    facts.add("artifacts", folder);
    return;
  }
  if (job.state() == v1::JOB_STATE_SUCCEEDED) facts.add("model", folder + "/model");
  if (!trial.checkpoint().path().empty()) facts.add("checkpoints", folder + "/checkpoints");
  facts.add("events", folder + "/events (for TensorBoard)");
}

}  // namespace

std::string render_jobs(const v1::ListJobsResponse& jobs, Timestamp now,
                        const TableOptions& options) {
  Table table({{.header = "JOB", .right = true},
               {.header = "NAME", .cut_to = 12},
               {.header = "USER", .wide_only = true},
               {.header = "STATE"},
               {.header = "GPUS", .right = true, .drop_order = 2, .if_any = true},
               {.header = "CPUS", .right = true, .drop_order = 3, .if_any = true},
               {.header = "PROGRESS", .if_any = true},
               {.header = "BEST", .right = true, .if_any = true},
               {.header = "FOR", .right = true},
               {.header = "RESTARTS", .right = true, .wide_only = true},
               {.header = "SUBMITTED", .wide_only = true},
               {.header = "WHY", .cut_to = 12, .drop_order = 1, .if_any = true}});
  for (const auto& job : jobs.jobs()) {
    const std::string state = word_of(job.state());
    table.add_row({{std::to_string(job.id())},
                   {job.name()},
                   {job.user()},
                   {state, style_of_state(state)},
                   {count_text(job.gpus())},
                   {count_text(job.cpus())},
                   {progress_text(job, options.terminal.unicode)},
                   {best_text(job)},
                   {span(time_in_state(job, now))},
                   {std::to_string(restarts_of(job))},
                   {clock_text(job.submit_time())},
                   {job.why().empty() ? failure_text(job.failure()) : job.why()}});
  }
  return table.render(options);
}

std::string render_job(const v1::Job& job, Timestamp now, const TableOptions& options) {
  Facts facts(options.terminal.color);
  facts.add("user", one_line(job.user()));
  facts.add("submitted", clock_text(job.submit_time()));
  facts.add("why", one_line(job.why()));
  std::string tasks;
  if (job.has_search()) {
    facts.add("search", search_text(job.search()));
    facts.add("best", best_trials(job.search()));
  }
  for (const auto& trial : job.trials()) {
    // Of a search only what it does now; `dlctl trials` has them all.
    if (job.has_search() && trial.state() != "running") continue;
    add_trial(facts, job, trial, options);
    tasks += tasks_text(trial.attempt(), options);
  }
  facts.add("failure", failure_text(job.failure()));
  facts.add("artifacts", one_line(job.artifact_dir()));
  return headline(job, now, options.terminal) + facts.text() + tasks;
}

std::string render_outcome(const v1::Job& job, const Terminal& terminal) {
  Facts facts(terminal.color);
  facts.add("failure", failure_text(job.failure()));
  if (job.has_search()) {
    facts.add("search", search_text(job.search()));
    facts.add("best", best_trials(job.search()));
    facts.add("next", next_commands(job));
    return headline(job, time_of(job.end_time()), terminal) + facts.text();
  }
  for (const auto& trial : job.trials()) {
    add_final_metrics(facts, trial);
    add_places(facts, job, trial);
  }
  facts.add("next", next_commands(job));
  return headline(job, time_of(job.end_time()), terminal) + facts.text();
}

}  // namespace dl::dlctl
