#include "daemon/runtime/agent/agent_shell.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdlib>
#include <deque>
#include <set>

#include "base/log.h"
#include "daemon/agent/decide.h"
#include "daemon/runtime/agent/environment.h"
#include "daemon/runtime/agent/log_reader.h"
#include "daemon/runtime/agent/report_relay.h"
#include "daemon/runtime/agent/task_runner.h"
#include "daemon/runtime/agent/task_service.h"
#include "daemon/runtime/supervise/protocol.h"
#include "daemon/runtime/wire/agent_messages.h"

namespace dl::runtime::agent {
namespace {

namespace fs = std::filesystem;
namespace core = dl::agent;
namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto kRetentionEvery = 10min;
constexpr auto kLastWordMax = 500ms;  // How long an ended worker's stream may hold up its exit.
constexpr auto kLastWordLook = 5ms;

Timestamp now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

Result<supervise::Fd> lock_state_dir(const fs::path& state_dir) {
  const fs::path file = state_dir / "lock";
  supervise::Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return errno_error("open " + file.string(), errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  return Error{Code::kFailedPrecondition, "another agent uses " + state_dir.string() +
                                              "; give this one a --state-dir of its own"};
}

Result<void> make_private_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) fs::permissions(folder, fs::perms::owner_all, error);
  if (error) {
    return Error{Code::kFailedPrecondition, "create " + folder.string() + ": " + error.message() +
                                                "; choose a --state-dir that can be written"};
  }
  return {};
}

// A gang may put a task with two ports on every CPU and GPU of this node.
std::size_t ports_for(const NodeResources& resources, PortRange range) {
  const std::size_t tasks = resources.cpus + resources.gpus.size();
  const std::size_t half = (range.last - range.first + 2U) / 2;
  return std::min(std::max<std::size_t>(16, 2 * tasks), std::max<std::size_t>(1, half / 2));
}

}  // namespace

class AgentShell::Impl {
 public:
  explicit Impl(AgentConfig config, supervise::Fd lock);
  ~Impl();

  Result<void> start();
  void run() { loop_.run(); }
  void stop() {
    asio::post(loop_, [this] { shut_down(); });
  }

 private:
  void shut_down();

  // The core: events in, effects out, on this thread alone.
  void post(core::Event event);
  void perform(const core::Effect& effect);
  void do_effect(const core::SendRegistration& effect);
  void do_effect(const core::SendHeartbeat& effect);
  void do_effect(const core::SendTaskChanged& effect);
  void do_effect(const core::SpawnTask& effect);
  void do_effect(const core::StartExecutor& effect);
  void do_effect(const core::EndExecutor& effect);
  void do_effect(const core::SignalTask& effect);
  void do_effect(const core::DropTask& effect);
  void do_effect(const core::HoldPorts& effect);
  void set_timer();

  void on_message(const v1::ToAgent& message);
  Result<void> on_order(const v1::ToAgent& message);
  void on_welcome(const v1::Welcome& welcome);
  Result<void> on_read_log(const v1::ReadLogOrder& order);
  void on_link_down();

  void on_report(const std::shared_ptr<WorkerStream>& stream, v1::TaskReport report);
  void on_task_ended(const TaskId& task, std::chrono::milliseconds waited);
  void keep_failure(const TaskId& task, const v1::TaskReport& report);

  bool is_live(const TaskId& task) const;
  void sweep_old_folders();
  TaskServer::Handlers task_handlers();
  LogReaders::Callbacks log_callbacks();

  const AgentConfig config_;
  const supervise::Fd lock_;
  const supervise::Cgroups cgroups_;
  asio::io_context loop_{1};
  asio::thread_pool files_{1};
  asio::steady_timer timer_{loop_};
  asio::steady_timer retention_timer_{loop_};

  core::State state_;
  core::Settings settings_;
  std::deque<core::Event> events_;
  bool deciding_ = false;

  PortPool ports_;
  ExecutorRunner executors_;
  TaskRunner runner_;
  CoordinatorLink link_;
  ReportRelay relay_;
  LogReaders logs_;
  std::unique_ptr<TaskServer> server_;
};

