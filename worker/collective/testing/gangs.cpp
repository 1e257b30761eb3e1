#include "worker/collective/testing/gangs.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <mutex>

#include "worker/collective/allreduce.h"

namespace dl::worker::collective::testing {

using transport::Counters;
using transport::Mesh;

GangOptions any_gang() {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp, Kind::kShm);
  const auto world = GENERATE(1u, 2u, 3u, 5u);
  return {.kind = kind, .world_size = world, .link_bytes = 5000};
}

void spawn_communicators(const GangOptions& gang, const CommunicatorFn& fn,
                         const CommunicatorOptions& options) {
  spawn(gang, [&](std::unique_ptr<Mesh> mesh) {
    Communicator communicator(std::move(mesh), options);
    fn(communicator);
  });
}

Counters cost(const GangOptions& gang, const CollectiveFn& fn, const CommunicatorOptions& options) {
  std::mutex mutex;
  Counters most;
  const auto measure = [&](Communicator& communicator) {
    must(fn(communicator));
    const Counters counters = communicator.mesh().counters();
    const std::lock_guard lock(mutex);
    most.bytes_sent = std::max(most.bytes_sent, counters.bytes_sent);
    most.bytes_received = std::max(most.bytes_received, counters.bytes_received);
    most.steps = std::max(most.steps, counters.steps);
  };
  spawn_communicators(gang, measure, options);
  return most;
}

Result<void> sum_of(Communicator& communicator, std::size_t elements) {
  std::vector<float> data(elements, 1.0f);
  return allreduce(communicator, {.data = std::as_writable_bytes(std::span(data))});
}

}  // namespace dl::worker::collective::testing
