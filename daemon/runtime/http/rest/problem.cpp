#include "daemon/runtime/http/rest/problem.h"

#include <boost/json.hpp>

#include "daemon/runtime/http/rest/uri.h"

namespace dl::runtime::http {
namespace {

// `text` with "?" for every byte that keeps it from being UTF-8.
std::string made_valid(std::string_view text) {
  std::string valid(text);
  for (std::size_t at = 0; (at = find_invalid_utf8(valid)) != std::string::npos;) valid[at] = '?';
  return valid;
}

}  // namespace

std::string_view status_title(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Internal Server Error";
  }
}

Problem problem_of(const Error& error) {
  return {http_status(error.code), error.code, error.message};
}

Problem problem_of(const grpc::Status& status) {
  const int value = static_cast<int>(status.error_code());
  const bool known = value >= 1 && value <= 16;
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED && status.error_message().empty()) {
    return problem_of(Error{Code::kUnimplemented,
                            "this coordinator does not know the call; it may be older than its "
                            "client"});
  }
  return problem_of(Error{known ? static_cast<Code>(value) : Code::kUnknown,
                          status.error_message().empty() ? "the call failed without saying why"
                                                         : status.error_message()});
}

std::string to_json(const Problem& problem, std::string_view instance) {
  boost::json::object object;
  object["type"] = "about:blank";
  object["title"] = status_title(problem.status);
  object["status"] = problem.status;
  object["detail"] = made_valid(problem.detail);
  object["code"] = to_string(problem.code);
  object["instance"] = made_valid(instance);
  return boost::json::serialize(object) + "\n";
}

}  // namespace dl::runtime::http
