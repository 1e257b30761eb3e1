// JobSpec is what a user's document asks for, checked and complete with defaults.
//
// model/spec reads it from YAML or JSON; docs/spec.md, which is generated from
// the same table, lists every key. A JobSpec that exists is valid: every field is
// in its range and the parts fit together.

#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/job.h"
#include "model/resources.h"
#include "model/search_spec.h"
#include "model/strategy_spec.h"
#include "model/train_spec.h"

namespace dl {

// `count` tasks of one role, numbered from 0.
struct RoleSpec {
  Role role = Role::kWorker;
  std::uint32_t count = 1;
  Resources resources;
  std::string command;  // Overrides JobSpec::command for this role; empty: does not.

  friend bool operator==(const RoleSpec&, const RoleSpec&) = default;
};

// How often a trial is started again after each kind of failure. Defaults: docs/spec.md.
struct RestartSpec {
  std::array<std::uint32_t, kFailureKinds> budget = {0, 1, 1, 10, 1000, 5, 10};
  std::chrono::milliseconds backoff{1000};       // Before the first restart; doubles each time …
  std::chrono::milliseconds backoff_max{60000};  // … up to this.

  std::uint32_t of(FailureKind kind) const { return budget[static_cast<std::size_t>(kind)]; }
  friend bool operator==(const RestartSpec&, const RestartSpec&) = default;
};

struct JobSpec {
  std::string name;
  // Either a model to train with the built-in worker, or a command.
  std::optional<ModelSpec> model;
  DataSpec data;
  TrainSpec train;
  StrategySpec strategy;
  CheckpointSpec checkpoint;
  std::string command;  // Run by /bin/sh -c in `workdir`.
  std::string workdir;  // Empty: the task's own scratch folder.
  std::map<std::string, std::string> env;
  std::vector<RoleSpec> roles;  // Ordered by Role, never empty; a model's strategy fills it in.
  RestartSpec restarts;
  std::chrono::milliseconds grace{15000};  // Between SIGTERM and SIGKILL.
  // Runs the job once a trial, each with other values: spec::apply_assignment.
  std::optional<SearchSpec> search;

  bool is_builtin() const { return model.has_value(); }
  std::uint32_t task_count() const;
  friend bool operator==(const JobSpec&, const JobSpec&) = default;
};

}  // namespace dl
