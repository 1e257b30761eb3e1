// Ports kept for tasks. A held port is bound, so that nobody else gets it, and let go just before
// its task starts and binds it itself.
//
// Between the two the port is free for a moment. Agents of one machine do not take it from each
// other: as long as a task has a port, its agent has a claim on it, an abstract Unix socket named
// after the port, which every agent of the machine respects.

#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "base/result.h"
#include "daemon/runtime/supervise/spawn.h"

namespace dl::runtime::agent {

struct PortRange {
  std::uint16_t first = 20000;
  std::uint16_t last = 32767;  // Inclusive.

  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// "20000-32767". kInvalidArgument also for an empty range and for ports below 1024.
Result<PortRange> parse_port_range(std::string_view text);

class PortPool {
 public:
  // `seed` says where in the range to begin, so that two agents seldom look at the same ports.
  PortPool(PortRange range, std::uint64_t seed);

  // Holds up to `count` more; fewer when the range has no more to give.
  void hold(std::size_t count);

  // Lets go of the ports for a task that is about to start, and keeps the claim to them. Ports
  // that are not held, as after a restart, are claimed as far as they are free.
  void hand_over(std::span<const std::uint16_t> ports);

  // The task is gone: anybody may have its ports.
  void give_up(std::span<const std::uint16_t> ports);

  std::vector<std::uint16_t> held() const;

 private:
  struct Held {
    supervise::Fd claim;
    supervise::Fd socket;  // Absent while a task has the port.
  };

  bool try_hold(std::uint16_t port);

  PortRange range_;
  std::uint32_t next_ = 0;  // Offset in the range: recently used ports are the last to come again.
  std::map<std::uint16_t, Held> ports_;
};

}  // namespace dl::runtime::agent
