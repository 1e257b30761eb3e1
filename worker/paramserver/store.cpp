#include "worker/paramserver/store.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace dl::worker::paramserver {
namespace {

// Synchronous mode: so many ranges of a push are kept while those of slower workers are awaited.
constexpr std::size_t kStagedMax = 32;
constexpr std::size_t kOutboxMax = 2;  // Messages with values; the socket has room for more bytes.

std::span<const std::byte> bytes_of(std::span<const float> values) { return std::as_bytes(values); }

}  // namespace

Store::Store(transport::Mesh& mesh, const ServerOptions& options, Shard shard,
             std::vector<Session>& sessions, Replication* replication)
    : mesh_(mesh),
      options_(options),
      shard_(std::move(shard)),
      sessions_(sessions),
      replication_(replication) {
  make_ledgers();
}

void Store::make_ledgers() {
  const Layout& layout = shard_.layout();
  ledgers_.clear();
  seen_.assign(layout.tables(), {});
  row_pushes_.assign(layout.tables(), 0);
  for (TableId table = 0; table < layout.tables(); ++table) {
    const bool is_dense = layout.is_dense(table);
    ledgers_.emplace_back(
        Ledger::Rules{.consistency = options_.consistency,
                      .staleness = static_cast<std::uint64_t>(options_.staleness),
                      .workers = options_.workers,
                      .elements = is_dense ? layout.dense[table].share.size() : 1},
        shard_.past(table));
    std::vector<std::uint64_t> versions(1);
    if (is_dense) {
      const Identity& identity = layout.identity();
      versions.resize(layout.dense[table].keys.ranges_of(identity.server).size());
      for (std::uint64_t i = 0; i < versions.size(); ++i) versions[i] = shard_.version(table, i);
    }
    seen_[table].assign(options_.workers, versions);
  }
}

std::uint64_t Store::range_end(TableId table, std::uint64_t element) const {
  const DenseRegion& region = shard_.layout().dense[table];
  const std::uint64_t length = region.keys.range_elements();
  return std::min((element / length + 1) * length, region.share.size());
}

Result<void> Store::begin_push(Session& session, const Head& head) {
  session.push = head;
  session.cursor = session.handed = session.staleness = 0;
  const bool pulls = head.kind == MessageKind::kPushPull;
  session.owed += pulls ? 2 : 1;
  DL_CHECK(ledger(head.table).push(session.worker, head.clock, pulls, actions_));
  return run(head.table);
}

Result<void> Store::pull(Session& session, const Head& head) {
  ++session.owed;
  DL_CHECK(ledger(head.table).pull(session.worker, head.clock, actions_));
  return run(head.table);
}

Result<void> Store::push_rows(Session& session, const Head& head) {
  session.push = head;
  session.staleness = 0;
  ++session.owed;
  DL_CHECK(to_slots(session, head.table));
  DL_CHECK(ledger(head.table).push(session.worker, head.clock, false, actions_));
  ledger(head.table).arrived(session.worker, 1, actions_);
  report_.rows_pushed += session.rows->rows;
  return run(head.table);
}

Result<void> Store::pull_rows(Session& session, const Head& head) {
  ++session.owed;
  DL_CHECK(to_slots(session, head.table));
  report_.rows_pulled += session.rows->rows;
  DL_CHECK(ledger(head.table).pull(session.worker, head.clock, actions_));
  return run(head.table);
}

Result<void> Store::finish(Session& session) {
  session.finished = true;
  session.outbox.put({.kind = MessageKind::kFinished});
  for (TableId table = 0; table < ledgers_.size(); ++table) {
    ledger(table).finish(session.worker, actions_);
    DL_CHECK(run(table));
  }
  return {};
}

bool Store::make_room(Session& session) {
  if (session.block) return true;
  if (session.staged.size() >= kStagedMax) return false;
  if (replication_ != nullptr && replication_->congested()) return false;
  const std::uint64_t end = range_end(session.push.table, session.cursor);
  session.block = pool_.take();
  session.handed = 0;
  session.intake.begin(
      std::as_writable_bytes(std::span(session.block.get(), end - session.cursor)));
  return true;
}

