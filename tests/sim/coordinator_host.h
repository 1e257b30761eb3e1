// The coordinator's process: a real Loop on the simulated journal and network. It can die at any
// time and comes back with what its journal holds.

#pragma once

#include <memory>
#include <vector>

#include "daemon/coordinator/loop.h"
#include "tests/sim/journal.h"
#include "tests/sim/network.h"

namespace dl::sim {

class World;

class CoordinatorHost {
 public:
  explicit CoordinatorHost(World& world);

  void start();
  void crash();
  bool is_up() const { return loop_ != nullptr; }
  const Journal& journal() const { return journal_; }
  // Null while it is down.
  const coordinator::State* state() const { return loop_ ? &loop_->state() : nullptr; }

  // An event for the next step; lost while the process is down.
  void post(coordinator::Event event);
  // An agent's message that came by `link`.
  void receive(const LinkPtr& link, coordinator::Event event);
  // The connection is seen to be gone.
  void on_closed(const LinkPtr& link);

 private:
  void step();
  void set_timer();
  void schedule_step();
  void run_effect(const coordinator::Effect& effect);
  void welcome(const coordinator::WelcomeAgent& effect);
  void drop(const coordinator::DropAgent& effect);
  template <class Event>
  void order(const NodeId& node, Event event);

  World& world_;
  Journal journal_;
  std::unique_ptr<coordinator::Loop> loop_;
  std::vector<coordinator::Event> inbox_;
  bool step_due_ = false;
  std::uint64_t life_ = 0;   // Counts starts: what was due in an earlier life is not done.
  std::uint64_t timer_ = 0;  // Counts timers: only the newest goes off.
};

}  // namespace dl::sim
