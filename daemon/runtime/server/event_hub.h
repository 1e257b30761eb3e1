// Tells those who watch a job that there is news of it.
//
// It carries no events: what is committed is read from the History, so a slow watcher holds up
// nobody and misses nothing. Progress alone, which is not kept, is handed on, at most four times a
// second for each job.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "daemon/coordinator/loop.h"
#include "dl/v1/jobs.pb.h"

namespace dl::runtime::server {

class EventHub {
 public:
  // Called in the control thread; must not block. `progress` is null when events were committed.
  using Notify = std::function<void(const std::shared_ptr<const v1::JobEvent>& progress)>;

  // Ends the subscription when it is destroyed; Notify may then be running for the last time.
  class Subscription;
  std::shared_ptr<Subscription> subscribe(JobId job, Notify notify);

  // Of a batch that is on stable storage.
  void publish(const coordinator::Batch& batch);

 private:
  struct Topic {
    std::vector<std::weak_ptr<Subscription>> subscriptions;
    Timestamp last_progress{};
  };

  void notify(JobId job, const std::shared_ptr<const v1::JobEvent>& progress);
  // Those of `job`, without the ones that have ended.
  std::vector<std::shared_ptr<Subscription>> subscribers(JobId job);
  void publish_progress(const coordinator::TrialReported& report);

  std::mutex mutex_;
  std::map<JobId, Topic> topics_;
};

class EventHub::Subscription {
 public:
  explicit Subscription(Notify notify) : notify_(std::move(notify)) {}
  void operator()(const std::shared_ptr<const v1::JobEvent>& progress) const { notify_(progress); }

 private:
  Notify notify_;
};

}  // namespace dl::runtime::server
