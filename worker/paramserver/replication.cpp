#include "worker/paramserver/replication.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace dl::worker::paramserver {
namespace {

using transport::Direction;

std::span<const float> floats_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

}  // namespace

Replication::Replication(transport::Mesh& mesh, Rank next, Rank previous, Shard replica)
    : mesh_(mesh), next_(next), previous_(previous), replica_(std::move(replica)) {
  neighbours_.push_back({.rank = next});
  if (previous != next) neighbours_.push_back({.rank = previous});
}

Replication::Neighbour& Replication::neighbour(Rank rank) {
  return neighbours_[rank == neighbours_[0].rank ? 0 : 1];
}

void Replication::forward(const Operation& operation, std::uint64_t rows,
                          transport::ConstBytes payload, std::shared_ptr<const void> owner) {
  const bool dense = rows == 0 && !payload.empty();
  neighbour(next_).outbox.put({.kind = MessageKind::kOperation,
                               .push_kind = static_cast<std::uint8_t>(operation.kind),
                               .flag = operation.last,
                               .table = operation.table,
                               .worker = operation.worker,
                               .clock = operation.clock,
                               .first = dense ? operation.first : rows,
                               .learning_rate = operation.learning_rate,
                               .factor = operation.factor,
                               .value = operation.position},
                              payload, std::move(owner));
  ++forwarded_;
}

Result<bool> Replication::move() {
  bool moved = false;
  for (Neighbour& one : neighbours_) {
    for (bool more = true; more;) {
      DL_TRY(more, receive(one));
      moved = moved || more;
    }
    DL_TRY(const bool sent, one.outbox.send(mesh_, one.rank));
    moved = moved || sent;
  }
  return moved;
}

Result<bool> Replication::receive(Neighbour& from) {
  return from.inbox.receive(
      mesh_, from.rank, [&](const Head& head) { return open(from, head); },
      [&](const Head& head) { return dispatch(from, head); });
}

Result<transport::Bytes> Replication::open(Neighbour& from, const Head& head) {
  const bool fits = head.bytes <= kBodyBytesMax && head.table < replica_.layout().tables();
  const bool expected =
      (head.kind == MessageKind::kOperation && from.rank == previous_ && fits) ||
      (head.kind == MessageKind::kReplicated && from.rank == next_ && head.bytes == 0);
  if (!expected) {
    return Error{Code::kFailedPrecondition,
                 mesh_.describe(from.rank) +
                     " sent what no server sends to its neighbour; run the "
                     "same build on all nodes"};
  }
  from.body.resize(head.bytes);
  return transport::Bytes(from.body);
}

Result<void> Replication::dispatch(Neighbour& from, const Head& head) {
  if (head.kind == MessageKind::kReplicated) {
    replicated_ = head.value;
    return {};
  }
  DL_CHECK(apply(head, from.body));
  from.outbox.put({.kind = MessageKind::kReplicated, .value = ++applied_});
  return {};
}

Result<void> Replication::apply(const Head& head, std::vector<std::byte>& body) {
  const Layout& layout = replica_.layout();
  Operation operation{.table = head.table,
                      .worker = head.worker,
                      .clock = head.clock,
                      .kind = static_cast<PushKind>(head.push_kind),
                      .learning_rate = head.learning_rate,
                      .factor = head.factor,
                      .position = head.value,
                      .last = head.flag};
  if (layout.is_dense(head.table)) {
    operation.first = head.first;
    return replica_.apply(operation, floats_of(body));
  }
  const std::uint64_t rows = head.first;
  const std::uint64_t row_bytes =
      sizeof(std::uint64_t) + layout.sparse_of(head.table).columns * sizeof(float);
  DL_ASSERT(body.size() == rows * row_bytes, "a server forwards whole rows");
  const std::span<const std::uint64_t> slots(reinterpret_cast<const std::uint64_t*>(body.data()),
                                             rows);
  return replica_.apply_rows(operation, slots,
                             floats_of(std::span(body).subspan(rows * sizeof(std::uint64_t))));
}

void Replication::add_interests(std::vector<transport::Interest>& interests) const {
  for (const Neighbour& one : neighbours_) {
    interests.push_back({one.rank, Direction::kReceive});
    if (!one.outbox.empty()) interests.push_back({one.rank, Direction::kSend});
  }
}

bool Replication::idle() const {
  return forwarded_ == replicated_ &&
         std::all_of(neighbours_.begin(), neighbours_.end(),
                     [](const Neighbour& one) { return one.outbox.empty() && !one.inbox.begun(); });
}

}  // namespace dl::worker::paramserver
