#include "daemon/coordinator/loop.h"

#include <set>
#include <utility>

namespace dl::coordinator {
namespace {

// Who waits for an answer to `event`: 0 and false when nobody does.
std::optional<RequestId> request_of(const Event& event) {
  if (const auto* submit = std::get_if<SubmitJob>(&event)) return submit->request;
  if (const auto* cancel = std::get_if<CancelJob>(&event)) return cancel->request;
  if (const auto* drain = std::get_if<DrainNode>(&event)) return drain->request;
  if (const auto* pause = std::get_if<PauseSearch>(&event)) return pause->request;
  if (const auto* extend = std::get_if<ExtendSearch>(&event)) return extend->request;
  return std::nullopt;
}

std::optional<NodeId> node_of(const Event& event) {
  if (const auto* connected = std::get_if<AgentConnected>(&event)) return connected->node;
  if (const auto* beat = std::get_if<AgentHeartbeat>(&event)) return beat->node;
  if (const auto* changed = std::get_if<TaskChanged>(&event)) return changed->node;
  if (const auto* report = std::get_if<TaskReport>(&event)) return report->node;
  return std::nullopt;
}

}  // namespace

struct Loop::Draft {
  Batch batch;
  std::vector<Effect> effects;
};

Loop::Loop(Settings settings, State state, Journal& journal, EffectSink effects)
    : settings_(std::move(settings)),
      state_(std::move(state)),
      journal_(journal),
      effects_(std::move(effects)) {}

void Loop::take(Draft& draft, Decision decision, Timestamp now) {
  for (auto& mutation : decision.mutations) {
    record(draft.batch.records, state_, mutation, now);
    coordinator::apply(state_, mutation);
    draft.batch.mutations.push_back(std::move(mutation));
  }
  for (auto& effect : decision.effects) draft.effects.push_back(std::move(effect));
}

void Loop::take(Draft& draft, const Event& event, Timestamp now) {
  const std::size_t first = draft.batch.mutations.size();
  take(draft, decide(state_, settings_, event, now), now);
  const auto applied = std::span(draft.batch.mutations).subspan(first);
  take(draft, follow_up(state_, settings_, applied, now), now);
}

// Asks each until it waits for its trials.
void Loop::ask_searches(Draft& draft, Timestamp now) {
  to_ask_.merge(searches_in(state_, draft.batch.mutations));
  for (std::size_t answers = 0; !to_ask_.empty() && answers < kAnswersMax;) {
    const JobId job = *to_ask_.begin();
    Decision decision = search(state_, settings_, job, now);
    if (decision.mutations.empty()) {
      to_ask_.erase(job);
    } else {
      take(draft, std::move(decision), now);
      ++answers;
    }
  }
}

Result<void> Loop::step(std::span<const Event> events, Timestamp now) {
  if (failure_ && now < retry_at_) {
    refuse(events, *failure_);
    return *failure_;
  }
  if (stale_) {
    auto recovered = journal_.recover();
    if (!recovered) return go_back(events, std::move(recovered).error(), now);
    state_ = *std::move(recovered);
    stale_ = false;
  }
  Draft draft;
  if (!started_) {
    take(draft, Started{}, now);
    for (const auto& [id, job] : state_.jobs) {
      if (job.search) to_ask_.insert(id);
    }
  }
  for (const auto& event : events) take(draft, event, now);
  ask_searches(draft, now);
  take(draft, schedule(state_, settings_, draft.batch.mutations, now), now);
  if (!draft.batch.mutations.empty()) {
    if (auto committed = journal_.commit(draft.batch); !committed) {
      return go_back(events, std::move(committed).error(), now);
    }
  }
  started_ = true;
  failure_.reset();
  for (const auto& effect : draft.effects) effects_(effect);
  return {};
}

// To where a process is that has just started: with the journal's state and without connections.
Result<void> Loop::go_back(std::span<const Event> events, Error error, Timestamp now) {
  failure_ = std::move(error);
  retry_at_ = now + kRetryAfter;
  started_ = false;
  to_ask_.clear();
  auto recovered = journal_.recover();
  stale_ = !recovered;
  if (recovered) state_ = *std::move(recovered);
  for (const auto& [node, known] : state_.nodes) {
    effects_(DropAgent{.node = node, .session = 0, .reason = failure_->message});
  }
  refuse(events, *failure_);
  return *failure_;
}

void Loop::refuse(std::span<const Event> events, const Error& error) {
  std::set<NodeId> nodes;
  for (const auto& event : events) {
    if (const auto request = request_of(event)) {
      effects_(Reply{.request = *request, .result = error});
    }
    if (const auto node = node_of(event)) nodes.insert(*node);
  }
  for (const auto& node : nodes) {
    effects_(DropAgent{.node = node, .session = 0, .reason = error.message});
  }
}

std::optional<Timestamp> Loop::next_deadline() const {
  if (failure_) return retry_at_;
  if (!started_ || !to_ask_.empty()) return Timestamp{};
  return coordinator::next_deadline(state_, settings_);
}

}  // namespace dl::coordinator
