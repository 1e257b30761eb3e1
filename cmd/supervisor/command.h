// The start of the task's command, and the cgroups it runs in.

#pragma once

#include <sys/types.h>

#include "cmd/supervisor/record.h"

namespace dl::supervisor {

inline constexpr int kCgroupsMax = 8;

// What the agent asks for on the command line:
//   dl-supervisor FOLDER GRACE_MS WORKDIR [--cgroup DIR]… -- PROGRAM [ARGUMENT]…
struct Request {
  const char* folder = nullptr;
  long grace_ms = 0;  // Between SIGTERM and SIGKILL for what the command leaves behind.
  const char* workdir = nullptr;
  const char* cgroups[kCgroupsMax] = {};
  int cgroup_fds[kCgroupsMax] = {};  // Of their cgroup.procs, once start_command() has opened them.
  int cgroup_count = 0;
  char** command = nullptr;
};

bool parse(int argc, char** argv, Request& request);

// Starts the command; its output goes to the log. Returns its pid, or 0 with the failed step in
// `outcome`.
pid_t start_command(Request& request, Outcome& outcome);

// The OOM kills in the command's cgroups.
unsigned long oom_kills(const Request& request);

// Removes the cgroups, which are empty by now, and their parents when no other task is in them.
void remove_cgroups(const Request& request);

}  // namespace dl::supervisor
