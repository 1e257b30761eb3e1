#include "daemon/runtime/agent/process_tree.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <csignal>
#include <utility>

#include "base/log.h"
#include "daemon/runtime/supervise/process.h"
#include "daemon/runtime/supervise/task_folder.h"

namespace dl::runtime::agent {

using boost::asio::posix::stream_descriptor;

ProcessTree::ProcessTree(boost::asio::io_context& loop, std::filesystem::path folder,
                         const supervise::Cgroups& cgroups)
    : folder_(std::move(folder)), cgroups_(cgroups), pidfd_(loop), timer_(loop) {}

void ProcessTree::watch_child(supervise::Spawned& spawned, std::function<void()> gone) {
  ours_ = true;
  watch_found(spawned.supervisor, std::move(spawned.pidfd), std::move(gone));
}

void ProcessTree::watch_found(pid_t supervisor, supervise::Fd pidfd, std::function<void()> gone) {
  supervisor_ = supervisor;
  gone_ = std::move(gone);
  pidfd_.assign(pidfd.release());
  await_supervisor();
}

void ProcessTree::watch_orphans(std::function<void()> gone) {
  gone_ = std::move(gone);
  boost::asio::post(timer_.get_executor(), [self = shared_from_this()] { self->end_when_clear(); });
}

void ProcessTree::signal(int number) {
  if (!pidfd_.is_open()) return;
  ::syscall(SYS_pidfd_send_signal, pidfd_.native_handle(), number, nullptr, 0);
}

void ProcessTree::await_supervisor() {
  pidfd_.async_wait(stream_descriptor::wait_read, [self = shared_from_this()](auto error) {
    if (!error) self->on_supervisor_gone();
  });
}

void ProcessTree::on_supervisor_gone() {
  if (ours_) ::waitpid(supervisor_, nullptr, 0);
  pidfd_.close();
  if (supervise::read_exit_record(folder_)) return finish();
  spdlog::warn("{}: its supervisor {} was killed; killing what is left of it",
               folder_.filename().string(), supervisor_);
  end_when_clear();
}

// Without its supervisor a tree's processes are found by their cgroup, their session and their
// environment. It is gone when no look finds any.
void ProcessTree::end_when_clear() {
  const std::string name = folder_.filename().string();
  auto strays = supervise::find_strays(folder_, supervisor_);
  const auto members = cgroups_.processes(name);
  strays.insert(strays.end(), members.begin(), members.end());
  if (strays.empty()) {
    cgroups_.remove(name);
    return finish();
  }
  for (const pid_t stray : strays) ::kill(stray, SIGKILL);
  timer_.expires_after(std::chrono::milliseconds(20));
  timer_.async_wait([self = shared_from_this()](auto error) {
    if (!error) self->end_when_clear();
  });
}

void ProcessTree::finish() {
  supervisor_ = 0;
  std::exchange(gone_, nullptr)();
}

}  // namespace dl::runtime::agent