Result<bool> Store::take(Session& session, std::size_t bytes) {
  const TableId table = session.push.table;
  const std::uint64_t size = range_end(table, session.cursor) - session.cursor;
  const std::uint64_t there = bytes / sizeof(float);
  const bool hogwild = options_.consistency == Consistency::kHogwild;
  if (there < size && (!hogwild || there == session.handed)) return false;
  if (!ledger(table).repeats(session.worker)) {
    session.staged.push_back({session.block, session.block.get() + session.handed,
                              session.cursor + session.handed, there - session.handed});
  }
  session.handed = there;
  ledger(table).arrived(session.worker, session.cursor + there, actions_);
  if (there == size) {
    session.cursor += size;
    session.block.reset();
  }
  DL_CHECK(run(table));
  return session.cursor == shard_.layout().dense[table].share.size();
}

Result<void> Store::run(TableId table) {
  // Serving sends nothing yet, and nothing here reports back to the ledger: one pass will do.
  for (std::size_t i = 0; i < actions_.size(); ++i) {
    const Action action = actions_[i];
    switch (action.kind) {
      case ActionKind::kApply: DL_CHECK(apply(table, action)); break;
      case ActionKind::kSum:
        DL_CHECK(dense(table) ? sum(table, action) : sum_rows(table, action));
        break;
      case ActionKind::kAcknowledge: acknowledge(action); break;
      case ActionKind::kServe: DL_CHECK(serve(table, action)); break;
    }
  }
  actions_.clear();
  return {};
}

// DynSGD's divisor, and the histogram's value.
float Store::factor_of(Session& session, std::uint64_t version, std::uint64_t seen) const {
  const std::uint64_t staleness = version - seen;
  session.staleness = std::max(session.staleness, staleness);
  const float divisor =
      options_.update.divide_by_staleness ? static_cast<float>(staleness + 1) : 1.0f;
  return options_.update.scale / divisor;
}

Operation Store::operation_of(const Session& session, TableId table) const {
  return {.table = table,
          .worker = session.worker,
          .clock = session.push.clock,
          .kind = static_cast<PushKind>(session.push.push_kind),
          .learning_rate = session.push.learning_rate,
          .factor = options_.update.scale,
          .position = session.push.value};
}

Result<void> Store::apply(TableId table, const Action& action) {
  Session& session = sessions_[action.worker];
  if (!dense(table)) return apply_own_rows(session);
  const std::uint64_t elements = shard_.layout().dense[table].share.size();
  while (!session.staged.empty()) {
    Staged staged = std::move(session.staged.front());
    session.staged.pop_front();
    // What had been applied before the server was restarted stays out.
    const std::uint64_t known =
        staged.first < action.first ? std::min(action.first - staged.first, staged.count) : 0;
    staged.values += known;
    staged.first += known;
    staged.count -= known;
    if (staged.count == 0) continue;
    DL_CHECK(apply_staged(session, staged, staged.first + staged.count == elements));
  }
  return {};
}

Result<void> Store::apply_staged(Session& session, const Staged& staged, bool last) {
  const TableId table = session.push.table;
  const std::uint64_t range = staged.first / shard_.layout().dense[table].keys.range_elements();
  std::uint64_t& seen = seen_[table][session.worker][range];
  const std::uint64_t version = shard_.version(table, range);
  Operation operation = operation_of(session, table);
  operation.factor = factor_of(session, version, seen);
  operation.first = staged.first;
  operation.last = last;
  DL_CHECK(store(operation, {staged.values, staged.count}, staged.block));
  seen += shard_.version(table, range) - version;  // Its own push makes nothing stale.
  return {};
}

