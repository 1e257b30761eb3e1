// What is taken out of the state of a job that somebody asks for: of a search with thousands of
// trials not all of them.

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/coordinator/state.h"

namespace dl::runtime::server {

// A search's trials by what became of them.
struct SearchCounts {
  std::uint32_t started = 0;
  std::uint32_t running = 0;  // Queued ones too.
  std::uint32_t paused = 0;
  std::uint32_t ended = 0;  // Ran to their end, or were stopped early.
  std::uint32_t failed = 0;
  // Of those that ran to their end; while the search goes on, or if none did, of all that have a
  // result so far. Several with several objectives.
  std::vector<std::uint32_t> best;

  std::uint32_t first_best() const { return best.empty() ? 0 : best.front(); }  // 0: none.
};

// Absent without a search, and for a job that has ended and whose document can be read no more.
std::optional<SearchCounts> count_trials(const coordinator::Job& job);

enum class Trials { kFew, kAll };
// A copy. With kFew it has, of a search, the trials that are active, the last few that are over,
// and `also`; and nothing of what its searcher was told.
coordinator::Job excerpt(const coordinator::Job& job, Trials trials, std::uint32_t also = 0);

}  // namespace dl::runtime::server
