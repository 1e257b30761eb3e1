#include "cmd/dlctl/exit_code.h"

#include <array>

namespace dl::dlctl {

std::span<const ExitCodeText> exit_code_texts() {
  static constexpr std::array<ExitCodeText, 13> kTexts = {{
      {ExitCode::kOk, "done; with --wait and --follow: the job succeeded"},
      {ExitCode::kUserCode, "the job failed by its own code (user_code)"},
      {ExitCode::kUsage, "the command line is wrong"},
      {ExitCode::kNotFound, "no such job, task, node, context or file"},
      {ExitCode::kNotAllowed, "not authenticated, or not permitted"},
      {ExitCode::kConflict, "in conflict with the present state, or an idempotency key used twice"},
      {ExitCode::kUnreachable, "the coordinator cannot be reached"},
      {ExitCode::kBadSpec, "the spec document is wrong (spec)"},
      {ExitCode::kTimedOut, "the wait timed out; the job goes on"},
      {ExitCode::kOutOfMemory, "the job ran out of memory (out_of_memory)"},
      {ExitCode::kCluster,
       "the cluster's fault (node_lost, preempted, communication, infrastructure, internal "
       "errors)"},
      {ExitCode::kCancelled, "the job was cancelled"},
      {ExitCode::kInterrupted, "interrupted by Ctrl-C; the job goes on"},
  }};
  return kTexts;
}

ExitCode exit_code_of(const Error& error) {
  switch (error.code) {
    case Code::kInvalidArgument:
    case Code::kOutOfRange: return ExitCode::kUsage;
    case Code::kNotFound: return ExitCode::kNotFound;
    case Code::kPermissionDenied:
    case Code::kUnauthenticated: return ExitCode::kNotAllowed;
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition:
    case Code::kAborted: return ExitCode::kConflict;
    case Code::kUnavailable:
    case Code::kDeadlineExceeded: return ExitCode::kUnreachable;
    case Code::kCancelled: return ExitCode::kInterrupted;
    case Code::kUnknown:
    case Code::kResourceExhausted:
    case Code::kUnimplemented:
    case Code::kInternal:
    case Code::kDataLoss: return ExitCode::kCluster;
  }
  return ExitCode::kCluster;
}

ExitCode exit_code_of(FailureKind kind) {
  switch (kind) {
    case FailureKind::kSpec: return ExitCode::kBadSpec;
    case FailureKind::kUserCode: return ExitCode::kUserCode;
    case FailureKind::kOutOfMemory: return ExitCode::kOutOfMemory;
    case FailureKind::kNodeLost:
    case FailureKind::kPreempted:
    case FailureKind::kCommunication:
    case FailureKind::kInfrastructure: return ExitCode::kCluster;
  }
  return ExitCode::kCluster;
}

}  // namespace dl::dlctl
