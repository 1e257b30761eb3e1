// The one thread that owns the coordinator's core.
//
// Anybody posts; the thread takes all that has come in since its last step, in order, and the core
// decides, commits and acts on it at once, so what waits during a commit shares the next one.
// Nothing else ever touches the state: questions about it run here too, between steps.

#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "daemon/coordinator/loop.h"
#include "daemon/runtime/journal/sqlite_journal.h"
#include "daemon/runtime/server/stats.h"

namespace dl::runtime::server {

class ControlThread {
 public:
  using Replied = std::function<void(Result<JobId> result)>;
  using Query = std::function<void(const coordinator::Loop& loop)>;
  // Called in the control thread, after the commit, for every effect but Reply. Must not block.
  using EffectSink = coordinator::Loop::EffectSink;

  // `state` is what `journal` recovered to. `journal` and `stats` outlive the thread.
  ControlThread(coordinator::Settings settings, coordinator::State state,
                journal::SqliteJournal& journal, EffectSink effects, Stats& stats);
  // stop().
  ~ControlThread();

  void start();
  // Takes what is there, answers it and ends. What comes later is dropped, requests are answered
  // with kUnavailable.
  void stop();

  void post(coordinator::Event event);

  // Posts `request` (SubmitJob, CancelJob or DrainNode) under a number of its own. `replied` is
  // called once, in the control thread, when the answer is durable.
  template <class Request>
  void ask(Request request, Replied replied) {
    post({std::move(request), std::move(replied), {}});
  }

  // Runs `query` in the control thread, which it must not hold up; it copies what it needs.
  // Dropped when the thread has been stopped.
  void query(Query query);

  // Why nothing can be committed; empty when all is well. From any thread.
  std::string failure() const;

 private:
  // One of event and query.
  struct Item {
    std::optional<coordinator::Event> event;
    Replied replied;
    Query query;
  };

  void post(Item item);
  void run();
  // Waits for items or the loop's deadline; false: it is time to end.
  bool wait_for_items(std::vector<Item>& items);
  void step(std::vector<Item>& items);
  void dispatch(const coordinator::Effect& effect);
  void observe_step(std::size_t events, const Result<void>& result, Duration took);

  coordinator::Loop loop_;
  journal::SqliteJournal& journal_;
  EffectSink effects_;
  Stats& stats_;
  // Touched by the control thread alone.
  std::unordered_map<coordinator::RequestId, Replied> waiting_;
  coordinator::RequestId next_request_ = 1;

  mutable std::mutex mutex_;  // Of the queue: the edge between gRPC's threads and this one.
  std::condition_variable arrived_;
  std::vector<Item> queue_;
  bool stopping_ = false;
  std::string failure_;
  std::thread thread_;
};

}  // namespace dl::runtime::server
