// What dlctl's exit status says: whose fault a failure is.

#pragma once

#include <span>
#include <string_view>

#include "base/error.h"
#include "model/job.h"

namespace dl::dlctl {

enum class ExitCode : int {
  kOk = 0,
  kUserCode = 1,
  kUsage = 2,
  kNotFound = 3,
  kNotAllowed = 4,
  kConflict = 5,
  kUnreachable = 6,
  kBadSpec = 7,
  kTimedOut = 8,
  kOutOfMemory = 9,
  kCluster = 10,
  kCancelled = 11,
  kInterrupted = 130,
};

// One line of the table in --help and docs/dlctl.md.
struct ExitCodeText {
  ExitCode code;
  std::string_view meaning;
};
std::span<const ExitCodeText> exit_code_texts();

// Of a call that failed.
ExitCode exit_code_of(const Error& error);

// Of a job that failed for this reason.
ExitCode exit_code_of(FailureKind kind);

}  // namespace dl::dlctl