// All workers' pushes of a range are there. Summed in the order of ranks, whoever came first.
Result<void> Store::sum(TableId table, const Action& action) {
  const std::uint64_t elements = shard_.layout().dense[table].share.size();
  for (std::uint64_t at = action.first; at < action.end;) {
    Session* first = nullptr;
    for (Session& session : sessions_) {
      if (session.finished) continue;
      DL_ASSERT(!session.staged.empty() && session.staged.front().first == at,
                "the ledger sums what has arrived");
      if (first == nullptr) {
        first = &session;
        continue;
      }
      const Staged& from = session.staged.front();
      add(first->staged.front().block.get(), {from.values, from.count});
      session.staged.pop_front();
    }
    DL_ASSERT(first != nullptr, "somebody pushed");
    const Staged whole = std::move(first->staged.front());
    first->staged.pop_front();
    Operation operation = operation_of(*first, table);
    operation.worker = kAllWorkers;
    operation.first = at;
    at += whole.count;
    operation.last = at == elements;
    DL_CHECK(store(operation, {whole.values, whole.count}, whole.block));
  }
  return {};
}

Result<void> Store::store(const Operation& operation, std::span<const float> values,
                          std::shared_ptr<const void> owner) {
  DL_CHECK(shard_.apply(operation, values));
  if (replication_ != nullptr) {
    replication_->forward(operation, 0, bytes_of(values), std::move(owner));
  }
  return {};
}

Result<void> Store::apply_own_rows(Session& session) {
  const TableId table = session.push.table;
  std::uint64_t& version = row_pushes_[table];
  std::uint64_t& seen = seen_[table][session.worker][0];
  Operation operation = operation_of(session, table);
  operation.factor = factor_of(session, version, seen);
  operation.last = true;
  ++version;
  ++seen;
  return store_rows(operation, std::move(session.rows));
}

// The rows of all workers' pushes, each summed in the order of ranks.
Result<void> Store::sum_rows(TableId table, const Action&) {
  const std::uint32_t columns = shard_.layout().sparse_of(table).columns;
  std::uint64_t most = 0;
  const Session* first = nullptr;
  for (const Session& session : sessions_) {
    if (session.finished) continue;
    most += session.rows->rows;
    if (first == nullptr) first = &session;
  }
  row_index_.clear(most);
  std::vector<float> sums;
  for (Session& session : sessions_) {
    if (session.finished) continue;
    const auto slots = session.rows->ids();
    const auto values = session.rows->values();
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const std::size_t number = row_index_.find_or_add(slots[i]);
      const auto row = values.subspan(i * columns, columns);
      if (sums.size() == number * columns) {
        sums.insert(sums.end(), row.begin(), row.end());
      } else {
        add(&sums[number * columns], row);
      }
    }
  }
  auto merged = std::make_shared<RowRequest>();
  merged->rows = row_index_.ids().size();
  merged->bytes = merged->rows * sizeof(std::uint64_t) + sums.size() * sizeof(float);
  merged->memory.resize((merged->bytes + 7) / 8);
  std::copy(row_index_.ids().begin(), row_index_.ids().end(), merged->memory.begin());
  std::memcpy(merged->memory.data() + merged->rows, sums.data(), sums.size() * sizeof(float));
  Operation operation = operation_of(*first, table);
  operation.worker = kAllWorkers;
  operation.last = true;
  return store_rows(operation, std::move(merged));
}

Result<void> Store::store_rows(const Operation& operation, std::shared_ptr<RowRequest> rows) {
  DL_CHECK(shard_.apply_rows(operation, rows->ids(), rows->values()));
  if (replication_ != nullptr) {
    const auto body = rows->body();
    const std::uint64_t count = rows->rows;
    replication_->forward(operation, count, body, std::move(rows));
  }
  return {};
}

void Store::acknowledge(const Action& action) {
  Session& session = sessions_[action.worker];
  ++(action.repeat ? report_.repeats : report_.pushes);
  const Head head{.kind = MessageKind::kAcknowledged,
                  .flag = action.repeat,
                  .table = session.push.table,
                  .clock = action.clock,
                  .value = session.staleness};
  const std::uint64_t after = replication_ != nullptr ? replication_->forwarded() : 0;
  acknowledgements_.push_back({action.worker, head, after});
  release_acknowledgements();
}

void Store::release_acknowledgements() {
  const std::uint64_t replicated = replication_ != nullptr ? replication_->replicated() : 0;
  while (!acknowledgements_.empty() && acknowledgements_.front().after <= replicated) {
    const Acknowledgement& one = acknowledgements_.front();
    Session& session = sessions_[one.worker];
    session.outbox.put(one.head);
    --session.owed;
    acknowledgements_.pop_front();
  }
}

