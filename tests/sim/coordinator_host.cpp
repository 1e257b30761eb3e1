#include "tests/sim/coordinator_host.h"

#include "base/assert.h"
#include "daemon/coordinator/lookup.h"
#include "tests/sim/world.h"

namespace dl::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace coordinator;

// The planted bug: the attempt number of what an agent says is not looked at.
void ignore_fence(const State& state, TaskStatus& status) {
  const Trial* trial = find_trial(state, status.id.attempt.trial_id());
  if (trial != nullptr) status.id.attempt.attempt = trial->attempts;
}

// The planted bug: only what the coordinator knows is in an inventory.
void hide_foreign(const State& state, std::vector<TaskStatus>& tasks) {
  std::erase_if(tasks, [&](const TaskStatus& status) {
    const Task* task = find_task(state, status.id);
    return task == nullptr || !is_live(*task);
  });
}

void plant(Bug bug, const State& state, Event& event) {
  const auto each = [&](std::vector<TaskStatus>& tasks) {
    if (bug == Bug::kHideForeign) hide_foreign(state, tasks);
    if (bug == Bug::kNoAttemptFence) {
      for (auto& status : tasks) ignore_fence(state, status);
    }
  };
  if (auto* connected = std::get_if<AgentConnected>(&event)) each(connected->tasks);
  if (auto* beat = std::get_if<AgentHeartbeat>(&event)) each(beat->tasks);
  if (auto* changed = std::get_if<TaskChanged>(&event); changed && bug == Bug::kNoAttemptFence) {
    ignore_fence(state, changed->status);
  }
}

// The planted bug: what a searcher is told after a crash lacks the last measurement.
void forget_measured(State& state) {
  for (auto& [id, job] : state.jobs) {
    if (!job.search) continue;
    auto& history = job.search->history;
    const auto last = std::find_if(history.rbegin(), history.rend(), [](const SearchStep& step) {
      return step.kind == SearchStepKind::kMeasured;
    });
    if (last != history.rend()) history.erase(std::next(last).base());
  }
}

}  // namespace

CoordinatorHost::CoordinatorHost(World& world) : world_(world), journal_(world) {}

void CoordinatorHost::start() {
  auto state = journal_.recover();
  DL_ASSERT(state.has_value(), "the simulated journal can be read");
  if (world_.bug() == Bug::kForgetMeasured) forget_measured(*state);
  ++life_;
  step_due_ = false;
  inbox_.clear();
  const Settings settings{
      .lost_after = seconds{30}, .artifact_root = "/artifacts", .seed = 1 + life_};
  loop_ = std::make_unique<Loop>(settings, *std::move(state), journal_, [this](const Effect& e) {
    if (!journal_.is_crashing()) run_effect(e);
  });
  world_.trace("coordinator: starts");
  schedule_step();
}

void CoordinatorHost::crash() {
  if (!is_up()) return;
  world_.trace("coordinator: dies");
  // Between steps, what is in memory is what is on the disk.
  if (!loop_->failure()) {
    world_.tell([&](Checker& checker) { checker.on_recover(loop_->state()); });
  }
  loop_.reset();
  ++life_;
  world_.network().break_all();
  const Duration away = world_.time().between(milliseconds{100}, world_.scenario().away_max);
  world_.time().after(away, [this] { start(); });
}

void CoordinatorHost::post(Event event) {
  if (!is_up()) return;
  inbox_.push_back(std::move(event));
  schedule_step();
}

void CoordinatorHost::schedule_step() {
  if (std::exchange(step_due_, true)) return;
  // Events that come while a commit is under way share the next one.
  world_.time().after(world_.time().between(microseconds{200}, milliseconds{3}),
                      [this, life = life_] {
                        if (life == life_) step();
                      });
}

void CoordinatorHost::step() {
  step_due_ = false;
  auto events = std::exchange(inbox_, {});
  for (auto& event : events) plant(world_.bug(), loop_->state(), event);
  (void)loop_->step(events, world_.now());
  if (journal_.take_crash()) {
    crash();
    return;
  }
  set_timer();
}

void CoordinatorHost::set_timer() {
  const auto due = loop_->next_deadline();
  const auto timer = ++timer_;
  if (!due) return;
  const Duration wait = std::max(*due - world_.now(), Duration{1});
  world_.time().after(wait, [this, timer, life = life_] {
    if (timer == timer_ && life == life_) post(Tick{});
  });
}

void CoordinatorHost::receive(const LinkPtr& link, Event event) {
  if (link->closed_here) return;
  if (auto* connected = std::get_if<AgentConnected>(&event)) connected->connection = link->id;
  post(std::move(event));
}

void CoordinatorHost::on_closed(const LinkPtr& link) {
  if (std::exchange(link->closed_here, true)) return;
  world_.network().forget(link->id);
  if (link->session != 0) post(AgentDisconnected{.node = link->node, .session = link->session});
}

template <class AgentEvent>
void CoordinatorHost::order(const NodeId& node, AgentEvent event) {
  const LinkPtr link = world_.network().link_of(node);
  if (!link) return;
  world_.network().to_agent(
      link, [this, node, event = std::move(event)] { world_.machine(node).receive(event); });
}

void CoordinatorHost::welcome(const WelcomeAgent& effect) {
  const LinkPtr link = world_.network().find(effect.connection);
  if (!link || link->closed_here) {
    // It was gone before it was welcomed.
    post(AgentDisconnected{.node = effect.node, .session = effect.session});
    return;
  }
  link->session = effect.session;
  world_.trace("coordinator: welcomes " + effect.node + " as session " +
               std::to_string(effect.session));
  world_.network().to_agent(link, [this, link, session = effect.session] {
    world_.machine(link->node).receive(agent::Welcomed{session});
  });
}

void CoordinatorHost::drop(const DropAgent& effect) {
  for (const auto& link : world_.network().links_of(effect.node)) {
    if (effect.session != 0 && link->session != effect.session) continue;
    world_.network().break_link(link);
    on_closed(link);
  }
}

void CoordinatorHost::run_effect(const Effect& effect) {
  if (const auto* reply = std::get_if<Reply>(&effect)) {
    world_.client().on_reply(*reply);
  } else if (const auto* e = std::get_if<WelcomeAgent>(&effect)) {
    welcome(*e);
  } else if (const auto* start = std::get_if<StartTask>(&effect)) {
    world_.trace("coordinator: start " + to_string(start->context.task) + " on " + start->node);
    order(start->node, agent::StartOrdered{*start});
  } else if (const auto* stop = std::get_if<StopTask>(&effect)) {
    world_.trace("coordinator: stop " + to_string(stop->task) + " on " + stop->node);
    order(stop->node, agent::StopOrdered{stop->task, stop->grace});
    if (world_.bug() == Bug::kBelieveStops) {
      const Node* node = find_node(loop_->state(), stop->node);
      post(TaskChanged{
          .node = stop->node,
          .session = node->session,
          .status = {.id = stop->task, .state = TaskState::kExited, .pid = 0, .exit = TaskExit{}}});
    }
  } else if (const auto* forget = std::get_if<ForgetTask>(&effect)) {
    order(forget->node, agent::ForgetOrdered{forget->task});
  } else if (const auto* ack = std::get_if<AcknowledgeReports>(&effect)) {
    if (const LinkPtr link = world_.network().link_of(ack->node)) {
      world_.network().to_agent(
          link, [this, a = *ack] { world_.machine(a.node).acknowledge(a.task, a.number); });
    }
  } else if (const auto* dropped = std::get_if<DropAgent>(&effect)) {
    drop(*dropped);
  }
}

}  // namespace dl::sim
