// Gangs whose ranks are threads of the test and have a communicator.

#pragma once

#include <functional>

#include "worker/collective/communicator.h"
#include "worker/transport/testing/gang.h"

namespace dl::worker::collective::testing {

// For the using-directive of a test, which then has what gang.h offers by these names too.
using namespace transport::testing;  // NOLINT(google-build-using-namespace)

// Generates (as Catch's GENERATE) every transport with worlds of 1 to 5 and links that are small,
// so that senders have to wait.
GangOptions any_gang();

using CommunicatorFn = std::function<void(Communicator&)>;

// spawn() with a communicator on each rank.
void spawn_communicators(const GangOptions& gang, const CommunicatorFn& fn,
                         const CommunicatorOptions& options = {});

using CollectiveFn = std::function<Result<void>(Communicator&)>;

// What one call of `fn` costs on each rank: the most that any of them sent and received, and the
// longest chain of steps. To be held against the cost sheet of docs/collectives.md.
transport::Counters cost(const GangOptions& gang, const CollectiveFn& fn,
                         const CommunicatorOptions& options = {});

// An all-reduce of so many float32.
Result<void> sum_of(Communicator& communicator, std::size_t elements);

}  // namespace dl::worker::collective::testing
