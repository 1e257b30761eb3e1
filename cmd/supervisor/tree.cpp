#include "cmd/supervisor/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace dl::supervisor {
namespace {

struct Process {
  pid_t pid;
  pid_t parent;
  bool zombie;
  bool ours;
};

// A list that grows; without the C++ runtime there is no vector.
struct Processes {
  Process* items = nullptr;
  size_t size = 0;
  size_t capacity = 0;

  Processes() = default;
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;
  ~Processes() { std::free(items); }

  void add(const Process& process) {
    if (size == capacity) {
      const size_t larger = capacity == 0 ? 512 : 2 * capacity;
      void* moved = std::realloc(items, larger * sizeof(Process));
      if (moved == nullptr) return;
      items = static_cast<Process*>(moved);
      capacity = larger;
    }
    items[size++] = process;
  }
};

bool read_process(pid_t pid, Process& process) {
  char text[512];
  std::snprintf(text, sizeof text, "/proc/%d/stat", pid);
  const int fd = ::open(text, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t got = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (got <= 0) return false;
  text[got] = '\0';
  const char* after_name = std::strrchr(text, ')');
  char state = '?';
  int parent = 0;
  if (after_name == nullptr || std::sscanf(after_name + 1, " %c %d", &state, &parent) != 2) {
    return false;
  }
  process = {pid, parent, state == 'Z' || state == 'X', false};
  return true;
}

void read_all(Processes& all) {
  DIR* proc = ::opendir("/proc");
  if (proc == nullptr) return;
  while (const dirent* entry = ::readdir(proc)) {
    const int pid = std::atoi(entry->d_name);
    Process process{};
    if (pid > 0 && read_process(pid, process)) all.add(process);
  }
  ::closedir(proc);
}

// Parents may be listed after their children, so marking goes on until it finds nothing more.
void mark_descendants(Processes& all) {
  const pid_t self = ::getpid();
  for (bool found = true; found;) {
    found = false;
    for (size_t i = 0; i < all.size; ++i) {
      Process& process = all.items[i];
      if (process.ours) continue;
      bool child = process.parent == self;
      for (size_t k = 0; !child && k < all.size; ++k) {
        child = all.items[k].ours && all.items[k].pid == process.parent;
      }
      if (child) process.ours = found = true;
    }
  }
}

// Returns how many live descendants were signalled.
size_t signal_pass(int signal) {
  Processes all;
  read_all(all);
  mark_descendants(all);
  size_t signalled = 0;
  for (size_t i = 0; i < all.size; ++i) {
    const Process& process = all.items[i];
    if (process.ours && !process.zombie && ::kill(process.pid, signal) == 0) ++signalled;
  }
  return signalled;
}

bool contains(const Processes& all, pid_t pid) {
  for (size_t i = 0; i < all.size; ++i) {
    if (all.items[i].pid == pid) return true;
  }
  return false;
}

// Moves the descendants that are not in `moved` yet; what they start later is born there.
size_t move_pass(const int* procs_fds, int count, Processes& moved) {
  Processes all;
  read_all(all);
  mark_descendants(all);
  size_t found = 0;
  for (size_t i = 0; i < all.size; ++i) {
    const Process& process = all.items[i];
    if (!process.ours || process.zombie || contains(moved, process.pid)) continue;
    char text[16];
    const int size = std::snprintf(text, sizeof text, "%d", process.pid);
    for (int k = 0; k < count; ++k) {
      // Fails for a process that has ended meanwhile, which is as good.
      [[maybe_unused]] const ssize_t written =
          ::write(procs_fds[k], text, static_cast<size_t>(size));
    }
    moved.add(process);
    ++found;
  }
  return found;
}

}  // namespace

void move_tree(const int* procs_fds, int count) {
  constexpr int kPassesMax = 16;
  Processes moved;
  for (int pass = 0; pass < kPassesMax && move_pass(procs_fds, count, moved) != 0; ++pass) {
  }
}

void signal_tree(int signal) { signal_pass(signal); }

void kill_tree() {
  // A killed process may take a moment to become a zombie; the caller comes back for those.
  constexpr int kPassesMax = 16;
  for (int pass = 0; pass < kPassesMax && signal_pass(SIGKILL) != 0; ++pass) {
  }
}

}  // namespace dl::supervisor
