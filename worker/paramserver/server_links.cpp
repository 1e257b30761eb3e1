#include "worker/paramserver/server_links.h"

#include <algorithm>
#include <string>

namespace dl::worker::paramserver {
namespace {

using transport::Direction;
using SteadyClock = std::chrono::steady_clock;

constexpr std::uint64_t kTextBytesMax = 64 << 10;
// Of a paced push: 16 ms of 1 Gb/s, and no less than fills a link between hosts.
constexpr std::size_t kAheadBytes = 2 << 20;

bool carries_values(MessageKind kind) {
  return kind == MessageKind::kValues || kind == MessageKind::kRows;
}

}  // namespace

ServerLinks::ServerLinks(transport::Mesh& mesh, std::uint32_t workers,
                         std::chrono::milliseconds silence)
    : mesh_(mesh), silence_(silence), links_(mesh.world_size() - workers) {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    links_[i].rank = workers + static_cast<transport::Rank>(i);
  }
}

std::size_t ServerLink::limit() const {
  if (!paced) return ~std::size_t{0};
  return sizeof(Head) + (into.size() - owes_floats) * sizeof(float) + kAheadBytes;
}

void ServerLinks::pace() {
  for (ServerLink& link : links_) link.paced = true;
}

void ServerLinks::expect(MessageKind word) {
  for (ServerLink& link : links_) link.owes_word = word;
}

void ServerLinks::expect_values(std::size_t server, std::span<float> into) {
  links_[server].into = into;
  links_[server].owes_floats = into.size();
}

Result<void> ServerLinks::finish_call() {
  if (failure_) return *failure_;
  answered_ = heard_values_ = false;
  waits_for_.reset();
  began_ = SteadyClock::now();
  auto result = drive();
  for (ServerLink& link : links_) link.paced = false;
  busy_ += SteadyClock::now() - began_;
  if (result.has_error()) {
    failure_ = result.error();
    // A server that refuses tells all workers why; an abort might come before its words.
    const bool refused = std::any_of(links_.begin(), links_.end(),
                                     [](const ServerLink& link) { return link.refused; });
    if (!refused) mesh_.abort();
  }
  return result;
}

Result<void> ServerLinks::drive() {
  auto deadline = SteadyClock::now() + silence_;
  for (;;) {
    DL_TRY(const bool moved, move_all());
    if (std::all_of(links_.begin(), links_.end(), [](const auto& link) { return link.done(); })) {
      return {};
    }
    if (moved) {
      deadline = SteadyClock::now() + silence_;
      continue;
    }
    interests_.clear();
    for (const ServerLink& link : links_) {
      if (link.done()) continue;
      interests_.push_back({link.rank, Direction::kReceive});
      if (link.may_send()) interests_.push_back({link.rank, Direction::kSend});
    }
    auto waited = mesh_.wait(interests_, deadline);
    if (waited.has_error() && waited.error().code == Code::kUnavailable) {
      DL_CHECK(hear_last_words());
    }
    if (waited.has_error() && waits_for_) {
      return with_context("while the servers wait for " + mesh_.describe(*waits_for_),
                          std::move(waited).error());
    }
    DL_CHECK(waited);
  }
}

// A rank is gone. If a server said why before, that comes first: the error, or nothing.
Result<void> ServerLinks::hear_last_words() {
  for (ServerLink& link : links_) {
    for (bool more = true; more && !link.done();) {
      const auto moved = receive(link);
      if (moved.has_error() && link.refused) return moved.error();
      more = moved.has_value() && *moved;
    }
  }
  return {};
}

Result<bool> ServerLinks::move_all() {
  bool moved = false;
  for (ServerLink& link : links_) {
    DL_TRY(const bool sent, link.outbox.send(mesh_, link.rank, link.limit()));
    moved = moved || sent;
  }
  for (ServerLink& link : links_) {
    if (link.done()) continue;
    DL_TRY(const bool received, receive(link));
    moved = moved || received;
  }
  return moved;
}

Result<bool> ServerLinks::receive(ServerLink& link) {
  return link.inbox.receive(
      mesh_, link.rank, [&](const Head& head) { return open(link, head); },
      [&](const Head& head) { return dispatch(link, head); });
}

Result<transport::Bytes> ServerLinks::open(ServerLink& link, const Head& head) {
  if (carries_values(head.kind)) {
    const std::uint64_t first = head.kind == MessageKind::kValues ? head.first : 0;
    const std::uint64_t count = head.bytes / sizeof(float);
    const bool fits = head.bytes % sizeof(float) == 0 && count <= link.owes_floats &&
                      first <= link.into.size() && count <= link.into.size() - first;
    if (!fits) return unexpected(link, head);
    if (!answered_) waiting_ += SteadyClock::now() - began_;
    answered_ = true;
    slowest_ = heard_values_ ? std::min(slowest_, head.value) : head.value;
    heard_values_ = true;
    return std::as_writable_bytes(link.into.subspan(first, count));
  }
  if (head.bytes > kTextBytesMax) return unexpected(link, head);
  link.text.resize(head.bytes);
  return transport::Bytes(link.text);
}

Result<void> ServerLinks::dispatch(ServerLink& link, const Head& head) {
  if (carries_values(head.kind)) {
    link.owes_floats -= head.bytes / sizeof(float);
    // Rows come all at once, and there is no word behind them.
    if (head.kind == MessageKind::kRows) link.owes_word.reset();
    return {};
  }
  if (head.kind == MessageKind::kFailed) {
    link.refused = true;
    return failed(link);
  }
  if (head.kind == MessageKind::kWaiting) {
    waits_for_ = head.worker;
    return {};
  }
  if (link.owes_word != head.kind) return unexpected(link, head);
  if (!answered_) waiting_ += SteadyClock::now() - began_;
  answered_ = true;
  link.word = head;
  link.owes_word.reset();
  return {};
}

Error ServerLinks::unexpected(const ServerLink& link, const Head& head) const {
  return {Code::kFailedPrecondition,
          "parameter server " + mesh_.describe(link.rank) + " answered something else than was " +
              "asked (kind " + std::to_string(static_cast<int>(head.kind)) + " of " +
              std::to_string(head.bytes) + " bytes at " + std::to_string(head.first) + ", " +
              std::to_string(link.owes_floats) +
              " values were due); run the same build on all nodes"};
}

Error ServerLinks::failed(const ServerLink& link) const {
  return {Code::kFailedPrecondition,
          "parameter server " + mesh_.describe(link.rank) + " refused: " +
              std::string(reinterpret_cast<const char*>(link.text.data()), link.text.size())};
}

}  // namespace dl::worker::paramserver
