// All-to-all: every rank brings a message for every rank, and leaves with those meant for it.

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "worker/collective/communicator.h"

namespace dl::worker::collective {

struct AllToAllOptions {
  // By rank, this one's own included. What rank a sends to b is as long as what b receives from a;
  // the sizes of different pairs may differ. No memory is sent from and received into.
  std::span<const transport::ConstBytes> send;
  std::span<const transport::Bytes> receive;
  std::string_view label;  // As in AllreduceOptions.
};

// All messages are under way at once. Errors as for allreduce.
Result<void> all_to_all(Communicator& communicator, const AllToAllOptions& options);

}  // namespace dl::worker::collective
