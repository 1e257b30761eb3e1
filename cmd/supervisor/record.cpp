#include "cmd/supervisor/record.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "daemon/runtime/supervise/protocol.h"

namespace dl::supervisor {
namespace {

namespace supervise = runtime::supervise;

constexpr size_t kReservedBytes = 256;  // Longer than any record.

int open_new(const char* name, char (&temporary)[32]) {
  std::snprintf(temporary, sizeof temporary, "%s.new", name);
  return ::open(temporary, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

// Writes over what is there before it cuts the rest off: reserved room is not given back first.
bool write_whole(const char* name, const char* text, bool sync) {
  char temporary[32];
  const int fd = open_new(name, temporary);
  if (fd < 0) return false;
  const size_t size = std::strlen(text);
  bool ok = ::write(fd, text, size) == static_cast<ssize_t>(size) &&
            ::ftruncate(fd, static_cast<off_t>(size)) == 0;
  if (ok && sync) ok = ::fsync(fd) == 0;
  ok = ::close(fd) == 0 && ok;
  return ok && ::rename(temporary, name) == 0;
}

// Reads a small file into `text` as a string; empty when it cannot be read.
void read_small(const char* path, char* text, size_t size) {
  text[0] = '\0';
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t got = ::read(fd, text, size - 1);
  text[got > 0 ? got : 0] = '\0';
  ::close(fd);
}

// Field 22 of /proc/self/stat, counted from behind the program's name, which may hold anything.
unsigned long long own_start_time() {
  char stat[1024];
  read_small("/proc/self/stat", stat, sizeof stat);
  const char* at = std::strrchr(stat, ')');
  for (int field = 2; at != nullptr && field < 22; ++field) at = std::strchr(at + 1, ' ');
  unsigned long long start = 0;
  if (at != nullptr) std::sscanf(at, "%llu", &start);
  return start;
}

}  // namespace

bool write_pid_file(pid_t task) {
  char boot[64];
  read_small("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
  boot[std::strcspn(boot, "\n")] = '\0';
  char text[160];
  std::snprintf(text, sizeof text, "%d %llu %s %d\n", ::getpid(), own_start_time(),
                boot[0] != '\0' ? boot : "-", task);
  return write_whole(supervise::kPidFile, text, false);
}

void reserve_exit_file() {
  char temporary[32];
  const int fd = open_new(supervise::kExitFile, temporary);
  if (fd < 0) return;
  if (::posix_fallocate(fd, 0, kReservedBytes) != 0) ::unlink(temporary);
  ::close(fd);
}

bool write_exit_file(const Outcome& outcome) {
  char text[kReservedBytes];
  std::snprintf(text, sizeof text, "code %d\nsignal %d\noom_kills %lu\nstep %s\nerrno %d\n",
                outcome.code, outcome.signal, outcome.oom_kills,
                outcome.failed_step != nullptr ? outcome.failed_step : "-", outcome.errnum);
  return write_whole(supervise::kExitFile, text, true);
}

}  // namespace dl::supervisor
