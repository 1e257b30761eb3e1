#include "daemon/runtime/server/log_stream.h"

#include "daemon/runtime/server/job_messages.h"
#include "daemon/runtime/wire/agent_messages.h"
#include "daemon/runtime/wire/status.h"

namespace dl::runtime::server {
namespace {

// "worker:0" names a task, "worker" all of a role, "" all.
bool is_meant(const std::string& wanted, const coordinator::Task& task) {
  return wanted.empty() || wanted == to_string(task.role) ||
         wanted == short_task_name(task.role, task.index);
}

Error no_such_task(const JobView& view, const std::string& wanted,
                   const coordinator::Attempt& attempt) {
  std::string names;
  for (const coordinator::Task& task : attempt.tasks) {
    names += (names.empty() ? "" : ", ") + short_task_name(task.role, task.index);
  }
  return not_found("job " + to_string(view.job.id) + " has no task \"" + wanted + "\"; it has " +
                   names);
}

}  // namespace

LogStream::LogStream(Services services, v1::ReadLogsRequest request)
    : services_(services), request_(std::move(request)) {
  if (request_.trial() == 0) request_.set_trial(1);
}

std::shared_ptr<LogStream> LogStream::make(Services services, v1::ReadLogsRequest request) {
  std::shared_ptr<LogStream> stream(new LogStream(services, std::move(request)));
  stream->self_ = stream;
  return stream;
}

void LogStream::begin() { look(); }

void LogStream::look() {
  {
    const std::lock_guard lock(mutex_);
    look_again_ = looking_;
    if (std::exchange(looking_, true) || end_) return;
  }
  services_.lookup.find(request_.job(),
                        [self = shared_from_this()](Result<JobView> view) { self->on_view(view); },
                        {.trial = request_.trial()});
}

void LogStream::on_view(const Result<JobView>& view) {
  if (!view) return end(wire::to_status(view.error()));
  request_.set_job(to_string(view->job.id));  // "latest" stays what it was.
  if (request_.follow() && view->live && !subscription_) {
    subscription_ = services_.hub.subscribe(
        view->job.id, [weak = weak_from_this()](const std::shared_ptr<const v1::JobEvent>& news) {
          const auto self = weak.lock();
          if (self && !news) self->look();
        });
    const std::lock_guard lock(mutex_);
    look_again_ = true;  // Something may have happened before the subscription.
  }
  const auto selection = select(*view);
  if (!selection) return end(wire::to_status(selection.error()));
  open(*selection);
  std::unique_lock lock(mutex_);
  looking_ = false;
  job_ended_ = selection->ended;
  if (std::exchange(look_again_, false) && !job_ended_) {
    lock.unlock();
    return look();
  }
  go_on(lock);
}

Result<LogStream::Selection> LogStream::select(const JobView& view) const {
  const auto trial = view.job.trials.find(request_.trial());
  if (trial == view.job.trials.end()) {
    return not_found("job " + to_string(view.job.id) + " has no trial " +
                     std::to_string(request_.trial()));
  }
  Selection selection;
  selection.ended = !request_.follow() || !view.live || is_terminal(trial->second.state);
  const auto& newest = trial->second.attempt;
  if (!newest) {
    if (!selection.ended) return selection;
    const std::string id = to_string(view.job.id);
    return Error{Code::kFailedPrecondition,
                 "job " + id +
                     (view.live ? " has not started, so there is no output yet; wait for "
                                  "it: dlctl logs -f " +
                                      id + ", or see why: dlctl explain " + id
                                : " ended before it started, so there is no output; see "
                                  "why: dlctl explain " +
                                      id)};
  }
  const std::uint32_t number = request_.attempt() != 0 ? request_.attempt() : newest->number;
  if (number > newest->number) {
    return not_found("trial " + to_string(TrialId{view.job.id, request_.trial()}) +
                     " has no attempt " + std::to_string(number) + "; the newest is " +
                     std::to_string(newest->number));
  }
  if (request_.attempt() != 0 && number < newest->number) selection.ended = true;
  selection.attempt = {view.job.id, request_.trial(), number};
  if (number == attempt_) return selection;
  for (const coordinator::Task& task : newest->tasks) {
    if (!is_meant(request_.task(), task)) continue;
    selection.tasks.emplace_back(TaskId{selection.attempt, task.role, task.index}, task.slots.node);
  }
  if (selection.tasks.empty()) return no_such_task(view, request_.task(), *newest);
  return selection;
}

void LogStream::open(const Selection& selection) {
  if (selection.tasks.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    attempt_ = selection.attempt.attempt;
    open_ += selection.tasks.size();
  }
  for (const auto& [task, node] : selection.tasks) {
    v1::ReadLogOrder order;
    *order.mutable_task() = wire::to_wire(task);
    order.set_follow(request_.follow());
    order.set_tail_lines(request_.tail_lines());
    const auto request = services_.relay.open(
        node, std::move(order), [self = shared_from_this(), id = task](const v1::LogData& data) {
          self->on_data(id, data);
        });
    std::unique_lock lock(mutex_);
    if (request && end_) {
      lock.unlock();
      services_.relay.cancel(*request);
    } else if (request) {
      requests_.insert(*request);
    } else {
      task_ended(lock, short_task_name(task.role, task.index) + ": " + request.error().message);
    }
  }
}

void LogStream::on_data(const TaskId& task, const v1::LogData& data) {
  std::unique_lock lock(mutex_);
  if (end_) return;
  if (!data.data().empty()) {
    Chunk chunk;
    chunk.request = data.request();
    chunk.message.set_task(short_task_name(task.role, task.index));
    chunk.message.set_data(data.data());
    chunk.message.set_offset(data.offset());
    chunk.message.set_attempt(task.attempt.attempt);
    chunk_bytes_ += data.data().size();
    chunks_.push_back(std::move(chunk));
  }
  if (chunk_bytes_ > LogRelay::kBufferBytesMax * (requests_.size() + 1)) {
    return finish(lock, {grpc::StatusCode::RESOURCE_EXHAUSTED,
                         "the output comes faster than it is read; read it again from its end "
                         "(--tail)"});
  }
  if (data.end()) {
    requests_.erase(data.request());
    return task_ended(lock, data.error().empty()
                                ? std::string()
                                : short_task_name(task.role, task.index) + ": " + data.error());
  }
  go_on(lock);
}

void LogStream::task_ended(std::unique_lock<std::mutex>& lock, const std::string& error) {
  --open_;
  if (first_error_.empty()) first_error_ = error;
  go_on(lock);
}

void LogStream::go_on(std::unique_lock<std::mutex>& lock) {
  if (writing_ || end_) return;
  if (!chunks_.empty()) {
    writing_ = true;
    StartWrite(&chunks_.front().message);
    return;
  }
  if (open_ != 0 || looking_) return;
  if (!first_error_.empty()) {
    return finish(lock, {grpc::StatusCode::UNAVAILABLE, first_error_});
  }
  if (job_ended_) finish(lock, grpc::Status::OK);
}

void LogStream::OnWriteDone(bool ok) {
  std::unique_lock lock(mutex_);
  writing_ = false;
  const std::uint64_t request = chunks_.front().request;
  const std::uint64_t bytes = chunks_.front().message.data().size();
  chunk_bytes_ -= bytes;
  chunks_.pop_front();
  if (!ok && !end_) end_ = grpc::Status(grpc::StatusCode::CANCELLED, "the client has gone");
  if (end_) return finish(lock, *end_);
  go_on(lock);
  if (lock.owns_lock()) lock.unlock();
  services_.relay.more(request, bytes);
}

void LogStream::end(const grpc::Status& status) {
  std::unique_lock lock(mutex_);
  finish(lock, status);
}

void LogStream::finish(std::unique_lock<std::mutex>& lock, const grpc::Status& status) {
  if (!end_) end_ = status;
  if (writing_ || std::exchange(finished_, true)) return;
  lock.unlock();
  Finish(*end_);
}

void LogStream::OnDone() {
  std::set<std::uint64_t> requests;
  {
    const std::lock_guard lock(mutex_);
    requests.swap(requests_);
  }
  for (const std::uint64_t request : requests) services_.relay.cancel(request);
  subscription_.reset();
  self_.reset();
}

}  // namespace dl::runtime::server
