// The environment of a task: a clean base, what the coordinator ordered, and what only its agent
// knows. Nothing else of the agent's own environment reaches a task.

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "daemon/runtime/supervise/cgroup.h"
#include "model/order.h"

namespace dl::runtime::agent {

// PATH, HOME, LANG and their like, as far as the agent has them. `lookup` is getenv(3).
Environment base_environment(const std::function<const char*(const char*)>& lookup);

// The order's variables over `base`; DL_TASK (`task_file`) and the GPUs over both. A user may set
// OMP_NUM_THREADS, else it is the number of the task's CPUs.
Environment environment_of(const StartTask& order, const Environment& base,
                           const std::string& task_file);

// What is executed: the worker, or the command by /bin/sh.
std::vector<std::string> command_of(const StartTask& order, const std::string& worker);

// Of its cgroups. `cpu_quota`: CPUs as a hard limit rather than a weight.
supervise::CgroupLimits limits_of(const SlotSet& slots, bool cpu_quota);

}  // namespace dl::runtime::agent
