// Errors ↔ gRPC's status: the same code and the same words on both sides of the wire.

#pragma once

#include <grpcpp/support/status.h>

#include "base/result.h"

namespace dl::runtime::wire {

inline grpc::Status to_status(const Error& error) {
  return {static_cast<grpc::StatusCode>(error.code), error.message};
}

template <class T>
grpc::Status to_status(const Result<T>& result) {
  return result ? grpc::Status::OK : to_status(result.error());
}

// Of a status that is not OK.
inline Error from_status(const grpc::Status& status) {
  return {static_cast<Code>(status.error_code()), status.error_message()};
}

}  // namespace dl::runtime::wire
