#include "daemon/agent/executors.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace dl::agent {
namespace {

// What of a node nobody uses.
class Room {
 public:
  explicit Room(const NodeResources& resources)
      : cpus_(resources.cpus), memory_bytes_(resources.memory_bytes) {}

  bool fits(const SlotSet& slots) const {
    return slots.cpus <= cpus_ && slots.memory_bytes <= memory_bytes_ &&
           std::none_of(slots.gpu_indexes.begin(), slots.gpu_indexes.end(),
                        [this](auto gpu) { return taken_gpus_.contains(gpu); });
  }

  void take(const SlotSet& slots) {
    cpus_ -= std::min(cpus_, slots.cpus);
    memory_bytes_ -= std::min(memory_bytes_, slots.memory_bytes);
    taken_gpus_.insert(slots.gpu_indexes.begin(), slots.gpu_indexes.end());
  }

 private:
  std::uint32_t cpus_;
  std::uint64_t memory_bytes_;
  std::set<std::uint32_t> taken_gpus_;
};

std::vector<ExecutorId> idle_by_age(const Executors& executors) {
  std::vector<ExecutorId> idle;
  for (const auto& [id, executor] : executors) {
    if (executor.is_idle()) idle.push_back(id);
  }
  std::stable_sort(idle.begin(), idle.end(), [&](ExecutorId a, ExecutorId b) {
    return executors.at(a).idle_since > executors.at(b).idle_since;
  });
  return idle;
}

// Whether the coordinator says it anew to each trial: what a task is of its gang, where its files
// are.
bool is_of_one_trial(std::string_view name) {
  return is_task_variable(name) || name == "DL_ARTIFACT_DIR" || name == "DL_RESUME_CHECKPOINT";
}

}  // namespace

ExecutorKey key_of(const StartTask& order) {
  ExecutorKey key{.job = order.context.task.attempt.job,
                  .slots = order.slots,
                  .gpu_uuids = order.gpu_uuids,
                  .env = order.env};
  std::erase_if(key.env, [](const auto& variable) { return is_of_one_trial(variable.first); });
  return key;
}

std::optional<ExecutorId> idle_executor(const Executors& executors, const ExecutorKey& key) {
  for (const ExecutorId id : idle_by_age(executors)) {
    if (executors.at(id).key == key) return id;
  }
  return std::nullopt;
}

std::vector<ExecutorId> executors_in_the_way(const Executors& executors,
                                             const NodeResources& resources,
                                             const std::vector<SlotSet>& used) {
  Room room(resources);
  for (const SlotSet& slots : used) room.take(slots);
  std::vector<ExecutorId> in_the_way;
  for (const ExecutorId id : idle_by_age(executors)) {
    const SlotSet& slots = executors.at(id).key.slots;
    if (room.fits(slots)) {
      room.take(slots);
    } else {
      in_the_way.push_back(id);
    }
  }
  return in_the_way;
}

bool waits_for_executor(const Executors& executors, const SlotSet& slots) {
  const auto is_in_use = [&](const Executor& executor) {
    const auto& gpus = executor.key.slots.gpu_indexes;
    return gpus.empty() || std::any_of(gpus.begin(), gpus.end(), [&](auto gpu) {
             return std::find(slots.gpu_indexes.begin(), slots.gpu_indexes.end(), gpu) !=
                    slots.gpu_indexes.end();
           });
  };
  return std::any_of(executors.begin(), executors.end(), [&](const auto& entry) {
    return entry.second.ending && is_in_use(entry.second);
  });
}

}  // namespace dl::agent
