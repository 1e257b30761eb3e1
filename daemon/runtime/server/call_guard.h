// What every call has to pass before it is looked at: the token and the client's version.

#pragma once

#include <grpcpp/grpcpp.h>

#include <string>

namespace dl::runtime::server {

class CallGuard {
 public:
  explicit CallGuard(std::string token) : token_(std::move(token)) {}

  // UNAUTHENTICATED without the token; FAILED_PRECONDITION for a client whose `dl-api` metadata is
  // below the oldest API that is still spoken. A client that names no version is taken.
  grpc::Status check(const grpc::CallbackServerContext& context) const;
  // The token alone: for calls that clients of any version may make.
  grpc::Status check_token(const grpc::CallbackServerContext& context) const;

 private:
  const std::string token_;
};

}  // namespace dl::runtime::server
