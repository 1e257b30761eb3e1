#include "scheduler/placement/pack.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

#include "base/assert.h"

namespace dl::scheduler {
namespace {

// How many tasks of `kind` go into `room`.
std::uint32_t fit(const Room& room, const Resources& kind) {
  std::uint64_t n = std::min<std::uint64_t>(room.tasks, std::numeric_limits<std::uint32_t>::max());
  if (kind.gpus > 0) n = std::min(n, room.gpus / kind.gpus);
  if (kind.cpus > 0) n = std::min(n, room.cpus / kind.cpus);
  if (kind.memory_bytes > 0) n = std::min(n, room.memory_bytes / kind.memory_bytes);
  return static_cast<std::uint32_t>(n);
}

void take(Room& room, const Resources& kind, std::uint64_t count) {
  room.gpus -= kind.gpus * count;
  room.cpus -= kind.cpus * count;
  room.memory_bytes -= kind.memory_bytes * count;
  room.tasks -= count;
}

bool is_zero(const Counts& counts) {
  return std::all_of(counts.begin(), counts.end(), [](std::uint32_t n) { return n == 0; });
}

void subtract(Counts& from, const Counts& counts) {
  for (std::size_t k = 0; k < from.size(); ++k) from[k] -= counts[k];
}

// What is compared when no node takes the whole rest: the scarce things first.
struct Load {
  std::uint64_t gpus = 0;
  std::uint64_t cpus = 0;
  std::uint64_t tasks = 0;

  friend auto operator<=>(const Load&, const Load&) = default;
};

class Packer {
 public:
  Packer(const std::vector<Room>& rooms, const std::vector<Resources>& kinds, const Counts& counts,
         std::uint64_t search_max)
      : rooms_(rooms), kinds_(kinds), counts_(counts), search_max_(search_max) {
    hardest_first_.resize(kinds.size());
    std::iota(hardest_first_.begin(), hardest_first_.end(), 0);
    std::stable_sort(hardest_first_.begin(), hardest_first_.end(), [&](auto a, auto b) {
      const auto key = [&](std::size_t k) {
        return std::tuple(kinds[k].gpus, kinds[k].memory_bytes, kinds[k].cpus);
      };
      return key(a) > key(b);
    });
  }

  PackResult run() {
    PackResult result{.packing = greedy(), .exact = true};
    const bool alike =
        std::count_if(counts_.begin(), counts_.end(), [](std::uint32_t n) { return n > 0; }) <= 1;
    if (alike || (result.packing && result.packing->nodes_used <= 1)) return result;
    order_rooms();
    if (search_size() > search_max_) {
      result.exact = false;
      return result;
    }
    if (auto best = search()) {
      if (!result.packing || best->nodes_used < result.packing->nodes_used) result.packing = best;
    }
    return result;
  }

 private:
  // --- greedy: the node that takes most of the rest, until there is none left ------------------

  Counts fill(Room room, const Counts& rest) const {
    Counts filled(rest.size(), 0);
    for (const auto k : hardest_first_) {
      filled[k] = std::min(rest[k], fit(room, kinds_[k]));
      take(room, kinds_[k], filled[k]);
    }
    return filled;
  }

  Load load_of(const Counts& counts) const {
    Load load;
    for (std::size_t k = 0; k < counts.size(); ++k) {
      load.gpus += std::uint64_t{kinds_[k].gpus} * counts[k];
      load.cpus += std::uint64_t{kinds_[k].cpus} * counts[k];
      load.tasks += counts[k];
    }
    return load;
  }

  std::optional<Packing> greedy() const {
    Packing packing{.nodes = std::vector<Counts>(rooms_.size(), Counts(counts_.size(), 0)),
                    .nodes_used = 0};
    std::vector<bool> used(rooms_.size(), false);
    Counts rest = counts_;
    while (!is_zero(rest)) {
      const auto best = best_room(rest, used);
      if (!best) return std::nullopt;
      packing.nodes[*best] = fill(rooms_[*best], rest);
      subtract(rest, packing.nodes[*best]);
      used[*best] = true;
      ++packing.nodes_used;
    }
    return packing;
  }

  std::optional<std::size_t> best_room(const Counts& rest, const std::vector<bool>& used) const {
    std::optional<std::size_t> best;
    Load best_load;
    for (std::size_t i = 0; i < rooms_.size(); ++i) {
      if (used[i]) continue;
      const Load load = load_of(fill(rooms_[i], rest));
      if (load.tasks == 0) continue;
      // Rooms that take all of the rest have the same load: the fullest, being the smallest, wins.
      if (!best || load > best_load || (load == best_load && rooms_[i] < rooms_[*best])) {
        best = i;
        best_load = load;
      }
    }
    return best;
  }

  // --- search: fewest_[i][s] is the fewest of the rooms from i on that take the partial gang s -

