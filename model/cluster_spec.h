// The cluster spec of an attempt: who its tasks are and where they listen, in every dialect a
// training program may expect. All pure; golden files in model/testdata/cluster_spec.
//
// The addresses come from the placement: no user ever collects them.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/job.h"

namespace dl {

// One task of the gang as its peers see it.
struct Member {
  Role role = Role::kWorker;
  std::uint32_t index = 0;  // Within its role.
  std::uint32_t rank = 0;   // In the collective: chief, then workers; ps and evaluators follow.
  std::string node;         // NodeId.
  std::string host;         // What peers dial: an address or name of the node.
  std::uint16_t port = 0;   // Reserved for this task.
  std::uint32_t local_rank = 0;  // Among the gang's collective members on the same node.

  friend bool operator==(const Member&, const Member&) = default;
};

// Ordered by rank; the same on every task of the attempt.
struct ClusterSpec {
  std::vector<Member> members;
  std::uint16_t master_port = 0;  // On the host of rank 0, apart from its own port.
  std::uint32_t restarts = 0;     // Attempts before this one.
  std::uint32_t max_restarts = 0;
  std::string run_id;  // "42.3", the same for all attempts.

  // Chief and workers: the ranks below this take part in collectives.
  std::uint32_t world_size() const;
  const Member& member(Role role, std::uint32_t index) const;

  friend bool operator==(const ClusterSpec&, const ClusterSpec&) = default;
};

using Environment = std::map<std::string, std::string>;

// TensorFlow's TF_CONFIG for one task: compact JSON. The evaluator stands only in `task`.
std::string tf_config(const ClusterSpec& spec, Role role, std::uint32_t index);

// torchrun's variables (torch.distributed.elastic). Only chief and workers have them: empty for
// the other roles.
Environment torchrun_environment(const ClusterSpec& spec, Role role, std::uint32_t index);

// Everything above, plus DL_JOB, DL_TRIAL, DL_ATTEMPT, DL_ROLE, DL_INDEX, DL_RANK, DL_WORLD_SIZE.
Environment task_environment(const ClusterSpec& spec, const TaskId& task);

// Whether task_environment() sets a variable of this name.
bool is_task_variable(std::string_view name);

}  // namespace dl
