// What the coordinator's shell counts about itself, for /metrics.
//
// The control thread and the journal write; anybody may read at any time. Every number is an
// atomic of its own, so a reader sees each one exact and all of them nearly at one moment.

#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace dl::runtime::server {

// Counts values into buckets, as Prometheus' histograms do. `Bounds` are the buckets' inclusive
// upper bounds, ascending; one more bucket takes what is above them all.
template <const auto& Bounds>
class Histogram {
 public:
  static constexpr auto bounds() { return Bounds; }
  static constexpr std::size_t kBuckets = Bounds.size() + 1;

  void observe(double value) {
    const auto place = std::lower_bound(Bounds.begin(), Bounds.end(), value) - Bounds.begin();
    buckets_[static_cast<std::size_t>(place)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }

  // Values in bucket `i` alone (not cumulative, which Prometheus wants), and the sum of all.
  std::uint64_t bucket(std::size_t i) const { return buckets_[i].load(std::memory_order_relaxed); }
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<std::uint64_t>, kBuckets> buckets_{};
  std::atomic<double> sum_{0};
};

inline constexpr std::array<double, 14> kSecondsBounds = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5};
inline constexpr std::array<double, 11> kBatchBounds = {1,  2,   4,   8,   16,  32,
                                                        64, 128, 256, 512, 1024};

struct Stats {
  using Counter = std::atomic<std::uint64_t>;

  Counter events{0};   // Taken by the core.
  Counter steps{0};    // Of the loop: each has at most one commit.
  Counter commits{0};  // That went through.
  Counter commits_failed{0};
  Counter mutations{0};                       // Committed.
  Counter snapshots{0};                       // Of the state, which cut the journal.
  Counter jobs_submitted{0};                  // Acknowledged submits; a retried one counts again.
  std::atomic<std::uint64_t> queue_depth{0};  // Events that wait for the next step, now.
  std::atomic<std::uint64_t> agents_connected{0};  // Streams open, now.

  Histogram<kBatchBounds> batch_events;      // Events in one step.
  Histogram<kSecondsBounds> commit_seconds;  // From the batch to stable storage.
  Histogram<kSecondsBounds> step_seconds;    // Decisions, commit and effects.
};

}  // namespace dl::runtime::server
