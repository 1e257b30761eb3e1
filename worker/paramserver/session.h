// A worker, as a server sees it: the request that is coming in and the answer that is going out.

#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "worker/paramserver/message.h"
#include "worker/paramserver/state/shard.h"

namespace dl::worker::paramserver {

// Elements of a dense push that have come and are not applied yet.
struct Staged {
  std::shared_ptr<float[]> block;
  const float* values = nullptr;  // In `block`.
  std::uint64_t first = 0;        // Where they go in this server's part.
  std::uint64_t count = 0;
};

// A push or pull of rows: ids, which become slots, and then values. Kept while it is forwarded.
struct RowRequest {
  std::vector<std::uint64_t> memory;  // Aligned for both.
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;

  std::span<std::byte> body() { return std::as_writable_bytes(std::span(memory)).first(bytes); }
  std::span<std::uint64_t> ids() { return std::span(memory).first(rows); }
  std::span<const float> values() {
    const auto rest = body().subspan(rows * sizeof(std::uint64_t));
    return {reinterpret_cast<const float*>(rest.data()), rest.size() / sizeof(float)};
  }
};

struct Session {
  Rank worker = 0;
  HeadReader reader;
  bool open = false;  // The head has been read, its payload not yet.
  Intake intake;

  // A dense push.
  std::uint64_t cursor = 0;  // Elements that have come, but for those of the range under way.
  std::uint64_t handed = 0;  // kHogwild: elements of that range which are applied already.
  std::shared_ptr<float[]> block;
  std::deque<Staged> staged;
  std::uint64_t staleness = 0;  // The most of any range.

  std::shared_ptr<RowRequest> rows;
  std::vector<float> aside;  // First values: of rows, or that nobody wants.

  // The push under way, whole: kept until it is applied.
  Head push;

  // Values on their way: elements [next, end) of `table` may go.
  TableId table = 0;
  std::uint64_t next = 0;
  std::uint64_t end = 0;
  Clock slowest = 0;

  Outbox outbox;
  std::uint32_t owed = 0;  // Last words of an answer that have not been said.
  std::chrono::steady_clock::time_point heard;
  std::chrono::steady_clock::time_point told;
  bool awaits_values = false;  // The first ones, which rank 0 has not given yet.
  bool finished = false;

  bool done() const { return finished && outbox.empty(); }
};

}  // namespace dl::worker::paramserver
