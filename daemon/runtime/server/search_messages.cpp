#include "daemon/runtime/server/search_messages.h"

#include <google/protobuf/util/time_util.h>

#include "daemon/coordinator/lookup.h"
#include "daemon/runtime/server/job_messages.h"

namespace dl::runtime::server {
namespace {

google::protobuf::Value to_message(const ParameterValue& value) {
  google::protobuf::Value message;
  if (const auto* truth = std::get_if<bool>(&value)) {
    message.set_bool_value(*truth);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    message.set_string_value(*text);
  } else {
    message.set_number_value(as_number(value).value_or(0));
  }
  return message;
}

// A search has judged its trials' ends: they have not simply succeeded.
std::string word_of(TrialState state) {
  return state == TrialState::kSucceeded ? "ended" : std::string(to_string(state));
}

Duration run_time(const coordinator::Trial& trial, Timestamp now) {
  const coordinator::Attempt* attempt = coordinator::live_attempt(trial);
  return attempt == nullptr ? trial.ran : trial.ran + (now - attempt->started);
}

}  // namespace

v1::SearchStatus search_message(const JobView& view) {
  const SearchSpec& spec = *view.job.document.parsed->search;
  const coordinator::Search& search = *view.job.search;
  v1::SearchStatus message;
  message.set_algorithm(spec.algorithm);
  message.set_early_stopping(spec.early_stopping.rule);
  for (const Objective& objective : spec.objectives) {
    v1::SearchObjective& each = *message.add_objectives();
    each.set_metric(objective.metric);
    each.set_goal(objective.goal);
  }
  message.set_max_trials(search.max_trials);
  message.set_max_parallel(search.max_parallel);
  message.set_started(view.search->started);
  message.set_running(view.search->running);
  message.set_paused(view.search->paused);
  message.set_ended(view.search->ended);
  message.set_failed(view.search->failed);
  message.mutable_best()->Add(view.search->best.begin(), view.search->best.end());
  message.set_is_paused(search.paused);
  message.set_paused_by(search.paused_by);
  message.set_over(search.over.value_or(""));
  return message;
}

v1::SearchTrial to_message(const coordinator::Trial& trial, Timestamp now) {
  using google::protobuf::util::TimeUtil;
  v1::SearchTrial message;
  message.set_number(trial.number);
  message.set_state(word_of(trial.state));
  for (const auto& [name, value] : trial.assignment) {
    (*message.mutable_parameters()->mutable_fields())[name] = to_message(value);
  }
  message.set_from(trial.from);
  if (trial.measured) {
    const auto& values = trial.measured->values;
    message.mutable_objectives()->Add(values.begin(), values.end());
    message.set_resource(trial.measured->resource);
  }
  const bool failed = trial.state == TrialState::kFailed && trial.last_failure;
  message.set_why(failed ? trial.last_failure->message : trial.why);
  message.set_attempts(trial.attempts);
  if (trial.started != Timestamp{}) *message.mutable_start_time() = to_message(trial.started);
  if (trial.ended != Timestamp{}) *message.mutable_end_time() = to_message(trial.ended);
  *message.mutable_run_time() = TimeUtil::MicrosecondsToDuration(run_time(trial, now).count());
  if (trial.checkpoint) *message.mutable_checkpoint() = to_message(*trial.checkpoint);
  message.mutable_metrics()->insert(trial.metrics.begin(), trial.metrics.end());
  if (failed) *message.mutable_failure() = to_message(*trial.last_failure);
  return message;
}

}  // namespace dl::runtime::server
