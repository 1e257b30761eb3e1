// What a gang does when one of its processes is killed in the middle of an all-reduce.

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "worker/transport/mesh.h"
#include "worker/transport/tcp/connect.h"

namespace dl::worker::collective::testing {

struct KilledRank {
  transport::Rank victim = 0;  // Of 4.
  std::size_t elements = 0;    // Of each all-reduce, float32.
  int rounds = 0;              // All ranks' together, before the kill.
  std::function<Result<std::unique_ptr<transport::Mesh>>(
      transport::Rank, const std::vector<transport::tcp::PeerAddress>&)>
      connect;
};

// Kills the victim, which is a process of its own, and checks that within a second all other ranks,
// which are threads, fail with kUnavailable and name it. Returns the process that was killed.
pid_t check_killed_rank_is_named(const KilledRank& test);

}  // namespace dl::worker::collective::testing
