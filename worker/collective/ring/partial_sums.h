// Data on its way through a rank: received, reduced with the rank's own, then passed on.
//
// A ring buffer in memory of the communicator's. It takes in no more than it has room for, so a
// rank whose next neighbour is slow stops receiving.

#pragma once

#include <algorithm>
#include <cstddef>

#include "base/assert.h"
#include "worker/transport/mesh.h"

namespace dl::worker::collective {

class PartialSums {
 public:
  PartialSums() = default;
  explicit PartialSums(transport::Bytes memory) : memory_(memory) {}

  // Where the next `bytes` may be received and reduced: less of them where the memory wraps around,
  // none while there is no room. Stays the same until push().
  transport::Bytes room(std::size_t bytes) const {
    const std::size_t at = pushed_ % memory_.size();
    const std::size_t wanted = std::min(bytes, memory_.size() - at);
    if (pushed_ - popped_ + wanted > memory_.size()) return {};
    return memory_.subspan(at, wanted);
  }
  void push(std::size_t bytes) { pushed_ += bytes; }

  // What has been pushed and not popped, as far as it is contiguous.
  transport::ConstBytes front() const {
    const std::size_t at = popped_ % memory_.size();
    return memory_.subspan(at, std::min(pushed_ - popped_, memory_.size() - at));
  }
  void pop(std::size_t bytes) {
    DL_ASSERT(popped_ + bytes <= pushed_, "nothing is sent before it has come");
    popped_ += bytes;
  }

 private:
  transport::Bytes memory_;
  std::size_t pushed_ = 0;
  std::size_t popped_ = 0;
};

}  // namespace dl::worker::collective
