// Every rank sends one message to every other, all at once: the data path of the collectives that
// take one step.

#pragma once

#include <cstddef>

#include "worker/collective/call.h"
#include "worker/collective/communicator.h"

namespace dl::worker::collective {

// Sends `mine` to all peers, and receives as many bytes from each: those of rank r go to
// `all` at r × mine.size(). The rank's own place in `all` is left alone.
Result<void> exchange(Communicator& communicator, const Call& call, transport::ConstBytes mine,
                      transport::Bytes all);

}  // namespace dl::worker::collective
