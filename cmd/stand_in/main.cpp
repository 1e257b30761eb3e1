// dl-stand-in: the process of a task that runs in an executor. It hands output, environment and
// working directory over, passes SIGTERM on, and ends as the task does: with its status, or by the
// signal that has killed the executor. Where there is no executor it becomes the worker itself.
//
// It links nothing but libc, statically, for it starts with every trial of a search.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cmd/stand_in/hand_over.h"
#include "daemon/runtime/supervise/protocol.h"

namespace dl::stand_in {
namespace {

namespace supervise = runtime::supervise;

// An executor that is starting loads its libraries first, which a cold disk makes long.
constexpr long long kStartMsMax = 120'000;
constexpr long long kAcceptMsMax = 120'000;
// From an executor's death until its supervisor has written it down.
constexpr long long kRecordMsMax = 5'000;
constexpr int kLookEveryMs = 2;
// Refused in a row: who listened once is dead, and nobody has written it down.
constexpr int kRefusedMax = 250;

long long now_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000LL + time.tv_nsec / 1'000'000;
}

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

[[noreturn]] void die_by(int number) {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);  // The executor's own is the one to look at.
  ::signal(number, SIG_DFL);
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_UNBLOCK, &all, nullptr);
  ::raise(number);
  ::_exit(128 + number);
}

// Runs the task in this process after all.
[[noreturn]] void become_worker(const char* worker, const char* why) {
  std::printf("%s: it runs in a process of its own\n", why);
  std::fflush(stdout);
  const sigset_t set = stop_signals();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  char name[] = "dl-worker";
  char* const arguments[] = {name, nullptr};
  ::execv(worker, arguments);
  std::fprintf(stderr, "%s cannot be executed: %s\n", worker, std::strerror(errno));
  ::_exit(127);
}

bool exists(const char* folder, const char* file) {
  char path[4096];
  std::snprintf(path, sizeof path, "%s/%s", folder, file);
  return ::access(path, F_OK) == 0;
}

// By way of the working directory: a socket's name is short, a folder's may be long.
bool connect_once(int socket, const char* folder, int work_folder) {
  if (::chdir(folder) != 0) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, kSocket, sizeof kSocket);
  const bool connected =
      ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int why = errno;
  if (::fchdir(work_folder) != 0) die_by(SIGKILL);  // Not to run the task somewhere else.
  errno = why;
  return connected;
}

// Waits for an executor that is starting. -1: there is none.
int connect_to(const char* folder, int work_folder) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sigset_t set = stop_signals();
  const long long deadline = now_ms() + kStartMsMax;
  int refused = 0;
  while (socket >= 0 && now_ms() < deadline && refused < kRefusedMax) {
    if (connect_once(socket, folder, work_folder)) return socket;
    refused = errno == ECONNREFUSED ? refused + 1 : 0;
    if (exists(folder, supervise::kExitFile)) break;
    const timespec pause{0, kLookEveryMs * 1'000'000L};
    const int number = ::sigtimedwait(&set, nullptr, &pause);
    if (number > 0) die_by(number);
  }
  ::close(socket);
  return -1;
}

bool send_all(int socket, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(socket, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

bool send_launch(int socket, int work_folder, std::uint32_t environment_bytes) {
  Launch launch{kMagic, environment_bytes};
  iovec part{&launch, sizeof launch};
  const int descriptors[kDescriptors] = {STDOUT_FILENO, STDERR_FILENO, work_folder};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof descriptors)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptors);
  std::memcpy(CMSG_DATA(header), descriptors, sizeof descriptors);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof launch);
}

bool hand_over(int socket, int work_folder, char** environment) {
  size_t bytes = 0;
  for (char** entry = environment; *entry != nullptr; ++entry) bytes += std::strlen(*entry) + 1;
  if (!send_launch(socket, work_folder, static_cast<std::uint32_t>(bytes))) return false;
  for (char** entry = environment; *entry != nullptr; ++entry) {
    if (!send_all(socket, *entry, std::strlen(*entry) + 1)) return false;
  }
  pollfd answer{socket, POLLIN, 0};
  char tag = 0;
  return ::poll(&answer, 1, static_cast<int>(kAcceptMsMax)) == 1 &&
         ::recv(socket, &tag, 1, 0) == 1 && tag == kAccepted;
}

// Until the executor has said how the task went. False: it has died.
bool wait_for_end(int socket, int signals, Finished& finished) {
  pollfd events[2] = {{socket, POLLIN, 0}, {signals, POLLIN, 0}};
  for (;;) {
    if (::poll(events, 2, -1) < 0) continue;
    signalfd_siginfo info;
    if (events[1].revents != 0 && ::read(signals, &info, sizeof info) > 0) {
      send_all(socket, &kStop, 1);
    }
    if (events[0].revents == 0) continue;
    return ::recv(socket, &finished, sizeof finished, MSG_WAITALL) ==
               static_cast<ssize_t>(sizeof finished) &&
           finished.tag == Finished{}.tag;
  }
}

bool read_end(const char* folder, int& code, int& number) {
  char path[4096];
  std::snprintf(path, sizeof path, "%s/%s", folder, supervise::kExitFile);
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return false;
  const bool complete = std::fscanf(file, "code %d signal %d", &code, &number) == 2;
  std::fclose(file);
  return complete;
}

// Ends as the executor has ended.
[[noreturn]] void follow(const char* folder) {
  const long long deadline = now_ms() + kRecordMsMax;
  int code = 0;
  int number = 0;
  while (!read_end(folder, code, number)) {
    if (now_ms() > deadline) die_by(SIGKILL);
    ::poll(nullptr, 0, kLookEveryMs);
  }
  if (number != 0) die_by(number);
  // Not even a status of 0 is a good one: it has not said that the task is done.
  ::_exit(code != 0 ? code : 1);
}

}  // namespace
}  // namespace dl::stand_in

int main(int argc, char** argv, char** environment) {
  using namespace dl::stand_in;
  if (argc != 3) {
    std::fputs(
        "usage: dl-stand-in EXECUTOR_FOLDER WORKER\n"
        "Started by dl-agentd for a task that runs in an executor; nothing to be run by hand.\n",
        stderr);
    return 2;
  }
  const sigset_t set = stop_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  const int signals = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  const int work_folder = ::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  const int socket = connect_to(argv[1], work_folder);
  if (socket < 0) become_worker(argv[2], "no executor has started");
  if (!hand_over(socket, work_folder, environment)) {
    ::close(socket);
    become_worker(argv[2], "the executor has not taken the task");
  }
  Finished finished;
  if (wait_for_end(socket, signals, finished)) return finished.code;
  follow(argv[1]);
}
