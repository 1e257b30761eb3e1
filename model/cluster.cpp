#include "model/cluster.h"

#include <algorithm>

namespace dl {

std::string_view to_string(NodeState state) {
  switch (state) {
    case NodeState::kReady: return "ready";
    case NodeState::kDraining: return "draining";
    case NodeState::kDisconnected: return "disconnected";
    case NodeState::kLost: return "lost";
  }
  return "lost";
}

bool is_valid_node_id(std::string_view name) {
  const auto alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= 63 && alnum(name.front()) && alnum(name.back()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return alnum(c) || c == '-' || c == '.'; });
}

}  // namespace dl
