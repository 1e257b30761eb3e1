#include "model/job.h"

#include <array>
#include <charconv>

namespace dl {
namespace {

constexpr std::array<std::string_view, 6> kJobStates = {"queued",    "running", "stopping",
                                                        "succeeded", "failed",  "cancelled"};
constexpr std::array<std::string_view, 7> kTrialStates = {
    "queued", "running", "paused", "succeeded", "stopped", "failed", "cancelled"};
constexpr std::array<std::string_view, 4> kAttemptStates = {"starting", "running", "stopping",
                                                            "ended"};
constexpr std::array<std::string_view, 4> kTaskStates = {"starting", "running", "stopping",
                                                         "exited"};
constexpr std::array<std::string_view, 8> kStopReasons = {
    "none", "completed", "paused", "pruned", "preempted", "failed", "cancelled", "killed"};
constexpr std::array<std::string_view, kFailureKinds> kFailureKindWords = {
    "spec",      "user_code",     "out_of_memory", "node_lost",
    "preempted", "communication", "infrastructure"};
constexpr std::array<std::string_view, 4> kRoles = {"chief", "worker", "ps", "evaluator"};

template <class Enum, std::size_t N>
std::string_view word_of(Enum value, const std::array<std::string_view, N>& words) {
  return words.at(static_cast<std::size_t>(value));
}

template <class Enum, std::size_t N>
std::optional<Enum> from_word(std::string_view word, const std::array<std::string_view, N>& words) {
  for (std::size_t i = 0; i < N; ++i) {
    if (words[i] == word) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

// Takes a number and, when it is not '\0', the separator after it off the front of `text`.
template <class Number>
bool take_number(std::string_view& text, Number& number, char separator) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (separator == '\0') return text.empty();
  if (text.empty() || text.front() != separator) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string_view to_string(JobState s) { return word_of(s, kJobStates); }
std::string_view to_string(TrialState s) { return word_of(s, kTrialStates); }
std::string_view to_string(AttemptState s) { return word_of(s, kAttemptStates); }
std::string_view to_string(TaskState s) { return word_of(s, kTaskStates); }
std::string_view to_string(StopReason r) { return word_of(r, kStopReasons); }
std::string_view to_string(FailureKind k) { return word_of(k, kFailureKindWords); }
std::string_view to_string(Role r) { return word_of(r, kRoles); }

std::optional<Role> role_from_string(std::string_view word) {
  return from_word<Role>(word, kRoles);
}
std::optional<JobState> job_state_from_string(std::string_view word) {
  return from_word<JobState>(word, kJobStates);
}
std::optional<TaskState> task_state_from_string(std::string_view word) {
  return from_word<TaskState>(word, kTaskStates);
}
std::optional<FailureKind> failure_kind_from_string(std::string_view word) {
  return from_word<FailureKind>(word, kFailureKindWords);
}

std::string to_string(const TrialId& id) {
  return to_string(id.job) + "." + std::to_string(id.trial);
}
std::string to_string(const AttemptId& id) {
  return to_string(id.trial_id()) + "." + std::to_string(id.attempt);
}
std::string to_string(const TaskId& id) {
  return to_string(id.attempt) + "/" + std::string(to_string(id.role)) + ":" +
         std::to_string(id.index);
}

Result<TaskId> task_id_from_string(std::string_view text) {
  const Error error = invalid_argument("\"" + std::string(text) +
                                       "\" is not a task; a task reads like 42.1.2/worker:0");
  TaskId id;
  std::string_view rest = text;
  if (!take_number(rest, id.attempt.job.value, '.') || !take_number(rest, id.attempt.trial, '.') ||
      !take_number(rest, id.attempt.attempt, '/')) {
    return error;
  }
  const auto colon = rest.find(':');
  if (colon == std::string_view::npos) return error;
  const auto role = role_from_string(rest.substr(0, colon));
  rest.remove_prefix(colon + 1);
  if (!role || !take_number(rest, id.index, '\0')) return error;
  id.role = *role;
  return id;
}

}  // namespace dl
