// TaskContext is what a task is told about itself: the coordinator fills it in, the agent writes
// it to the task's folder (task.json, 0600), the built-in worker reads it from $DL_TASK.

#pragma once

#include <string>

#include "base/result.h"
#include "model/cluster_spec.h"
#include "model/job.h"

namespace dl {

struct TaskContext {
  TaskId task;
  std::string job_name;
  ClusterSpec cluster;
  std::string secret;          // Of the attempt: peers prove with it that they belong together.
  std::string spec;            // The job's spec with all defaults, as JSON.
  std::string artifact_dir;    // Of the trial; checkpoints/, events/ and model/ are below it.
  std::string control_socket;  // The agent's; empty when the task runs without one.
  // Where to resume. Empty when it starts from nothing. The worker falls back to an older
  // checkpoint when this one is damaged.
  std::string resume_checkpoint;
  // The whole path of another trial's checkpoint to begin with, where there is none of its own
  // (population-based training); empty: none. Older coordinators do not say it.
  std::string inherited_checkpoint;

  friend bool operator==(const TaskContext&, const TaskContext&) = default;
};

std::string to_json(const TaskContext& context);
// kInvalidArgument says which field is missing or wrong.
Result<TaskContext> task_context_from_json(std::string_view json);

}  // namespace dl
