// The two files a supervisor leaves in the task's folder, which is its working directory. Both
// appear whole or not at all.

#pragma once

#include <sys/types.h>

namespace dl::supervisor {

// How the task ended, or which step of its start failed with which errno.
struct Outcome {
  int code = 0;
  int signal = 0;
  unsigned long oom_kills = 0;
  const char* failed_step = nullptr;
  int errnum = 0;
};

// "<own pid> <own start time> <boot id> <task>". Not synced: it means nothing after a reboot.
bool write_pid_file(pid_t task);

// Takes the room for the exit file while there is some: the task itself may fill the disk.
void reserve_exit_file();

// Synced before it is renamed into place. False, with errno, when the disk has no room for it.
bool write_exit_file(const Outcome& outcome);

}  // namespace dl::supervisor
