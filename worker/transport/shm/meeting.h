// Where the ranks of one host meet to hand over memory: a Unix socket with a random name that only
// the kernel knows (in the abstract namespace, so there is no file). It can be called from the same
// network namespace alone.

#pragma once

#include <string>

#include "base/result.h"
#include "worker/transport/tcp/handshake.h"
#include "worker/transport/tcp/socket.h"

namespace dl::worker::transport::shm {

class Meeting {
 public:
  // kFailedPrecondition  the system gives no such socket; says why.
  static Result<Meeting> open(int backlog);

  // What to call, at most kMeetingNameBytes.
  const std::string& name() const { return name_; }

  // The next caller that proves that it is a peer of `self` and is served with `memory`; its rank.
  // Others are turned away. kDeadlineExceeded when none came.
  Result<Rank> serve(const tcp::Identity& self, int memory, Deadline deadline);

 private:
  Meeting(tcp::Socket listener, std::string name);

  tcp::Socket listener_;
  std::string name_;
};
inline constexpr std::size_t kMeetingNameBytes = 64;

// kFailedPrecondition  nobody is there: `name` is of another host.
Result<tcp::Socket> call_meeting(const std::string& name);

// The caller's side of serve: proves itself to rank `host` and takes the memory.
Result<tcp::Socket> receive_memory(tcp::Socket& socket, const tcp::Identity& self, Rank host,
                                   Deadline deadline);

}  // namespace dl::worker::transport::shm
