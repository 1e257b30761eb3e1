#include "scheduler/placement/shortage.h"

#include <algorithm>
#include <cstdio>
#include <functional>

namespace dl::scheduler {
namespace {

std::string gpus_text(std::uint64_t n) { return std::to_string(n) + (n == 1 ? " GPU" : " GPUs"); }
std::string cpus_text(std::uint64_t n) {
  return std::to_string(n) + (n == 1 ? " CPU slot" : " CPU slots");
}
std::string memory_text(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GiB", static_cast<double>(bytes) / (1u << 30));
  return text;
}
std::string plain_memory(std::uint64_t bytes) { return memory_text(bytes); }
std::string plain_number(std::uint64_t n) { return std::to_string(n); }

// One thing that may be short.
struct Resource {
  std::function<std::uint64_t(const Resources&)> need;
  std::function<std::uint64_t(const Room&)> have;
  std::string (*text)(std::uint64_t);   // "4 GPUs"
  std::string (*plain)(std::uint64_t);  // "4"
  const char* of;                       // Between the text and "on one node".
};

const std::vector<Resource>& resources() {
  static const std::vector<Resource> all = {
      {[](const Resources& r) { return r.gpus; }, [](const Room& r) { return r.gpus; }, gpus_text,
       plain_number, ""},
      {[](const Resources& r) { return r.cpus; }, [](const Room& r) { return r.cpus; }, cpus_text,
       plain_number, ""},
      {[](const Resources& r) { return r.memory_bytes; },
       [](const Room& r) { return r.memory_bytes; }, memory_text, plain_memory, " of memory"},
  };
  return all;
}

std::string is_free(const Resource& resource, std::uint64_t n) {
  return n == 0 ? "none is free" : resource.plain(n) + (n == 1 ? " is free" : " are free");
}

// A task that no node can hold.
std::string single_shortage(const Resource& resource, const std::vector<Room>& rooms,
                            const std::vector<RoleSpec>& roles, Measure measure) {
  std::uint64_t need = 0;
  for (const auto& role : roles) {
    if (role.count > 0) need = std::max(need, resource.need(role.resources));
  }
  std::uint64_t most = 0;
  for (const auto& room : rooms) most = std::max(most, resource.have(room));
  if (need <= most) return {};
  const std::string needs = "needs " + resource.text(need) + resource.of + " on one node; ";
  if (measure == Measure::kFree)
    return needs + (most == 0 ? "" : "at most ") + is_free(resource, most);
  return needs + "the largest node has " + (most == 0 ? "none" : resource.plain(most));
}

// All nodes together have less than all tasks need.
std::string total_shortage(const Resource& resource, const std::vector<Room>& rooms,
                           const std::vector<RoleSpec>& roles, Measure measure) {
  std::uint64_t need = 0;
  for (const auto& role : roles) need += resource.need(role.resources) * role.count;
  std::uint64_t have = 0;
  for (const auto& room : rooms) have += resource.have(room);
  if (need <= have) return {};
  const std::string needs = "needs " + resource.text(need) + resource.of + "; ";
  if (measure == Measure::kFree) return needs + is_free(resource, have);
  return needs + "the cluster has " + (have == 0 ? "none" : resource.plain(have));
}

std::string tasks_text(const std::vector<RoleSpec>& roles) {
  std::string text;
  for (const auto& role : roles) {
    if (role.count == 0) continue;
    if (!text.empty()) text += ", ";
    text += std::to_string(role.count) + " " + std::string(to_string(role.role)) + " of";
    if (role.resources.gpus > 0) text += " " + gpus_text(role.resources.gpus);
    if (role.resources.cpus > 0) text += " " + cpus_text(role.resources.cpus);
    if (role.resources.memory_bytes > 0) text += " " + memory_text(role.resources.memory_bytes);
  }
  return text;
}

std::string port_shortage(const std::vector<Room>& rooms, const std::vector<RoleSpec>& roles) {
  std::uint64_t need = 0;
  for (const auto& role : roles) need += role.count;
  std::uint64_t have = 0;
  for (const auto& room : rooms) have += room.tasks;
  if (need <= have) return {};
  return "needs ports for " + std::to_string(need) + (need == 1 ? " task" : " tasks") +
         "; the nodes hold ports for " + std::to_string(have);
}

}  // namespace

Shortage shortage_of(const std::vector<Room>& rooms, const std::vector<RoleSpec>& roles,
                     Measure measure) {
  if (rooms.empty()) {
    return {measure == Measure::kFree ? "no node is ready" : "the cluster has no node", true};
  }
  for (const auto& resource : resources()) {
    if (auto reason = single_shortage(resource, rooms, roles, measure); !reason.empty()) {
      return {std::move(reason), true};
    }
    if (auto reason = total_shortage(resource, rooms, roles, measure); !reason.empty()) {
      return {std::move(reason), true};
    }
  }
  if (auto reason = port_shortage(rooms, roles); !reason.empty()) return {std::move(reason), true};
  const char* where = measure == Measure::kFree ? " do not fit together into what is free"
                                                : " do not fit together, whatever is free";
  return {"its tasks (" + tasks_text(roles) + ")" + where, false};
}

}  // namespace dl::scheduler
