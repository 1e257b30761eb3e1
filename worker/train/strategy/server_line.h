// A worker's line to the parameter servers, and in hybrid to the other ranks of its group. Calls
// run one after another on the thread that has the gang's mesh, the process group's; the training
// thread computes meanwhile.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <torch/csrc/distributed/c10d/Work.hpp>

#include "worker/collective/communicator.h"
#include "worker/paramserver/client.h"
#include "worker/train/gang.h"
#include "worker/train/outcome.h"
#include "worker/train/strategy/groups.h"

namespace dl::worker::train {

class ServerLine {
 public:
  using Call = std::function<Result<void>(paramserver::Client&)>;

  // `workers` is on a view of `mesh`, which has the servers too.
  ServerLine(std::shared_ptr<transport::Mesh> mesh, ProcessGroup workers, const Groups& groups);
  // A call that is still under way fails, here and on the peers.
  ~ServerLine();
  ServerLine(const ServerLine&) = delete;
  ServerLine& operator=(const ServerLine&) = delete;

  // How many push, and whether this rank does.
  std::uint32_t groups() const { return groups_; }
  bool leads() const { return client_mesh_ != nullptr; }
  transport::Rank leader() const { return leader_; }  // Of this rank's group.
  // Of this rank's group. Sums, or makes equal to the first rank's, a vector of float32.
  bool is_alone() const { return group_ == nullptr; }
  std::uint32_t group_size() const { return group_ ? group_->world_size() : 1; }
  void sum_in_group(const torch::Tensor& vector);
  void broadcast_in_group(const torch::Tensor& vector);

  // Once, on all that lead together; the calls below are theirs too.
  Outcome<paramserver::Standing> join(paramserver::Tables tables);

  // Starts a call; what it uses has to live until wait(). At most one is under way.
  void start(Call call);
  bool busy() const { return work_.defined(); }
  // Whether wait() would not have to wait.
  bool ready() const { return !busy() || work_->isCompleted(); }
  // The end of what was started: nothing, when nothing was.
  Outcome<void> wait();
  Outcome<void> call(Call call);

  // Seconds that wait() has waited since this was last asked.
  double take_waited();
  // Of the calls that have ended.
  const paramserver::Statistics& statistics() const { return statistics_; }

 private:
  ProcessGroup workers_;
  const std::uint32_t groups_;
  transport::Rank leader_ = 0;
  std::unique_ptr<collective::Communicator> group_;  // Null for a rank that is alone in its own.
  std::unique_ptr<transport::Mesh> client_mesh_;     // Leaders and servers.
  std::unique_ptr<paramserver::Client> client_;
  c10::intrusive_ptr<c10d::Work> work_;
  Result<void> result_;  // Of the call under way: written by the other thread before it completes.
  paramserver::Statistics statistics_;
  double waited_ = 0;
};

}  // namespace dl::worker::train