  // The fullest rooms first, each kind of room no oftener than there are tasks.
  void order_rooms() {
    const std::uint64_t tasks = std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
    std::map<Room, std::uint64_t> seen;
    for (std::size_t i = 0; i < rooms_.size(); ++i) {
      if (load_of(fill(rooms_[i], counts_)).tasks == 0) continue;
      if (seen[rooms_[i]]++ < tasks) order_.push_back(i);
    }
    std::stable_sort(order_.begin(), order_.end(),
                     [&](auto a, auto b) { return rooms_[a] < rooms_[b]; });
  }

  std::uint64_t search_size() const {
    double size = static_cast<double>(order_.size());
    for (const auto n : counts_) size *= n + 1.0;
    double ways = 1;
    for (std::size_t k = 0; k + 1 < counts_.size(); ++k) {
      std::uint32_t most = 0;
      for (const auto i : order_)
        most = std::max(most, std::min(counts_[k], fit(rooms_[i], kinds_[k])));
      ways *= most + 1.0;
    }
    size *= ways;
    return size > 1e18 ? std::numeric_limits<std::uint64_t>::max()
                       : static_cast<std::uint64_t>(size);
  }

  std::size_t number_of(const Counts& rest) const {
    std::size_t number = 0;
    for (std::size_t k = 0; k < rest.size(); ++k) number = number * (counts_[k] + 1) + rest[k];
    return number;
  }

  // Steps through all partial gangs, the empty one first. False after the whole one.
  bool next(Counts& rest) const {
    for (std::size_t k = rest.size(); k-- > 0;) {
      if (rest[k] < counts_[k]) {
        ++rest[k];
        return true;
      }
      rest[k] = 0;
    }
    return false;
  }

  // Calls `each` with every way to fill `room` with part of `rest`; of the last kind always as
  // many as go in, because leaving tasks over never saves a node.
  template <class Each>
  void for_each_way(Room room, const Counts& rest, Counts& way, std::size_t k, Each& each) const {
    const std::uint32_t most = std::min(rest[k], fit(room, kinds_[k]));
    if (k + 1 == rest.size()) {
      way[k] = most;
      each(way);
      return;
    }
    for (std::uint32_t n = 0; n <= most; ++n) {
      way[k] = n;
      Room left = room;
      take(left, kinds_[k], n);
      for_each_way(left, rest, way, k + 1, each);
    }
  }

  // The best way to use room order_[i] for `rest`, by the numbers of the rooms after it.
  std::pair<std::uint16_t, Counts> best_way(std::size_t i, const Counts& rest) const {
    std::uint16_t fewest = kNever;
    Counts best(rest.size(), 0);
    Counts way(rest.size(), 0);
    auto each = [&](const Counts& filled) {
      Counts left = rest;
      subtract(left, filled);
      const std::uint16_t after = fewest_[i + 1][number_of(left)];
      if (after < kNever && after + 1 < fewest) {
        fewest = static_cast<std::uint16_t>(after + 1);
        best = filled;
      }
    };
    for_each_way(rooms_[order_[i]], rest, way, 0, each);
    return {fewest, best};
  }

  std::optional<Packing> search() {
    fewest_.assign(order_.size() + 1, std::vector<std::uint16_t>(number_of(counts_) + 1, kNever));
    fewest_.back()[0] = 0;
    for (std::size_t i = order_.size(); i-- > 0;) {
      Counts rest(counts_.size(), 0);
      do {
        const auto s = number_of(rest);
        fewest_[i][s] = std::min(fewest_[i + 1][s], best_way(i, rest).first);
      } while (next(rest));
    }
    if (fewest_[0][number_of(counts_)] == kNever) return std::nullopt;
    return follow();
  }

  // Reads the packing off the table. A room is used whenever that costs nothing: fullest first.
  Packing follow() const {
    Packing packing{.nodes = std::vector<Counts>(rooms_.size(), Counts(counts_.size(), 0)),
                    .nodes_used = fewest_[0][number_of(counts_)]};
    Counts rest = counts_;
    for (std::size_t i = 0; i < order_.size() && !is_zero(rest); ++i) {
      const auto [fewest, way] = best_way(i, rest);
      if (fewest != fewest_[i][number_of(rest)]) continue;
      packing.nodes[order_[i]] = way;
      subtract(rest, way);
    }
    DL_ASSERT(is_zero(rest), "the table leads to the end");
    return packing;
  }

  static constexpr std::uint16_t kNever = std::numeric_limits<std::uint16_t>::max();

  const std::vector<Room>& rooms_;
  const std::vector<Resources>& kinds_;
  const Counts& counts_;
  std::uint64_t search_max_;
  std::vector<std::size_t> hardest_first_;
  std::vector<std::size_t> order_;
  std::vector<std::vector<std::uint16_t>> fewest_;
};

}  // namespace

PackResult pack(const std::vector<Room>& rooms, const std::vector<Resources>& kinds,
                const Counts& counts, std::uint64_t search_max) {
  return Packer(rooms, kinds, counts, search_max).run();
}

}  // namespace dl::scheduler
