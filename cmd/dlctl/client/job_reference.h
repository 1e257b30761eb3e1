// How a user names a job: 42, latest, or a name that only one job has; and its tasks:
// 42/worker, 42/worker:0.

#pragma once

#include <string>

#include "base/result.h"
#include "cmd/dlctl/client/client.h"

namespace dl::dlctl {

struct TaskReference {
  std::string job;   // As the user wrote it.
  std::string task;  // "worker:0", "worker", or empty for all.
};

// kInvalidArgument: the part behind the slash is neither a role nor a task.
Result<TaskReference> parse_task_reference(const std::string& text);

// The job's number; what "latest" is does not change any more. kNotFound: no job has this name;
// kInvalidArgument: several have, and which.
Result<std::string> resolve_job(Client& client, const std::string& reference);

}  // namespace dl::dlctl
