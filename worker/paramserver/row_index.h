// Numbers the different rows of a request in the order in which they first come.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace dl::worker::paramserver {

class RowIndex {
 public:
  // Forgets all; ready for up to `rows` different ones. Keeps its memory.
  void clear(std::size_t rows) {
    std::size_t size = 16;
    while (size < 2 * rows) size *= 2;
    if (size > table_.size()) table_.assign(size, {});
    shift_ = 64;
    for (std::size_t s = table_.size(); s > 1; s /= 2) --shift_;
    ++generation_;
    ids_.clear();
  }

  // The number of `id`, a new one if it has not come before.
  std::uint32_t find_or_add(std::uint64_t id) {
    const std::size_t mask = table_.size() - 1;
    for (std::size_t i = id * 0x9e37'79b9'7f4a'7c15ull >> shift_;; i = (i + 1) & mask) {
      Entry& entry = table_[i];
      if (entry.generation != generation_) {
        entry = {id, generation_, static_cast<std::uint32_t>(ids_.size())};
        ids_.push_back(id);
        return entry.number;
      }
      if (entry.id == id) return entry.number;
    }
  }

  std::span<const std::uint64_t> ids() const { return ids_; }

 private:
  struct Entry {
    std::uint64_t id = 0;
    std::uint32_t generation = 0;
    std::uint32_t number = 0;
  };
  std::vector<Entry> table_;
  std::vector<std::uint64_t> ids_;
  std::uint32_t generation_ = 0;
  int shift_ = 64;
};

}  // namespace dl::worker::paramserver
