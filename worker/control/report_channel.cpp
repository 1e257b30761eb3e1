#include "worker/control/report_channel.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "dl/v1/agent.grpc.pb.h"

namespace dl::worker::control {
namespace {

v1::TaskReport to_proto(const TaskId& task, std::uint64_t number, const Report& report) {
  v1::TaskReport proto;
  v1::TaskRef& ref = *proto.mutable_task();
  ref.set_job(task.attempt.job.value);
  ref.set_trial(task.attempt.trial);
  ref.set_attempt(task.attempt.attempt);
  ref.set_role(std::string(to_string(task.role)));
  ref.set_index(task.index);
  proto.set_number(number);
  if (const auto& progress = report.progress) {
    proto.set_has_progress(true);
    proto.set_epoch(progress->epoch);
    proto.set_epochs(progress->epochs);
    proto.set_step(progress->step);
    proto.set_steps(progress->steps);
    proto.set_samples_per_second(progress->samples_per_second);
    proto.set_loss(progress->loss);
  }
  for (const MetricPoint& point : report.metrics) {
    v1::ReportedMetric& metric = *proto.add_metrics();
    metric.set_name(point.name);
    metric.set_step(point.step);
    metric.set_value(point.value);
    metric.set_time_us(point.time.time_since_epoch().count());
  }
  if (const auto& checkpoint = report.checkpoint) {
    proto.set_has_checkpoint(true);
    proto.set_checkpoint_path(checkpoint->path);
    proto.set_checkpoint_step(checkpoint->step);
    proto.set_checkpoint_epoch(checkpoint->epoch);
  }
  if (const auto& failure = report.failure) {
    proto.set_failure_kind(std::string(to_string(failure->kind)));
    proto.set_failure_message(failure->message);
  }
  return proto;
}

}  // namespace

void merge(Report& earlier, Report later, std::size_t metrics_max) {
  if (later.progress) earlier.progress = later.progress;
  if (later.checkpoint) earlier.checkpoint = std::move(later.checkpoint);
  if (later.failure) earlier.failure = std::move(later.failure);
  std::vector<MetricPoint>& metrics = earlier.metrics;
  metrics.insert(metrics.end(), std::make_move_iterator(later.metrics.begin()),
                 std::make_move_iterator(later.metrics.end()));
  if (metrics.size() > metrics_max) {
    metrics.erase(metrics.begin(), metrics.end() - static_cast<std::ptrdiff_t>(metrics_max));
  }
}

// Keeps what is not acknowledged, and a thread that keeps a stream to the agent open. A second
// thread, one a stream, reads the acknowledgements.
class ReportChannel::Line {
 public:
  explicit Line(ReportChannelOptions options) : options_(std::move(options)) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    // How long one try to connect may take: a busy machine needs more than a moment.
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
    stub_ = v1::TaskService::NewStub(grpc::CreateCustomChannel(
        "unix:" + options_.socket, grpc::InsecureChannelCredentials(), arguments));
    thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  }

  ~Line() {
    thread_.request_stop();
    const std::scoped_lock lock(mutex_);
    if (context_ != nullptr) context_->TryCancel();
  }

  void post(Report report) {
    const std::scoped_lock lock(mutex_);
    if (waiting_) {
      merge(*waiting_, std::move(report), options_.metrics_max);
    } else {
      waiting_ = std::move(report);
    }
    number_waiting();
    changed_.notify_all();
  }

  bool wait_until_acknowledged(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience,
                             [this] { return unacknowledged_.empty() && !waiting_; });
  }

 private:
  // A number is for good, so what may still be merged has none yet.
  void number_waiting() {
    if (!waiting_ || unacknowledged_.size() >= options_.window) return;
    unacknowledged_.push_back(to_proto(options_.task, next_number_++, *waiting_));
    waiting_.reset();
  }

  void acknowledge(std::uint64_t number) {
    const std::scoped_lock lock(mutex_);
    while (!unacknowledged_.empty() && unacknowledged_.front().number() <= number) {
      unacknowledged_.pop_front();
    }
    number_waiting();
    changed_.notify_all();
  }

  void run(std::stop_token stop) {
    while (!stop.stop_requested()) {
      run_stream(stop);
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, stop, options_.retry_after, [] { return false; });
    }
  }

  // Sends what is not acknowledged, from its beginning, until the line breaks.
  void run_stream(std::stop_token stop) {
    grpc::ClientContext context;
    if (!wait_for_work(stop, context)) return;
    const auto stream = stub_->Report(&context);
    std::jthread reader([this, &stream] {
      for (v1::TaskAck ack; stream->Read(&ack);) acknowledge(ack.number());
      const std::scoped_lock lock(mutex_);
      broken_ = true;
      changed_.notify_all();
    });
    std::uint64_t sent = 0;
    while (const auto report = next_after(sent, stop)) {
      if (!stream->Write(*report)) break;
      sent = report->number();
    }
    context.TryCancel();
    reader.join();
    stream->Finish();
    const std::scoped_lock lock(mutex_);
    context_ = nullptr;
  }

  bool wait_for_work(std::stop_token stop, grpc::ClientContext& context) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [this] { return !unacknowledged_.empty(); })) return false;
    broken_ = false;
    context_ = &context;
    return true;
  }

  // The first unacknowledged report after number `sent`; none when the line is broken or closed.
  std::optional<v1::TaskReport> next_after(std::uint64_t sent, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [&] {
      return broken_ || (!unacknowledged_.empty() && unacknowledged_.back().number() > sent);
    });
    if (broken_ || stop.stop_requested()) return {};
    for (const v1::TaskReport& report : unacknowledged_) {
      if (report.number() > sent) return report;
    }
    return {};
  }

  const ReportChannelOptions options_;
  std::unique_ptr<v1::TaskService::Stub> stub_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Report> waiting_;
  std::deque<v1::TaskReport> unacknowledged_;
  std::uint64_t next_number_ = 1;
  grpc::ClientContext* context_ = nullptr;  // Of the stream that is open.
  bool broken_ = false;
  std::jthread thread_;
};

ReportChannel::ReportChannel(ReportChannelOptions options) {
  if (!options.socket.empty()) line_ = std::make_unique<Line>(std::move(options));
}

ReportChannel::~ReportChannel() = default;

void ReportChannel::post(Report report) {
  if (line_) line_->post(std::move(report));
}

bool ReportChannel::close(std::chrono::milliseconds patience) {
  const bool acknowledged = !line_ || line_->wait_until_acknowledged(patience);
  line_.reset();
  return acknowledged;
}

}  // namespace dl::worker::control