AgentShell::Impl::Impl(AgentConfig config, supervise::Fd lock)
    : config_(std::move(config)),
      lock_(std::move(lock)),
      cgroups_(config_.cgroups ? supervise::Cgroups::detect(config_.node)
                               : supervise::Cgroups::none("--cgroups none")),
      ports_(config_.ports, std::hash<std::string>{}(config_.node)),
      executors_(loop_,
                 {.node = config_.node,
                  .dir = config_.state_dir / "executors",
                  .supervisor = config_.supervisor,
                  .worker = config_.worker,
                  .base_environment = base_environment(&::getenv),
                  .cgroups = cgroups_,
                  .cpu_quota = config_.cpu_quota},
                 [this](ExecutorId id) { post(core::ExecutorEnded{id}); }),
      runner_(loop_,
              {.tasks_dir = config_.state_dir / "tasks",
               .supervisor = config_.supervisor,
               .worker = config_.worker,
               .stand_in = config_.stand_in,
               .control_socket = socket_path(config_.state_dir / "control.sock").string(),
               .base_environment = base_environment(&::getenv),
               .cgroups = cgroups_,
               .cpu_quota = config_.cpu_quota},
              executors_,
              {.spawned =
                   [this](const TaskId& task, std::uint32_t pid) {
                     post(core::TaskSpawned{task, pid});
                   },
               .ended = [this](const TaskId& task) { on_task_ended(task, 0ms); }}),
      link_(loop_, config_.link,
            {.up = [this] { post(core::Connected{}); },
             .message = [this](const v1::ToAgent& message) { on_message(message); },
             .down = [this] { on_link_down(); }}),
      relay_([this](const v1::TaskReport& report, std::function<void()> written) {
        v1::FromAgent message;
        message.mutable_report()->set_session(state_.session);
        *message.mutable_report()->mutable_task() = report.task();
        *message.mutable_report()->mutable_report() = report;
        link_.send(std::move(message), std::move(written));
      }),
      logs_(loop_, files_, log_callbacks()) {
  state_.node = config_.node;
  state_.resources = config_.resources;
  settings_.heartbeat = config_.heartbeat;
  settings_.ports_min = ports_for(config_.resources, config_.ports);
}

AgentShell::Impl::~Impl() {
  server_.reset();
  files_.join();
}

LogReaders::Callbacks AgentShell::Impl::log_callbacks() {
  return {.is_live = [this](const TaskId& task) { return is_live(task); },
          .send =
              [this](LogBlock block, std::function<void()> sent) {
                v1::FromAgent message;
                v1::LogData& data = *message.mutable_log_data();
                data.set_request(block.request);
                data.set_data(std::move(block.data));
                data.set_offset(block.offset);
                data.set_end(block.end);
                data.set_error(block.error);
                link_.send(std::move(message), std::move(sent));
              }};
}

// gRPC's threads only hand over.
TaskServer::Handlers AgentShell::Impl::task_handlers() {
  return {.report =
              [this](const std::shared_ptr<WorkerStream>& stream, v1::TaskReport report) {
                asio::post(loop_, [this, stream, report = std::move(report)]() mutable {
                  on_report(stream, std::move(report));
                });
              },
          .closed =
              [this](const std::shared_ptr<WorkerStream>& stream) {
                asio::post(loop_, [this, stream] { relay_.closed(stream); });
              }};
}

Result<void> AgentShell::Impl::start() {
  spdlog::info("node {}: {} CPUs, {} MiB, {} GPUs; {}", config_.node, config_.resources.cpus,
               config_.resources.memory_bytes >> 20, config_.resources.gpus.size(),
               runner_.options().cgroups.description());
  const auto found = runner_.adopt();
  // Claimed before new ports are held, so that none of a running task's is offered.
  for (const auto& task : found) {
    if (!task.status.exit) ports_.hand_over(task.ports);
  }
  for (const auto& task : found) {
    spdlog::info("task {} is {}", to_string(task.status.id), to_string(task.status.state));
    post(task);
  }
  for (const auto& executor : executors_.adopt(runner_.executors_in_use())) post(executor);
  ports_.hold(2 * settings_.ports_min);
  post(core::PortsHeld{ports_.held()});
  DL_TRY(server_, TaskServer::start(runner_.options().control_socket, task_handlers()));
  link_.start();
  sweep_old_folders();
  return {};
}

void AgentShell::Impl::shut_down() {
  link_.stop();
  logs_.cancel_all();
  timer_.cancel();
  retention_timer_.cancel();
  loop_.stop();
}

// --- the core --------------------------------------------------------------------------------

