// Executors are worker processes that stay from one trial of a search to the next: which of them
// takes an order, and which have to go because their slots are needed. Pure.
//
// An executor runs one task at a time, of one job, on the slots that it was started for. Idle, it
// holds slots that are nobody's: another task that gets them sends it away first.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "model/cluster.h"
#include "model/order.h"

namespace dl::agent {

// Never given twice on a node, not even by a later agent.
using ExecutorId = std::uint64_t;

// What tasks have to have in common to run in one executor.
struct ExecutorKey {
  JobId job;
  SlotSet slots;
  std::vector<std::string> gpu_uuids;
  Environment env;  // The user's own: libraries read some variables only once.

  friend bool operator==(const ExecutorKey&, const ExecutorKey&) = default;
};
ExecutorKey key_of(const StartTask& order);

struct Executor {
  ExecutorKey key;
  std::optional<TaskId> task;  // That it runs.
  Timestamp idle_since{};
  bool ending = false;  // Was sent away: takes no more tasks.

  bool is_idle() const { return !task && !ending; }
  friend bool operator==(const Executor&, const Executor&) = default;
};
using Executors = std::map<ExecutorId, Executor>;

// The idle executor with this key, the one that ran last.
std::optional<ExecutorId> idle_executor(const Executors& executors, const ExecutorKey& key);

// The idle executors that do not fit beside the tasks on `used`: those that ran last stay.
std::vector<ExecutorId> executors_in_the_way(const Executors& executors,
                                             const NodeResources& resources,
                                             const std::vector<SlotSet>& used);

// Whether a task on `slots` has to wait for an executor that is ending: one of its GPUs is still in
// use, or what the executor frees may be memory or a CPU that the task was given.
bool waits_for_executor(const Executors& executors, const SlotSet& slots);

}  // namespace dl::agent
