#include "daemon/runtime/server/event_hub.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <chrono>
#include <set>

namespace dl::runtime::server {
namespace {

constexpr std::chrono::milliseconds kProgressEvery{250};

Timestamp now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

}  // namespace

std::shared_ptr<EventHub::Subscription> EventHub::subscribe(JobId job, Notify notify) {
  auto subscription = std::make_shared<Subscription>(std::move(notify));
  const std::lock_guard lock(mutex_);
  // Topics of which nobody wants to hear any more; notify() drops those that still have news.
  std::erase_if(topics_, [](const auto& entry) {
    const auto& all = entry.second.subscriptions;
    return std::all_of(all.begin(), all.end(), [](const auto& weak) { return weak.expired(); });
  });
  topics_[job].subscriptions.push_back(subscription);
  return subscription;
}

void EventHub::publish(const coordinator::Batch& batch) {
  for (const coordinator::Mutation& mutation : batch.mutations) {
    const auto* report = std::get_if<coordinator::TrialReported>(&mutation);
    if (report != nullptr && report->progress) publish_progress(*report);
  }
  std::set<JobId> jobs;
  for (const coordinator::JobEvent& event : batch.records.events) jobs.insert(event.job);
  for (const JobId job : jobs) notify(job, nullptr);
}

void EventHub::notify(JobId job, const std::shared_ptr<const v1::JobEvent>& progress) {
  // Outside the lock: a watcher may end its subscription, or make a new one.
  for (const auto& subscription : subscribers(job)) (*subscription)(progress);
}

std::vector<std::shared_ptr<EventHub::Subscription>> EventHub::subscribers(JobId job) {
  std::vector<std::shared_ptr<Subscription>> live;
  const std::lock_guard lock(mutex_);
  const auto topic = topics_.find(job);
  if (topic == topics_.end()) return live;
  std::erase_if(topic->second.subscriptions, [&](const std::weak_ptr<Subscription>& weak) {
    auto subscription = weak.lock();
    if (subscription) live.push_back(std::move(subscription));
    return weak.expired();
  });
  if (topic->second.subscriptions.empty()) topics_.erase(topic);
  return live;
}

void EventHub::publish_progress(const coordinator::TrialReported& report) {
  const JobId job = report.task.attempt.job;
  {
    const std::lock_guard lock(mutex_);
    const auto topic = topics_.find(job);
    if (topic == topics_.end() || now() - topic->second.last_progress < kProgressEvery) return;
    topic->second.last_progress = now();
  }
  auto event = std::make_shared<v1::JobEvent>();
  event->set_job(job.value);
  *event->mutable_time() =
      google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(now().time_since_epoch().count());
  event->set_type("progress");
  event->set_subject(to_string(report.task.attempt.trial_id()));
  v1::Progress& progress = *event->mutable_progress();
  progress.set_epoch(report.progress->epoch);
  progress.set_epochs(report.progress->epochs);
  progress.set_step(report.progress->step);
  progress.set_steps(report.progress->steps);
  progress.set_samples_per_second(report.progress->samples_per_second);
  progress.set_loss(report.progress->loss);
  for (const MetricPoint& point : report.metrics) {
    (*event->mutable_metrics())[point.name] = point.value;
  }
  notify(job, event);
}

}  // namespace dl::runtime::server
