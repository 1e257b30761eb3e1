// Error says why something could not be done, in words a user can act on.
//
// The codes are gRPC's, so that an error keeps its meaning from the core to
// the client. A new code is added only if some caller would react to it.

#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace dl {

// Numeric values are those of google.rpc.Code.
enum class Code : std::uint8_t {
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,  // Never will be: the request itself is wrong.
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,  // Lost a race, or a newer attempt exists; start over.
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,  // Not now: the same call may go through later.
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "INVALID_ARGUMENT", …, as in google.rpc.Code.
std::string_view to_string(Code code);

// HTTP status of an error with this code (google.rpc.Code's own table).
int http_status(Code code);

// `message` is a sentence without a final full stop: what failed, the value
// that was wrong, what to do next.
struct Error {
  Code code = Code::kUnknown;
  std::string message;

  friend bool operator==(const Error&, const Error&) = default;
};

// "<CODE>: <message>".
std::string to_string(const Error& error);
std::ostream& operator<<(std::ostream& out, const Error& error);

inline Error invalid_argument(std::string message) {
  return {Code::kInvalidArgument, std::move(message)};
}
inline Error not_found(std::string message) { return {Code::kNotFound, std::move(message)}; }
inline Error unavailable(std::string message) { return {Code::kUnavailable, std::move(message)}; }
inline Error internal(std::string message) { return {Code::kInternal, std::move(message)}; }

// "<doing>: <strerror(errnum)>", with the code that fits `errnum`.
Error errno_error(std::string_view doing, int errnum);

// `error` with "<context>: " before its message.
Error with_context(std::string_view context, Error error);

}  // namespace dl
