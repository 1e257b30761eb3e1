#include "daemon/runtime/agent/environment.h"

#include <algorithm>

namespace dl::runtime::agent {

Environment base_environment(const std::function<const char*(const char*)>& lookup) {
  static constexpr const char* kNames[] = {"PATH", "HOME",   "USER",   "LOGNAME", "SHELL",
                                           "LANG", "LC_ALL", "TMPDIR", "TZ"};
  Environment base{{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"LANG", "C.UTF-8"}};
  for (const char* name : kNames) {
    if (const char* value = lookup(name)) base[name] = value;
  }
  // A program that is killed should not take its last lines of output along.
  base["PYTHONUNBUFFERED"] = "1";
  return base;
}

Environment environment_of(const StartTask& order, const Environment& base,
                           const std::string& task_file) {
  Environment all = base;
  all["OMP_NUM_THREADS"] = std::to_string(std::max(order.slots.cpus, 1U));
  for (const auto& [name, value] : order.env) all[name] = value;
  std::string gpus;
  for (const auto& uuid : order.gpu_uuids) gpus += (gpus.empty() ? "" : ",") + uuid;
  // Empty, not absent: without GPUs of its own a task sees none.
  all["CUDA_VISIBLE_DEVICES"] = gpus;
  all["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID";
  all["DL_TASK"] = task_file;
  return all;
}

std::vector<std::string> command_of(const StartTask& order, const std::string& worker) {
  if (order.builtin) return {worker};
  return {"/bin/sh", "-c", order.command};
}

supervise::CgroupLimits limits_of(const SlotSet& slots, bool cpu_quota) {
  return {.memory_bytes = slots.memory_bytes,
          .cpus = slots.cpus,
          .cpu_quota = cpu_quota ? slots.cpus : 0,
          .processes_max = 0};
}

}  // namespace dl::runtime::agent
