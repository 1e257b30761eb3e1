#include "model/cluster_spec.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <string_view>

#include "base/assert.h"

namespace dl {
namespace {

bool is_collective(const Member& member) {
  return member.role == Role::kChief || member.role == Role::kWorker;
}

// "host:port", with brackets around an IPv6 address.
std::string address_of(const Member& member) {
  const bool is_ipv6 = member.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + member.host + "]" : member.host) + ":" + std::to_string(member.port);
}

// The nodes of the collective in the order of their lowest rank: torchrun's groups.
std::vector<std::string_view> groups_of(const ClusterSpec& spec) {
  std::vector<std::string_view> nodes;
  for (const Member& member : spec.members) {
    if (is_collective(member) &&
        std::find(nodes.begin(), nodes.end(), member.node) == nodes.end()) {
      nodes.push_back(member.node);
    }
  }
  return nodes;
}

template <class Predicate>
std::string count_collective(const ClusterSpec& spec, Predicate matches) {
  return std::to_string(std::count_if(
      spec.members.begin(), spec.members.end(),
      [&](const Member& member) { return is_collective(member) && matches(member); }));
}

}  // namespace

std::uint32_t ClusterSpec::world_size() const {
  return static_cast<std::uint32_t>(std::count_if(members.begin(), members.end(), is_collective));
}

const Member& ClusterSpec::member(Role role, std::uint32_t index) const {
  const auto found = std::find_if(members.begin(), members.end(), [&](const Member& candidate) {
    return candidate.role == role && candidate.index == index;
  });
  DL_ASSERT(found != members.end(), "a task asks only for members of its own gang");
  return *found;
}

std::string tf_config(const ClusterSpec& spec, Role role, std::uint32_t index) {
  namespace json = boost::json;
  json::object cluster;
  for (const Role listed : {Role::kChief, Role::kWorker, Role::kPs}) {
    json::array addresses;
    for (const Member& member : spec.members) {
      if (member.role == listed) addresses.emplace_back(address_of(member));
    }
    if (!addresses.empty()) cluster[to_string(listed)] = std::move(addresses);
  }
  return json::serialize(json::object{
      {"cluster", std::move(cluster)},
      {"task", json::object{{"type", to_string(role)}, {"index", index}}},
  });
}

Environment torchrun_environment(const ClusterSpec& spec, Role role, std::uint32_t index) {
  const Member& self = spec.member(role, index);
  if (!is_collective(self)) return {};
  const Member& first = spec.members.front();
  DL_ASSERT(first.rank == 0, "members are ordered by rank");
  const auto groups = groups_of(spec);
  const auto group = std::find(groups.begin(), groups.end(), self.node) - groups.begin();
  return {
      {"RANK", std::to_string(self.rank)},
      {"LOCAL_RANK", std::to_string(self.local_rank)},
      {"GROUP_RANK", std::to_string(group)},
      {"ROLE_RANK", std::to_string(self.index)},
      {"ROLE_NAME", std::string(to_string(self.role))},
      {"WORLD_SIZE", std::to_string(spec.world_size())},
      {"LOCAL_WORLD_SIZE",
       count_collective(spec, [&](const Member& m) { return m.node == self.node; })},
      {"GROUP_WORLD_SIZE", std::to_string(groups.size())},
      {"ROLE_WORLD_SIZE",
       count_collective(spec, [&](const Member& m) { return m.role == self.role; })},
      {"MASTER_ADDR", first.host},
      {"MASTER_PORT", std::to_string(spec.master_port)},
      {"TORCHELASTIC_RESTART_COUNT", std::to_string(spec.restarts)},
      {"TORCHELASTIC_MAX_RESTARTS", std::to_string(spec.max_restarts)},
      {"TORCHELASTIC_RUN_ID", spec.run_id},
      // No agent of ours keeps the store: rank 0 listens on MASTER_PORT itself.
      {"TORCHELASTIC_USE_AGENT_STORE", "False"},
      {"TORCH_NCCL_ASYNC_ERROR_HANDLING", "1"},
  };
}

Environment task_environment(const ClusterSpec& spec, const TaskId& task) {
  Environment environment = torchrun_environment(spec, task.role, task.index);
  environment["TF_CONFIG"] = tf_config(spec, task.role, task.index);
  environment["DL_JOB"] = to_string(task.attempt.job);
  environment["DL_TRIAL"] = std::to_string(task.attempt.trial);
  environment["DL_ATTEMPT"] = std::to_string(task.attempt.attempt);
  environment["DL_ROLE"] = to_string(task.role);
  environment["DL_INDEX"] = std::to_string(task.index);
  environment["DL_RANK"] = std::to_string(spec.member(task.role, task.index).rank);
  environment["DL_WORLD_SIZE"] = std::to_string(spec.world_size());
  return environment;
}

bool is_task_variable(std::string_view name) {
  static constexpr std::string_view kNames[] = {"RANK",
                                                "LOCAL_RANK",
                                                "GROUP_RANK",
                                                "ROLE_RANK",
                                                "ROLE_NAME",
                                                "WORLD_SIZE",
                                                "LOCAL_WORLD_SIZE",
                                                "GROUP_WORLD_SIZE",
                                                "ROLE_WORLD_SIZE",
                                                "MASTER_ADDR",
                                                "MASTER_PORT",
                                                "TORCHELASTIC_RESTART_COUNT",
                                                "TORCHELASTIC_MAX_RESTARTS",
                                                "TORCHELASTIC_RUN_ID",
                                                "TORCHELASTIC_USE_AGENT_STORE",
                                                "TORCH_NCCL_ASYNC_ERROR_HANDLING",
                                                "TF_CONFIG",
                                                "DL_JOB",
                                                "DL_TRIAL",
                                                "DL_ATTEMPT",
                                                "DL_ROLE",
                                                "DL_INDEX",
                                                "DL_RANK",
                                                "DL_WORLD_SIZE"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

}  // namespace dl