// Effects may bring events about at once; those wait for their turn.
void AgentShell::Impl::post(core::Event event) {
  events_.push_back(std::move(event));
  if (deciding_) return;
  deciding_ = true;
  while (!events_.empty()) {
    const core::Event next = std::move(events_.front());
    events_.pop_front();
    for (const auto& effect : core::decide(state_, settings_, next, now())) perform(effect);
  }
  deciding_ = false;
  set_timer();
}

void AgentShell::Impl::perform(const core::Effect& effect) {
  std::visit([this](const auto& one) { do_effect(one); }, effect);
}

void AgentShell::Impl::do_effect(const core::SendRegistration& effect) {
  v1::FromAgent message;
  *message.mutable_registration() =
      wire::to_wire(wire::Registration{.node = effect.node,
                                       .host = config_.host,
                                       .version = config_.version,
                                       .resources = effect.resources,
                                       .free_ports = effect.free_ports,
                                       .tasks = effect.tasks});
  link_.send(std::move(message));
}

void AgentShell::Impl::do_effect(const core::SendHeartbeat& effect) {
  v1::FromAgent message;
  *message.mutable_heartbeat() = wire::to_wire(wire::Heartbeat{
      .session = effect.session, .free_ports = effect.free_ports, .tasks = effect.tasks});
  link_.send(std::move(message));
}

void AgentShell::Impl::do_effect(const core::SendTaskChanged& effect) {
  v1::FromAgent message;
  message.mutable_task_change()->set_session(effect.session);
  *message.mutable_task_change()->mutable_status() = wire::to_wire(effect.status);
  link_.send(std::move(message));
}

void AgentShell::Impl::do_effect(const core::SpawnTask& effect) {
  ports_.hand_over(effect.order.ports);
  runner_.start(effect.order, effect.executor);
}

void AgentShell::Impl::do_effect(const core::StartExecutor& effect) {
  executors_.start(effect.executor, effect.order);
}

void AgentShell::Impl::do_effect(const core::EndExecutor& effect) {
  executors_.end(effect.executor);
}

void AgentShell::Impl::do_effect(const core::SignalTask& effect) {
  runner_.signal(effect.task, effect.signal);
}

void AgentShell::Impl::do_effect(const core::DropTask& effect) { runner_.drop(effect.task); }

void AgentShell::Impl::do_effect(const core::HoldPorts& effect) {
  ports_.hold(effect.count);
  post(core::PortsHeld{ports_.held()});
}

void AgentShell::Impl::set_timer() {
  const auto deadline = core::next_deadline(state_);
  if (!deadline) return;
  const auto left = std::max<Duration>(*deadline - now(), 0us);
  timer_.expires_after(left);
  timer_.async_wait([this](auto error) {
    if (!error) post(core::Tick{});
  });
}

// --- the coordinator -------------------------------------------------------------------------

void AgentShell::Impl::on_message(const v1::ToAgent& message) {
  if (auto done = on_order(message); !done) {
    spdlog::error("an order of the coordinator was dropped: {}", done.error().message);
  }
}

Result<void> AgentShell::Impl::on_order(const v1::ToAgent& message) {
  switch (message.message_case()) {
    case v1::ToAgent::kWelcome: on_welcome(message.welcome()); break;
    case v1::ToAgent::kStartTask: {
      DL_TRY(auto order, wire::from_wire(message.start_task(), config_.node));
      order.warm = order.warm && runner_.can_stand_in();
      post(core::StartOrdered{std::move(order)});
      break;
    }
    case v1::ToAgent::kStopTask: {
      DL_TRY(const auto task, wire::from_wire(message.stop_task().task()));
      post(core::StopOrdered{task, std::chrono::milliseconds(message.stop_task().grace_ms())});
      break;
    }
    case v1::ToAgent::kForgetTask: {
      DL_TRY(const auto task, wire::from_wire(message.forget_task().task()));
      post(core::ForgetOrdered{task});
      break;
    }
    case v1::ToAgent::kReportsAcknowledged: {
      DL_TRY(const auto task, wire::from_wire(message.reports_acknowledged().task()));
      relay_.acknowledge(task, message.reports_acknowledged().number());
      break;
    }
    case v1::ToAgent::kReadLog: return on_read_log(message.read_log());
    case v1::ToAgent::kCancelLog: logs_.cancel(message.cancel_log().request()); break;
    case v1::ToAgent::kMoreLog:
      logs_.more(message.more_log().request(), message.more_log().bytes());
      break;
    case v1::ToAgent::MESSAGE_NOT_SET: break;  // Of a newer coordinator.
  }
  return {};
}

