// Verb is one line of dlctl's table of verbs: what --help, completion and docs/dlctl.md say of it,
// and what it does.

#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "cmd/dlctl/exit_code.h"
#include "cmd/dlctl/invocation.h"

namespace dl::dlctl {

// What a verb does once its flags are read. An Error is printed and becomes the exit code.
using Action = std::function<Result<ExitCode>(Invocation&)>;

struct Example {
  std::string_view command;
  std::string_view effect;
};

// What the shell offers in the place of a verb's arguments.
enum class Completion { kNothing, kJob, kTask, kNode, kFile, kContext, kShell };

struct Verb {
  std::string_view name;         // "submit"; "dev up" is a verb of the group "dev".
  std::string_view summary;      // One line, without a full stop.
  std::string_view description;  // What the summary does not say; may be empty.
  std::vector<Example> examples;
  Completion completes = Completion::kNothing;
  // Adds the verb's flags to `app` and returns what to do with them.
  Action (*setup)(CLI::App& app) = nullptr;
};

// All verbs, in the order of --help.
std::span<const Verb> verbs();

// One line about a group of verbs ("dev", "context"); empty when `name` is none.
std::string_view group_summary(std::string_view name);

// Each is in the file of its name, those about searches in verbs/search.
Verb submit_verb();
Verb follow_verb();
Verb status_verb();
Verb jobs_verb();
Verb nodes_verb();
Verb logs_verb();
Verb metrics_verb();
Verb explain_verb();
Verb cancel_verb();
Verb pause_verb();
Verb resume_verb();  // In pause.cpp.
Verb extend_verb();
Verb wait_verb();
Verb validate_verb();
Verb convert_verb();
Verb trials_verb();
Verb best_verb();
Verb compare_verb();
Verb report_verb();
Verb preview_verb();
Verb drain_verb();
std::vector<Verb> dev_verbs();
std::vector<Verb> context_verbs();
Verb completion_verb();
Verb version_verb();

}  // namespace dl::dlctl
