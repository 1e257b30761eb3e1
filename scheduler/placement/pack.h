// Packing: how many tasks of each kind every node gets, by numbers alone. place_gang turns the
// counts into slots.

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/resources.h"

namespace dl::scheduler {

// Room for tasks on one node.
struct Room {
  std::uint64_t gpus = 0;
  std::uint64_t cpus = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t tasks = 0;  // At most so many, for want of ports.

  friend auto operator<=>(const Room&, const Room&) = default;
};

// Tasks per kind. A kind is one role of the gang, by its place in the request.
using Counts = std::vector<std::uint32_t>;

struct Packing {
  std::vector<Counts> nodes;  // One per room, in the order of the rooms.
  std::uint32_t nodes_used = 0;
};

struct PackResult {
  std::optional<Packing> packing;
  bool exact = true;  // False: there may be a packing, or one of fewer nodes, all the same.
};

// Packs `counts[k]` tasks of each `kinds[k]` on the fewest rooms. Of equal rooms the earlier is
// taken, of unequal ones the fullest that serves.
PackResult pack(const std::vector<Room>& rooms, const std::vector<Resources>& kinds,
                const Counts& counts, std::uint64_t search_max);

}  // namespace dl::scheduler
