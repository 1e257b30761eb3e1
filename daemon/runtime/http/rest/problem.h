// What a client gets in place of an answer: a problem document (RFC 9457).

#pragma once

#include <grpcpp/support/status.h>

#include <string>
#include <string_view>

#include "base/error.h"

namespace dl::runtime::http {

inline constexpr std::string_view kProblemType = "application/problem+json";

// `status` is HTTP's and mostly http_status(code); 405, 413, 431 have no code of their own.
struct Problem {
  int status = 500;
  Code code = Code::kUnknown;
  std::string detail;
};

Problem problem_of(const Error& error);
Problem problem_of(const grpc::Status& status);

// {"type":"about:blank","title":"Not Found","status":404,"detail":…,"code":"NOT_FOUND",
// "instance":…}. `instance` is the path of the request; bytes that are not UTF-8 are replaced.
std::string to_json(const Problem& problem, std::string_view instance);

// "Not Found"; the title of a problem of this status.
std::string_view status_title(int status);

}  // namespace dl::runtime::http
