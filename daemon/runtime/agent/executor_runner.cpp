#include "daemon/runtime/agent/executor_runner.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>

#include "base/log.h"
#include "daemon/runtime/agent/environment.h"
#include "daemon/runtime/agent/process_tree.h"
#include "daemon/runtime/supervise/process.h"
#include "daemon/runtime/supervise/protocol.h"
#include "daemon/runtime/supervise/spawn.h"
#include "daemon/runtime/wire/agent_messages.h"

namespace dl::runtime::agent {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::string_view kFolderPrefix = "executor-";
// A stand-in whose executor has died reads the exit record within this time.
constexpr auto kRecordKept = 30s;

std::optional<ExecutorId> id_of_folder(const std::string& name) {
  if (!name.starts_with(kFolderPrefix)) return std::nullopt;
  ExecutorId id = 0;
  const char* end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data() + kFolderPrefix.size(), end, id);
  return parsed.ec == std::errc{} && parsed.ptr == end ? std::optional(id) : std::nullopt;
}

void remove_folder(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) spdlog::warn("cannot remove {}: {}", folder.string(), error.message());
}

Result<StartTask> read_order(const fs::path& folder, const NodeId& node) {
  DL_TRY(const auto text, supervise::read_file(folder / supervise::kOrderFile));
  v1::StartTaskOrder wired;
  if (!wired.ParseFromString(text)) return invalid_argument(folder.string() + ": no order");
  return wire::from_wire(wired, node);
}

}  // namespace

struct ExecutorRunner::Executor {
  Executor(boost::asio::io_context& loop, ExecutorId number, const fs::path& folder,
           const supervise::Cgroups& cgroups)
      : id(number), tree(std::make_shared<ProcessTree>(loop, folder, cgroups)), timer(loop) {}

  ExecutorId id;
  std::shared_ptr<ProcessTree> tree;
  bool gone = false;
  std::vector<std::function<void()>> waiting;  // For its end.
  boost::asio::steady_timer timer;
};

ExecutorRunner::ExecutorRunner(boost::asio::io_context& loop, ExecutorOptions options,
                               std::function<void(ExecutorId)> ended)
    : loop_(loop), options_(std::move(options)), ended_(std::move(ended)) {}

ExecutorRunner::~ExecutorRunner() = default;

fs::path ExecutorRunner::folder_of(ExecutorId id) const {
  return options_.dir / (std::string(kFolderPrefix) + std::to_string(id));
}

std::vector<dl::agent::ExecutorFound> ExecutorRunner::adopt(
    const std::map<ExecutorId, TaskId>& tasks) {
  std::vector<dl::agent::ExecutorFound> found;
  for (const fs::path& folder : supervise::entries_of(options_.dir)) {
    const auto id = id_of_folder(folder.filename().string());
    const auto task = id ? tasks.find(*id) : tasks.end();
    const auto record = supervise::read_pid_record(folder);
    if (!record || !supervise::is_alive(*record)) {
      // Its stand-in may be about to read how it ended.
      if (task == tasks.end()) remove_folder(folder);
      continue;
    }
    auto pidfd = supervise::open_pidfd(record->supervisor);
    if (!id || !pidfd) continue;
    auto executor = std::make_shared<Executor>(loop_, *id, folder, options_.cgroups);
    executors_[*id] = executor;
    executor->tree->watch_found(record->supervisor, *std::move(pidfd),
                                [this, number = *id] { on_gone(number); });
    auto order = read_order(folder, options_.node);
    if (task == tasks.end() || !order) {
      end(*id);
      continue;
    }
    found.push_back({.executor = *id, .order = *std::move(order), .task = task->second});
  }
  return found;
}

void ExecutorRunner::start(ExecutorId id, const StartTask& order) {
  auto executor = std::make_shared<Executor>(loop_, id, folder_of(id), options_.cgroups);
  executors_[id] = executor;
  if (auto spawned = spawn(*executor, order); !spawned) {
    spdlog::warn("no executor for job {}, its trials run in processes of their own: {}",
                 to_string(order.context.task.attempt.job), spawned.error().message);
    boost::asio::post(loop_, [this, id] { on_gone(id); });
  }
}

Result<void> ExecutorRunner::spawn(Executor& executor, const StartTask& order) {
  const fs::path& folder = executor.tree->folder();
  DL_CHECK(supervise::create_task_folder(folder));
  DL_CHECK(supervise::write_file(folder / supervise::kOrderFile,
                                 wire::to_wire(order).SerializeAsString()));
  supervise::SpawnRequest request{.supervisor = options_.supervisor,
                                  .folder = folder,
                                  .workdir = folder,
                                  .command = {options_.worker.string(), "--executor", "--idle",
                                              std::to_string(options_.idle_max.count())},
                                  .env = environment_of(order, options_.base_environment, "")};
  DL_TRY(request.cgroups, options_.cgroups.create(folder.filename().string(),
                                                  limits_of(order.slots, options_.cpu_quota)));
  DL_TRY(auto spawned, supervise::spawn_supervisor(request));
  executor.tree->watch_child(spawned, [this, id = executor.id] { on_gone(id); });
  return {};
}

void ExecutorRunner::on_gone(ExecutorId id) {
  const std::shared_ptr<Executor> executor = executors_.at(id);
  executor->gone = true;
  ended_(id);
  for (const auto& waiting : std::exchange(executor->waiting, {})) waiting();
  executor->timer.expires_after(kRecordKept);
  executor->timer.async_wait([this, executor](auto error) {
    if (error) return;
    remove_folder(executor->tree->folder());
    executors_.erase(executor->id);
  });
}

void ExecutorRunner::end(ExecutorId id, std::function<void()> gone) {
  const auto found = executors_.find(id);
  if (found == executors_.end() || found->second->gone) {
    if (gone) boost::asio::post(loop_, std::move(gone));
    return;
  }
  if (gone) found->second->waiting.push_back(std::move(gone));
  found->second->tree->signal(supervise::kKillTreeSignal);
}

std::optional<supervise::ExitRecord> ExecutorRunner::exit_record(ExecutorId id) const {
  return supervise::read_exit_record(folder_of(id));
}

}  // namespace dl::runtime::agent