Result<void> Store::serve(TableId table, const Action& action) {
  Session& session = sessions_[action.worker];
  if (!dense(table)) {
    serve_rows(session, table, action.slowest);
    return {};
  }
  if (action.first == 0) {
    session.table = table;
    session.next = 0;
  }
  session.end = action.end;
  session.slowest = action.slowest;
  return {};
}

void Store::serve_rows(Session& session, TableId table, Clock slowest) {
  const std::uint32_t columns = shard_.layout().sparse_of(table).columns;
  const auto slots = session.rows->ids();
  const auto gathered =
      std::make_shared_for_overwrite<float[]>(std::max<std::size_t>(1, slots.size() * columns));
  constexpr std::size_t kAhead = 8;  // Rows are anywhere in memory.
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (i + kAhead < slots.size()) __builtin_prefetch(shard_.row(table, slots[i + kAhead]));
    std::memcpy(gathered.get() + i * columns, shard_.row(table, slots[i]), columns * sizeof(float));
  }
  session.outbox.put(
      {.kind = MessageKind::kRows, .table = table, .first = slots.size(), .value = slowest},
      bytes_of({gathered.get(), slots.size() * columns}), gathered);
  seen_[table][session.worker][0] = row_pushes_[table];
  session.rows.reset();
  --session.owed;
  ++report_.pulls;
}

// Synchronous: nobody changes these values before this worker has them all and pushes again.
// Hogwild: they may change while they are sent, and that is its point. Else a copy is sent.
void Store::refill(Session& session) {
  const bool copies = options_.consistency == Consistency::kAsynchronous ||
                      options_.consistency == Consistency::kBoundedStaleness;
  while (session.next < session.end && session.outbox.size() < kOutboxMax) {
    const TableId table = session.table;
    const std::uint64_t first = session.next;
    const std::uint64_t end = std::min(range_end(table, first), session.end);
    std::span<const float> values = shard_.values(table).subspan(first, end - first);
    std::shared_ptr<float[]> copy;
    if (copies) {
      copy = pool_.take();
      std::memcpy(copy.get(), values.data(), values.size_bytes());
      values = {copy.get(), values.size()};
    }
    session.outbox.put(
        {.kind = MessageKind::kValues, .table = table, .first = first, .value = session.slowest},
        bytes_of(values), copy);
    const std::uint64_t range = first / shard_.layout().dense[table].keys.range_elements();
    seen_[table][session.worker][range] = shard_.version(table, range);
    session.next = end;
    if (end == shard_.layout().dense[table].share.size()) {
      --session.owed;
      ++report_.pulls;
    }
  }
}

Result<void> Store::to_slots(Session& session, TableId table) {
  const SparseRegion& region = shard_.layout().sparse_of(table);
  const SparseTable& declared =
      shard_.layout().identity().tables.sparse[table - shard_.layout().dense_tables()];
  const std::uint32_t server = shard_.layout().identity().server;
  for (std::uint64_t& id : session.rows->ids()) {
    const bool exists = id < declared.rows;
    const RowPlaces::Place place = exists ? region.places.place(id) : RowPlaces::Place{};
    if (!exists || place.server != server) {
      return Error{Code::kFailedPrecondition,
                   mesh_.describe(session.worker) + " asked for row " + std::to_string(id) +
                       " of table \"" + declared.name + "\", which " +
                       (exists ? "another server has" : "does not exist")};
    }
    id = place.slot;
  }
  return {};
}

bool Store::waits(const Session& session) const {
  return std::any_of(ledgers_.begin(), ledgers_.end(),
                     [&](const Ledger& one) { return one.waits(session.worker); });
}

std::optional<Rank> Store::slowest(const Session& session) const {
  for (const Ledger& one : ledgers_) {
    if (one.waits(session.worker)) return one.slowest();
  }
  return ledgers_[session.push.table].slowest();
}

}  // namespace dl::worker::paramserver
