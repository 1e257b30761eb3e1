// A loader makes batches ahead of time, on threads of its own, and hands them out in order.

#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "worker/train/data/dataset.h"
#include "worker/train/data/sampler.h"

namespace dl::worker::train {

// A rank's share of one global batch. Valid until the next call of Loader::next.
struct Batch : BatchMemory {
  std::uint32_t count = 0;
  std::uint32_t global_count = 0;
};

struct LoaderOptions {
  std::uint32_t threads = 1;
  std::uint32_t depth = 4;  // Batches made ahead, at least 2.
};

// One pass over `shares` of `order`. Not copyable; used by one thread.
class Loader {
 public:
  Loader(std::shared_ptr<const Dataset> dataset, std::vector<std::uint32_t> order,
         std::vector<Share> shares, LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // The next share's batch; null at the end. Waits for it if it is not ready.
  const Batch* next();

 private:
  struct Slot {
    std::vector<float> images;
    std::vector<std::int64_t> ids;
    std::vector<std::int64_t> labels;
    Batch batch;
    bool ready = false;
  };

  void make_batches(std::stop_token stop);
  void fill(const Share& share, Slot& slot) const;

  const std::shared_ptr<const Dataset> dataset_;
  const std::vector<std::uint32_t> order_;
  const std::vector<Share> shares_;
  std::vector<Slot> slots_;  // Share i goes into slot i mod depth.

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::size_t claimed_ = 0;   // Shares that some thread makes or has made.
  std::size_t released_ = 0;  // Shares whose slots may be used again.
  std::size_t given_ = 0;     // Shares handed out.
  std::vector<std::jthread> threads_;
};

}  // namespace dl::worker::train
