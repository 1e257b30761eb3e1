// dl-worker: one task of a training job, a worker or a parameter server. The agent starts it with
// $DL_TASK; it trains, says how it goes, and ends with
//   0    trained to the end
//   1    failed; the kind and the cause are reported to the agent and stand in the log
//   143  stopped by SIGTERM, after the step under way and with a checkpoint
//
// As an executor it stays and runs one task after another.

#include <torch/version.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>

#include "base/memory.h"
#include "cmd/worker/announcer.h"
#include "cmd/worker/executor.h"
#include "cmd/worker/launch.h"
#include "cmd/worker/serve_parameters.h"

// Only of a build that measures coverage, which writes its counts at exit.
extern "C" [[gnu::weak]] void __gcov_dump();

namespace {

using namespace dl;
using namespace dl::worker;

constexpr int kStopped = 128 + SIGTERM;
constexpr std::chrono::seconds kPatience{10};  // For the last acknowledgement.
constexpr std::size_t kTensorsKept = 1 << 30;  // Freed bytes.

std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler writes it");

void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stop.store(true); };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

std::optional<train::EventFile> open_events(const worker::Assignment& assignment) {
  if (assignment.rank != 0) return {};
  auto events = train::EventFile::create(
      std::filesystem::path(assignment.context.artifact_dir) / "events",
      to_string(assignment.context.task.attempt),
      std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()));
  if (events) return *std::move(events);
  std::printf("no TensorBoard events: %s\n", events.error().message.c_str());
  return {};
}

void print_start(const worker::Assignment& assignment, const train::TrainRequest& request) {
  const train::SampleShape shape = request.data.train->shape();
  const std::string size = shape.is_image() ? std::to_string(shape.channels) + " x " +
                                                  std::to_string(shape.height) + " x " +
                                                  std::to_string(shape.width)
                                            : std::to_string(shape.ids) + " ids";
  std::printf("%s  rank %u of %u  %s  %llu + %llu samples of %s  %s, %d threads\n",
              to_string(assignment.context.task).c_str(), assignment.rank, request.gang.size(),
              request.spec.model->name.c_str(),
              static_cast<unsigned long long>(request.data.train->size()),
              static_cast<unsigned long long>(request.data.validation->size()), size.c_str(),
              request.device.str().c_str(), at::get_num_threads());
}

train::Outcome<train::TrainResult> work(const worker::Assignment& assignment,
                                        train::DatasetCache& datasets,
                                        control::ReportChannel& channel) {
  DL_TRY(const train::TrainRequest request, prepare(assignment, datasets, stop));
  print_start(assignment, request);
  Announcer announcer(channel, open_events(assignment));
  return train::train(request, announcer);
}

template <class T>
std::optional<Failure> failure_of(const train::Outcome<T>& result) {
  return result.has_error() ? std::optional(result.error()) : std::nullopt;
}

// The end of every task, and its exit code.
int conclude(const std::optional<Failure>& failure, bool stopped, control::ReportChannel& channel) {
  int code = 0;
  if (stopped) {
    std::printf("stopped\n");
    code = kStopped;
  } else if (failure) {
    std::printf("failed (%s): %s\n", std::string(to_string(failure->kind)).c_str(),
                failure->message.c_str());
    channel.post({.progress = {}, .metrics = {}, .checkpoint = {}, .failure = *failure});
    code = 1;
  }
  if (!channel.close(kPatience)) std::printf("the agent did not acknowledge all reports\n");
  return code;
}

int train_model(const worker::Assignment& assignment, train::DatasetCache& datasets,
                control::ReportChannel& channel) {
  const auto result = [&]() -> train::Outcome<train::TrainResult> {
    try {
      return work(assignment, datasets, channel);
    } catch (...) {
      return train::failure_of_current_exception();
    }
  }();
  if (result.has_value() && !result->stopped) {
    std::printf("done: test accuracy %.2f %%, model checksum %08x\n",
                100 * result->evaluation.accuracy, result->checksum);
  }
  const bool stopped = stop.load() && (result.has_error() || result->stopped);
  return conclude(failure_of(result), stopped, channel);
}

// The task that the environment names.
int run(train::DatasetCache& datasets) {
  const auto assignment = read_assignment();
  if (assignment.has_error()) {
    std::fprintf(stderr, "dl-worker: %s\n", assignment.error().message.c_str());
    return 1;
  }
  control::ReportChannel channel(
      {.socket = assignment->context.control_socket, .task = assignment->context.task});
  if (assignment->context.task.role != Role::kPs) {
    return train_model(*assignment, datasets, channel);
  }
  const train::Outcome<void> served = serve_parameters(*assignment, stop);
  return conclude(failure_of(served), stop.load(), channel);
}

// All is said and written. What libtorch would take apart at exit, piece by piece, is the kernel's
// to take back at once.
[[noreturn]] void leave(int code) {
  std::fflush(nullptr);
  if (__gcov_dump != nullptr) __gcov_dump();
  ::_exit(code);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("One rank of a training job. Started by the agent, which sets $DL_TASK.",
               "dl-worker");
  app.set_version_flag("--version",
                       std::string("dl-worker " DL_VERSION " (libtorch " TORCH_VERSION ")"));
  bool executor = false;
  std::int64_t idle_seconds = 60;
  app.add_flag("--executor", executor,
               "Stay, and run the tasks whose stand-ins come to the working directory's socket");
  app.add_option("--idle", idle_seconds, "An executor ends after so many seconds without a task");
  CLI11_PARSE(app, argc, argv);
  // Every line is to be in the task's log as soon as it is said.
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  stop_on_signals();
  keep_freed_memory(kTensorsKept);
  train::DatasetCache datasets;
  if (!executor) leave(run(datasets));
  return run_executor({.idle_max = std::chrono::seconds(idle_seconds),
                       .run_task = [&datasets] { return run(datasets); },
                       .stop = stop});
}
