// What of a job, as the API tells it, is shown in words.

#pragma once

#include <optional>
#include <string>

#include "base/time.h"
#include "cmd/dlctl/exit_code.h"
#include "cmd/dlctl/terminal/progress_line.h"
#include "cmd/dlctl/terminal/text.h"
#include "dl/v1/jobs.pb.h"

namespace dl::dlctl {

// "running", "out_of_memory": the words of model/job.h.
std::string word_of(v1::JobState state);
std::string word_of(v1::FailureKind kind);

Style style_of_state(std::string_view word);

bool is_terminal(v1::JobState state);

// How long ago or how long: "12s", "21m", "3h20m". Seconds are left out from two minutes on.
std::string span(Duration duration);
Timestamp time_of(const google::protobuf::Timestamp& time);
// "2026-11-23 04:51:54", local time; empty when the time is not set.
std::string clock_text(const google::protobuf::Timestamp& time);

// Since when it is in its state; for an ended job how long it ran, or waited when it never ran.
Duration time_in_state(const v1::Job& job, Timestamp now);

ProgressView to_view(const v1::Progress& progress, const std::string& unit);
// Of the trial that is furthest.
ProgressView progress_of(const v1::Job& job);
// Whether it trains a built-in model, not a command.
bool is_builtin(const v1::Job& job);
// "images" for the built-in models, "samples" for commands.
std::string unit_of(const v1::Job& job);

// The metric by which a model is judged: validation's before test's before train's, accuracy
// before loss. Of a search, what it looks for, of its best trial.
struct Metric {
  std::string name;
  double value = 0;
};
// Losses and errors.
bool is_lower_better(std::string_view metric);
std::optional<Metric> best_metric(const v1::Job& job);

// "5 of 24 trials started, 2 run, 1 paused, 2 ended, 1 failed"
std::string search_text(const v1::SearchStatus& search);

// "asha", or "tpe with asha" where the algorithm says what to try and a rule who goes on.
std::string method_text(const std::string& algorithm, const std::string& early_stopping);

// "1 epoch", "1,024 steps"
std::string amount_text(std::uint64_t amount, const std::string& units);

// "user_code in worker:1: exit status 3; …", in one line; empty when nothing is said.
std::string failure_text(const v1::Failure& failure);

// What dlctl's exit status says of an ended job.
ExitCode exit_code_of(const v1::Job& job);

}  // namespace dl::dlctl
