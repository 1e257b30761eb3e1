#include "cmd/worker/executor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cmd/stand_in/hand_over.h"

namespace dl::worker {
namespace {

using stand_in::kDescriptors;

constexpr int kStopped = 128 + SIGTERM;
constexpr timeval kHandOverMax{10, 0};  // A stand-in says all it has to say at once.

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

using Variables = std::map<std::string, std::string>;

// What a stand-in has handed over.
struct HandOver {
  Descriptor socket;
  Descriptor out;
  Descriptor err;
  Descriptor work_folder;
  Variables environment;
};

int fail(const char* what) {
  std::fprintf(stderr, "executor: %s: %s\n", what, std::strerror(errno));
  return 1;
}

Descriptor listen_here() {
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, stand_in::kSocket, sizeof stand_in::kSocket);
  if (!socket ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), 4) != 0) {
    return Descriptor();
  }
  return socket;
}

// The next stand-in; none after `idle_max`, or a signal.
Descriptor accept_one(const Descriptor& listener, std::chrono::milliseconds idle_max) {
  pollfd entry{listener.get(), POLLIN, 0};
  if (::poll(&entry, 1, static_cast<int>(idle_max.count())) != 1) return Descriptor();
  Descriptor socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kHandOverMax, sizeof kHandOverMax);
  return socket;
}

// Whoever may open the folder is this user; a socket that was passed on may be another's.
bool is_own_user(const Descriptor& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.uid == ::getuid();
}

bool receive_launch(HandOver& task, std::uint32_t& environment_bytes) {
  stand_in::Launch launch;
  iovec part{&launch, sizeof launch};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptors * sizeof(int))> room{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  const ssize_t got = ::recvmsg(task.socket.get(), &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (got <= 0 || header == nullptr || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(kDescriptors * sizeof(int))) {
    return false;
  }
  std::array<int, kDescriptors> descriptors{};
  std::memcpy(descriptors.data(), CMSG_DATA(header), sizeof descriptors);
  task.out = Descriptor(descriptors[0]);
  task.err = Descriptor(descriptors[1]);
  task.work_folder = Descriptor(descriptors[2]);
  environment_bytes = launch.environment_bytes;
  return got == static_cast<ssize_t>(sizeof launch) && launch.magic == stand_in::kMagic &&
         environment_bytes <= stand_in::kEnvironmentBytesMax;
}

std::optional<Variables> receive_environment(const Descriptor& socket, std::uint32_t bytes) {
  std::string text(bytes, '\0');
  if (bytes > 0 && ::recv(socket.get(), text.data(), bytes, MSG_WAITALL) != ssize_t{bytes}) {
    return std::nullopt;
  }
  Variables variables;
  for (std::size_t at = 0; at < text.size();) {
    const std::string entry(text.c_str() + at);
    at += entry.size() + 1;
    const auto equals = entry.find('=');
    if (equals != std::string::npos) {
      variables.emplace(entry.substr(0, equals), entry.substr(equals + 1));
    }
  }
  return variables;
}

std::optional<HandOver> receive(Descriptor socket) {
  HandOver task;
  task.socket = std::move(socket);
  std::uint32_t bytes = 0;
  if (!is_own_user(task.socket) || !receive_launch(task, bytes)) return std::nullopt;
  auto environment = receive_environment(task.socket, bytes);
  if (!environment) return std::nullopt;
  task.environment = *std::move(environment);
  const timeval no_limit{};
  ::setsockopt(task.socket.get(), SOL_SOCKET, SO_RCVTIMEO, &no_limit, sizeof no_limit);
  const char accepted = stand_in::kAccepted;
  if (::send(task.socket.get(), &accepted, 1, MSG_NOSIGNAL) != 1) return std::nullopt;
  return task;
}

// Touches only what changes: libraries' threads may read the environment at any time.
void set_environment(const Variables& variables) {
  std::vector<std::string> superfluous;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text(*entry);
    const std::string name = text.substr(0, text.find('='));
    if (!variables.contains(name)) superfluous.push_back(name);
  }
  for (const std::string& name : superfluous) ::unsetenv(name.c_str());
  for (const auto& [name, value] : variables) {
    const char* current = std::getenv(name.c_str());
    if (current == nullptr || value != current) ::setenv(name.c_str(), value.c_str(), 1);
  }
}

void direct_output(int out, int err) {
  std::fflush(nullptr);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
}

// Listens to the stand-in while its task runs.
class StandInWatch {
 public:
  StandInWatch(int socket, std::atomic<bool>& stop)
      : socket_(socket), thread_([this, &stop] { watch(stop); }) {}
  ~StandInWatch() {
    done_ = true;
    ::shutdown(socket_, SHUT_RD);
  }

 private:
  void watch(std::atomic<bool>& stop) const {
    char tag = 0;
    for (;;) {
      const ssize_t got = ::recv(socket_, &tag, 1, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      if (tag == stand_in::kStop) stop = true;
    }
    // Its slots are about to be somebody else's.
    if (!done_) ::_exit(128 + SIGKILL);
  }

  const int socket_;
  std::atomic<bool> done_{false};
  std::jthread thread_;
};

// The executor's own, to go back to between tasks.
struct Home {
  Descriptor out{::dup(STDOUT_FILENO)};
  Descriptor err{::dup(STDERR_FILENO)};
  Descriptor folder{::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)};
};

int run(HandOver task, const Home& home, const ExecutorOptions& options) {
  set_environment(task.environment);
  direct_output(task.out.get(), task.err.get());
  if (::fchdir(task.work_folder.get()) != 0) return fail("enter the task's working directory");
  options.stop = false;
  stand_in::Finished finished;
  {
    const StandInWatch watch(task.socket.get(), options.stop);
    finished.code = static_cast<unsigned char>(options.run_task());
    // All of the task's output is in its log before its end is known.
    direct_output(home.out.get(), home.err.get());
  }
  if (::fchdir(home.folder.get()) != 0) return fail("go back to the executor's folder");
  ::send(task.socket.get(), &finished, sizeof finished, MSG_NOSIGNAL);
  return finished.code;
}

}  // namespace

int run_executor(const ExecutorOptions& options) {
  const Home home;
  const Descriptor listener = listen_here();
  if (!listener) return fail("listen on the socket of its folder");
  for (;;) {
    Descriptor socket = accept_one(listener, options.idle_max);
    if (!socket) return 0;
    std::optional<HandOver> task = receive(std::move(socket));
    if (!task) continue;
    const int code = run(*std::move(task), home, options);
    if (code != 0 && code != kStopped) return 1;
  }
}

}  // namespace dl::worker