void AgentShell::Impl::on_welcome(const v1::Welcome& welcome) {
  if (welcome.heartbeat_ms() > 0) {
    settings_.heartbeat = std::chrono::milliseconds(welcome.heartbeat_ms());
  }
  spdlog::info("the coordinator at {} has welcomed node {}, session {}", config_.link.coordinator,
               config_.node, welcome.session());
  if (state_.session != 0) relay_.set_session(false);
  post(core::Welcomed{welcome.session()});
  relay_.set_session(true);
}

Result<void> AgentShell::Impl::on_read_log(const v1::ReadLogOrder& order) {
  DL_TRY(const auto task, wire::from_wire(order.task()));
  logs_.read({.request = order.request(),
              .task = task,
              .file = runner_.folder_of(task) / supervise::kLogFile,
              .follow = order.follow(),
              .tail_lines = order.tail_lines(),
              .window_bytes = order.window_bytes()});
  return {};
}

void AgentShell::Impl::on_link_down() {
  relay_.set_session(false);
  logs_.cancel_all();
  post(core::Disconnected{});
}

// --- the workers -----------------------------------------------------------------------------

void AgentShell::Impl::on_report(const std::shared_ptr<WorkerStream>& stream,
                                 v1::TaskReport report) {
  const auto task = wire::from_wire(report.task());
  if (!task || !state_.tasks.contains(*task)) {
    stream->close(
        {grpc::StatusCode::NOT_FOUND,
         "this agent has no task " + (task ? to_string(*task) : std::string("of that name"))});
    return;
  }
  keep_failure(*task, report);
  relay_.report(*task, stream, std::move(report));
}

void AgentShell::Impl::keep_failure(const TaskId& task, const v1::TaskReport& report) {
  if (report.failure_kind().empty()) return;
  const auto kind = failure_kind_from_string(report.failure_kind());
  runner_.record_failure(
      task, {.kind = kind.value_or(FailureKind::kUserCode), .message = report.failure_message()});
}

// A worker's last word may still be on its way while its process is gone already.
void AgentShell::Impl::on_task_ended(const TaskId& task, std::chrono::milliseconds waited) {
  if (relay_.is_open(task) && waited < kLastWordMax) {
    auto timer = std::make_shared<asio::steady_timer>(loop_, kLastWordLook);
    timer->async_wait(
        [this, task, waited, timer](auto) { on_task_ended(task, waited + kLastWordLook); });
    return;
  }
  const auto found = state_.tasks.find(task);
  if (found != state_.tasks.end()) ports_.give_up(found->second.ports);
  post(core::TaskEnded{task, runner_.exit_of(task)});
}

bool AgentShell::Impl::is_live(const TaskId& task) const {
  const auto found = state_.tasks.find(task);
  return found != state_.tasks.end() && found->second.status.state != TaskState::kExited;
}

void AgentShell::Impl::sweep_old_folders() {
  std::set<std::string> keep;
  for (const auto& [id, task] : state_.tasks) keep.insert(supervise::folder_name(id));
  asio::post(files_, [tasks_dir = runner_.options().tasks_dir, retention = config_.retention,
                      keep = std::move(keep)] {
    const auto removed =
        supervise::remove_old_folders(tasks_dir, retention, keep, fs::file_time_type::clock::now());
    if (!removed.empty()) spdlog::info("removed {} old task folders", removed.size());
  });
  retention_timer_.expires_after(kRetentionEvery);
  retention_timer_.async_wait([this](auto error) {
    if (!error) sweep_old_folders();
  });
}

// --- the face --------------------------------------------------------------------------------

AgentShell::AgentShell(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AgentShell::~AgentShell() = default;

Result<std::unique_ptr<AgentShell>> AgentShell::create(AgentConfig config) {
  config.state_dir = fs::absolute(config.state_dir);
  DL_CHECK(make_private_folder(config.state_dir));
  DL_CHECK(make_private_folder(config.state_dir / "tasks"));
  DL_CHECK(make_private_folder(config.state_dir / "executors"));
  DL_TRY(auto lock, lock_state_dir(config.state_dir));
  auto impl = std::make_unique<Impl>(std::move(config), std::move(lock));
  DL_CHECK(impl->start());
  return std::unique_ptr<AgentShell>(new AgentShell(std::move(impl)));
}

void AgentShell::run() { impl_->run(); }
void AgentShell::stop() { impl_->stop(); }

}  // namespace dl::runtime::agent
