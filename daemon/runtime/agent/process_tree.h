// A supervisor and the process tree below it, as the agent sees them: signalled through the
// supervisor, and gone when nothing of the tree is left, also when the supervisor was killed.

#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <functional>
#include <memory>

#include "daemon/runtime/supervise/cgroup.h"
#include "daemon/runtime/supervise/spawn.h"

namespace dl::runtime::agent {

// Used on one thread, the one that runs the loop.
class ProcessTree : public std::enable_shared_from_this<ProcessTree> {
 public:
  // `folder` is where the supervisor keeps its records; its name is the cgroup's.
  ProcessTree(boost::asio::io_context& loop, std::filesystem::path folder,
              const supervise::Cgroups& cgroups);

  // `gone` is called once, and not from within these calls.
  // A supervisor that was just started.
  void watch_child(supervise::Spawned& spawned, std::function<void()> gone);
  // What an earlier agent has started: with its supervisor, or what is left without one.
  void watch_found(pid_t supervisor, supervise::Fd pidfd, std::function<void()> gone);
  void watch_orphans(std::function<void()> gone);

  // To the supervisor: SIGTERM and kKillTreeSignal reach the whole tree.
  void signal(int number);

  bool is_watched() const { return gone_ != nullptr; }
  bool has_supervisor() const { return supervisor_ != 0; }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  void await_supervisor();
  void on_supervisor_gone();
  void end_when_clear();
  void finish();

  const std::filesystem::path folder_;
  const supervise::Cgroups& cgroups_;
  pid_t supervisor_ = 0;  // 0 when there is none any more.
  bool ours_ = false;     // Our child: to be reaped.
  boost::asio::posix::stream_descriptor pidfd_;
  boost::asio::steady_timer timer_;
  std::function<void()> gone_;
};

}  // namespace dl::runtime::agent
