#include "cmd/dlctl/view/job_text.h"

#include <array>
#include <ctime>

namespace dl::dlctl {
namespace {

std::string lower_after(const std::string& name, std::string_view prefix) {
  std::string word = name.substr(std::min(prefix.size(), name.size()));
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return word;
}

// The first metric of this list that a job has decides.
constexpr std::array<std::string_view, 6> kJudges = {"validation.accuracy", "validation.loss",
                                                     "test.accuracy",       "test.loss",
                                                     "train.accuracy",      "train.loss"};

// Absent with several objectives, of which no trial need be the best.
std::optional<Metric> objective_of_best(const v1::Job& job) {
  const v1::SearchStatus& search = job.search();
  if (search.objectives_size() != 1 || search.best_size() != 1) return std::nullopt;
  const std::string& metric = search.objectives(0).metric();
  for (const auto& trial : job.trials()) {
    const auto found = trial.metrics().find(metric);
    if (trial.number() == search.best(0) && found != trial.metrics().end())
      return Metric{metric, found->second};
  }
  return std::nullopt;
}

}  // namespace

std::string word_of(v1::JobState state) {
  return lower_after(v1::JobState_Name(state), "JOB_STATE_");
}

std::string word_of(v1::FailureKind kind) {
  return lower_after(v1::FailureKind_Name(kind), "FAILURE_KIND_");
}

Style style_of_state(std::string_view word) {
  if (word == "running" || word == "ready" || word == "succeeded") return Style::kGreen;
  if (word == "failed" || word == "lost") return Style::kRed;
  if (word == "queued" || word == "starting" || word == "stopping" || word == "draining" ||
      word == "disconnected") {
    return Style::kYellow;
  }
  return word == "cancelled" || word == "exited" ? Style::kDim : Style::kPlain;
}

bool is_terminal(v1::JobState state) { return state >= v1::JOB_STATE_SUCCEEDED; }

std::string span(Duration duration) {
  using namespace std::chrono;
  if (duration < Duration::zero()) duration = Duration::zero();
  if (duration >= minutes(2)) return to_short_string(floor<minutes>(duration));
  return to_short_string(duration < seconds(1) ? duration : Duration(floor<seconds>(duration)));
}

Timestamp time_of(const google::protobuf::Timestamp& time) {
  return Timestamp(std::chrono::seconds(time.seconds()) +
                   std::chrono::microseconds(time.nanos() / 1000));
}

std::string clock_text(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "";
  const std::time_t seconds = time.seconds();
  std::tm local{};
  localtime_r(&seconds, &local);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local);
  return text.data();
}

Duration time_in_state(const v1::Job& job, Timestamp now) {
  const Timestamp since = time_of(job.has_start_time() ? job.start_time() : job.submit_time());
  if (is_terminal(job.state())) return time_of(job.end_time()) - since;
  if (job.state() == v1::JOB_STATE_QUEUED) return now - time_of(job.submit_time());
  return now - since;
}

ProgressView to_view(const v1::Progress& p, const std::string& unit) {
  return {.epoch = p.epoch(),
          .epochs = p.epochs(),
          .step = p.step(),
          .steps = p.steps(),
          .per_second = p.samples_per_second(),
          .loss = p.loss(),
          .eta_seconds = p.eta_seconds(),
          .unit = unit};
}

ProgressView progress_of(const v1::Job& job) {
  ProgressView furthest;
  furthest.unit = unit_of(job);
  for (const auto& trial : job.trials()) {
    const ProgressView view = to_view(trial.progress(), furthest.unit);
    if (fraction_of(view).value_or(0) >= fraction_of(furthest).value_or(0)) furthest = view;
  }
  if (job.state() != v1::JOB_STATE_RUNNING) furthest.eta_seconds = 0;
  return furthest;
}

bool is_builtin(const v1::Job& job) {
  return job.spec().starts_with("model:") || job.spec().find("\nmodel:") != std::string::npos;
}

std::string unit_of(const v1::Job& job) { return is_builtin(job) ? "images" : "samples"; }

bool is_lower_better(std::string_view metric) {
  return metric.find("loss") != std::string_view::npos ||
         metric.find("error") != std::string_view::npos;
}

std::optional<Metric> best_metric(const v1::Job& job) {
  if (job.has_search()) return objective_of_best(job);
  for (const auto judge : kJudges) {
    std::optional<Metric> best;
    for (const auto& trial : job.trials()) {
      const auto found = trial.metrics().find(std::string(judge));
      if (found == trial.metrics().end()) continue;
      const bool better = !best || (is_lower_better(judge) ? found->second < best->value
                                                           : found->second > best->value);
      if (better) best = Metric{found->first, found->second};
    }
    if (best) return best;
  }
  return std::nullopt;
}

std::string search_text(const v1::SearchStatus& search) {
  const std::string of =
      search.max_trials() > 0 ? " of " + std::to_string(search.max_trials()) : "";
  std::string text = std::to_string(search.started()) + of + " trials started";
  const auto add = [&](std::uint32_t count, const char* what) {
    if (count > 0) text += ", " + std::to_string(count) + " " + what;
  };
  add(search.running(), search.running() == 1 ? "runs" : "run");
  add(search.paused(), "paused");
  add(search.ended(), "ended");
  add(search.failed(), "failed");
  return text;
}

std::string method_text(const std::string& algorithm, const std::string& early_stopping) {
  const bool has_rule = !early_stopping.empty() && early_stopping != "none";
  return has_rule ? algorithm + " with " + early_stopping : algorithm;
}

std::string amount_text(std::uint64_t amount, const std::string& units) {
  return with_commas(amount) + " " + (amount == 1 ? units.substr(0, units.size() - 1) : units);
}

std::string failure_text(const v1::Failure& failure) {
  if (failure.message().empty()) return "";
  const std::string task = failure.task().empty() ? "" : " in " + failure.task();
  return word_of(failure.kind()) + one_line(task) + ": " + one_line(failure.message());
}

ExitCode exit_code_of(const v1::Job& job) {
  if (job.state() == v1::JOB_STATE_SUCCEEDED) return ExitCode::kOk;
  if (job.state() == v1::JOB_STATE_CANCELLED) return ExitCode::kCancelled;
  const auto kind = failure_kind_from_string(word_of(job.failure().kind()));
  return kind ? exit_code_of(*kind) : ExitCode::kCluster;
}

}  // namespace dl::dlctl
