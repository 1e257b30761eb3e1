#include "daemon/runtime/agent/report_relay.h"

#include <algorithm>

namespace dl::runtime::agent {

void ReportRelay::set_session(bool there) {
  session_ = there;
  ++sessions_;
  if (!there) {
    auto workers = std::move(workers_);
    workers_.clear();
    for (auto& [task, worker] : workers) {
      if (!worker.stream) continue;
      worker.stream->close({grpc::StatusCode::UNAVAILABLE,
                            "the agent has lost its coordinator; connect again and repeat"});
    }
    return;
  }
  for (auto next = workers_.begin(); next != workers_.end();) {
    const TaskId task = next->first;
    ++next;  // A worker without a stream goes when its last report has gone.
    pump(task);
  }
}

void ReportRelay::report(const TaskId& task, const std::shared_ptr<WorkerStream>& stream,
                         v1::TaskReport report) {
  Worker& worker = workers_[task];
  if (worker.stream != stream) {
    if (worker.stream && stream->serial() < worker.stream->serial()) return;
    // A worker that connects anew says again what the old stream may have lost.
    if (worker.stream) worker.stream->close({grpc::StatusCode::ABORTED, "a newer stream is open"});
    worker.held.clear();
    worker.stream = stream;
  }
  worker.reading = false;
  worker.held.push_back(std::move(report));
  read_on(worker);
  pump(task);
}

void ReportRelay::closed(const std::shared_ptr<WorkerStream>& stream) {
  const auto found = std::find_if(workers_.begin(), workers_.end(),
                                  [&](const auto& entry) { return entry.second.stream == stream; });
  if (found == workers_.end()) return;
  Worker& worker = found->second;
  worker.stream.reset();
  if (worker.held.empty() && !worker.forwarding) workers_.erase(found);
}

void ReportRelay::acknowledge(const TaskId& task, std::uint64_t number) {
  const auto worker = workers_.find(task);
  if (worker != workers_.end() && worker->second.stream) worker->second.stream->acknowledge(number);
}

bool ReportRelay::is_open(const TaskId& task) const {
  const auto worker = workers_.find(task);
  return worker != workers_.end() && worker->second.stream;
}

void ReportRelay::pump(const TaskId& task) {
  const auto found = workers_.find(task);
  if (found == workers_.end() || !session_) return;
  Worker& worker = found->second;
  if (worker.forwarding) return;
  if (worker.held.empty()) {
    if (!worker.stream) workers_.erase(found);
    return;
  }
  const v1::TaskReport report = std::move(worker.held.front());
  worker.held.pop_front();
  worker.forwarding = true;
  read_on(worker);
  forward_(report, [this, task, session = sessions_] {
    const auto again = workers_.find(task);
    if (session != sessions_ || again == workers_.end()) return;
    again->second.forwarding = false;
    pump(task);
  });
}

void ReportRelay::read_on(Worker& worker) {
  if (!worker.stream || worker.reading || worker.held.size() >= kHeldMax) return;
  worker.reading = true;
  worker.stream->read_next();
}

}  // namespace dl::runtime::agent
