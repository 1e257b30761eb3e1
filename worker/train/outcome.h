// An Outcome is a value, or a Failure that says who is to blame: what a training run ends with.

#pragma once

#include <stdexcept>
#include <utility>

#include "base/result.h"
#include "model/job.h"

namespace dl {

// Found by boost::system::result when value() is called on a failure: a bug in the caller.
[[noreturn]] inline void throw_exception_from_error(const Failure& failure,
                                                    const boost::source_location&) {
  throw std::logic_error("value() of a failed Outcome: " + failure.message);
}

}  // namespace dl

namespace dl::worker::train {

template <class T>
using Outcome = boost::system::result<T, Failure>;

// `result` with its error laid at the door of `kind`.
template <class T>
Outcome<T> blame(FailureKind kind, Result<T> result) {
  if (result) {
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return *std::move(result);
    }
  }
  return Failure{.kind = kind, .task = "", .message = std::move(result).error().message};
}

// The failure that the exception being handled stands for: out of memory, a lost peer, or else a
// fault of the program. Call it from a catch block.
Failure failure_of_current_exception();

}  // namespace dl::worker::train
