#include "daemon/runtime/server/control_thread.h"

#include <chrono>

#include "base/log.h"

namespace dl::runtime::server {
namespace {

using coordinator::Event;

Timestamp now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// Gives a request its number; events that are no requests have none.
void number_request(Event& event, coordinator::RequestId id) {
  std::visit(
      [id](auto& kind) {
        if constexpr (requires { kind.request; }) kind.request = id;
      },
      event);
}

}  // namespace

ControlThread::ControlThread(coordinator::Settings settings, coordinator::State state,
                             journal::SqliteJournal& journal, EffectSink effects, Stats& stats)
    : loop_(std::move(settings), std::move(state), journal,
            [this](const coordinator::Effect& effect) { dispatch(effect); }),
      journal_(journal),
      effects_(std::move(effects)),
      stats_(stats) {}

ControlThread::~ControlThread() { stop(); }

void ControlThread::start() {
  thread_ = std::thread([this] { run(); });
}

void ControlThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void ControlThread::post(Event event) { post({std::move(event), {}, {}}); }

void ControlThread::query(Query query) { post({std::nullopt, {}, std::move(query)}); }

void ControlThread::post(Item item) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      was_empty = queue_.empty();
      queue_.push_back(std::move(item));
      stats_.queue_depth.store(queue_.size(), std::memory_order_relaxed);
      item.replied = nullptr;
    }
  }
  if (was_empty) arrived_.notify_one();
  if (item.replied) {
    item.replied(unavailable("the coordinator is stopping; try again when it is back"));
  }
}

void ControlThread::run() {
  std::vector<Item> items;
  while (wait_for_items(items)) {
    step(items);
    items.clear();
  }
}

bool ControlThread::wait_for_items(std::vector<Item>& items) {
  std::unique_lock lock(mutex_);
  const auto ready = [this] { return stopping_ || !queue_.empty(); };
  if (const auto deadline = loop_.next_deadline()) {
    arrived_.wait_until(lock, *deadline, ready);
  } else {
    arrived_.wait(lock, ready);
  }
  items.swap(queue_);
  stats_.queue_depth.store(0, std::memory_order_relaxed);
  return !stopping_ || !items.empty();
}

void ControlThread::step(std::vector<Item>& items) {
  std::vector<Event> events;
  events.reserve(items.size() + 1);
  for (Item& item : items) {
    if (!item.event) continue;
    if (item.replied) {
      number_request(*item.event, next_request_);
      waiting_.emplace(next_request_++, std::move(item.replied));
    }
    events.push_back(*std::move(item.event));
  }
  const Timestamp begin = now();
  const auto deadline = loop_.next_deadline();
  if (deadline && *deadline <= begin) events.push_back(coordinator::Tick{});
  if (!events.empty()) {
    const auto clock = std::chrono::steady_clock::now();
    const Result<void> result = loop_.step(events, begin);
    if (result) journal_.offer_snapshot(loop_.state());
    observe_step(events.size(), result,
                 std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - clock));
  }
  for (Item& item : items) {
    if (item.query) item.query(loop_);
  }
}

void ControlThread::dispatch(const coordinator::Effect& effect) {
  const auto* reply = std::get_if<coordinator::Reply>(&effect);
  if (reply == nullptr) return effects_(effect);
  const auto waiting = waiting_.extract(reply->request);
  if (!waiting.empty()) waiting.mapped()(reply->result);
}

void ControlThread::observe_step(std::size_t events, const Result<void>& result, Duration took) {
  stats_.events += events;
  ++stats_.steps;
  stats_.batch_events.observe(static_cast<double>(events));
  stats_.step_seconds.observe(seconds(took));
  stats_.snapshots.store(journal_.snapshots(), std::memory_order_relaxed);
  if (!result) ++stats_.commits_failed;
  std::string failure = result ? std::string() : to_string(result.error());
  {
    const std::lock_guard lock(mutex_);
    if (failure == failure_) return;
    failure_ = failure;
  }
  if (failure.empty()) {
    spdlog::info("commits go through again");
  } else {
    spdlog::error("nothing can be committed: {}", failure);
  }
}

std::string ControlThread::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

}  // namespace dl::runtime::server
