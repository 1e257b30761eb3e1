#include "worker/paramserver/server.h"

#include <algorithm>
#include <array>
#include <future>
#include <string>

#include "worker/paramserver/start.h"
#include "worker/paramserver/store.h"

namespace dl::worker::paramserver {
namespace {

using transport::Direction;
using SteadyClock = std::chrono::steady_clock;

class Server {
 public:
  Server(transport::Mesh& mesh, const ServerOptions& options, Started started,
         const std::atomic<bool>* stop)
      : mesh_(mesh),
        options_(options),
        stop_(stop),
        restored_(started.restored),
        identity_(std::move(started.identity)),
        sessions_(options.workers),
        replication_(make_replication(std::move(started.replica))),
        store_(mesh, options, std::move(started.shard), sessions_, replication_.get()) {
    for (Rank worker = 0; worker < options.workers; ++worker) sessions_[worker].worker = worker;
  }

  Result<ServerReport> run() {
    auto result = serve();
    if (result.has_error()) say_last_words(result.error());
    if (checkpoint_.valid()) checkpoint_.wait();
    DL_CHECK(result);
    Shard::remove(own_stem(options_, identity_));
    if (replication_) {
      Shard::remove(replica_stem(options_, replication_->replica().layout().identity()));
    }
    return store_.report();
  }

 private:
  std::unique_ptr<Replication> make_replication(std::optional<Shard> replica) {
    if (!replica) return nullptr;
    const std::uint32_t servers = identity_.servers;
    const Rank next = options_.workers + (identity_.server + 1) % servers;
    const Rank previous = options_.workers + (identity_.server + servers - 1) % servers;
    return std::make_unique<Replication>(mesh_, next, previous, *std::move(replica));
  }

  Result<void> serve() {
    const auto now = SteadyClock::now();
    for (Session& session : sessions_) {
      session.heard = session.told = now;
      welcome(session);
    }
    auto next_beat = now + options_.heartbeat;
    while (!done()) {
      DL_TRY(const bool moved, move());
      if (SteadyClock::now() >= next_beat) {
        DL_CHECK(beat());
        next_beat = SteadyClock::now() + options_.heartbeat;
      }
      if (!moved) DL_CHECK(wait(next_beat));
    }
    return {};
  }

  void welcome(Session& session) {
    const Progress standing = store_.shard().standing(session.worker);
    session.outbox.put({.kind = MessageKind::kWelcome,
                        .push_kind = static_cast<std::uint8_t>(options_.consistency),
                        .flag = restored_,
                        .table = options_.refuse_not_finite ? 1u : 0u,
                        .clock = standing.clock,
                        .first = standing.position,
                        .value = static_cast<std::uint64_t>(options_.staleness)});
  }

  bool done() const {
    return std::all_of(sessions_.begin(), sessions_.end(),
                       [](const Session& session) { return session.done(); }) &&
           (!replication_ || replication_->idle());
  }

  Result<bool> move() {
    bool moved = false;
    for (Session& session : sessions_) {
      DL_TRY(const bool received, receive(session));
      store_.refill(session);
      DL_TRY(const bool sent, session.outbox.send(mesh_, session.worker));
      if (sent) session.told = SteadyClock::now();
      moved = moved || received || sent;
    }
    if (replicates()) {
      DL_TRY(const bool replicated, replication_->move());
      if (replicated) store_.release_acknowledgements();
      moved = moved || replicated;
    }
    return moved;
  }

  Result<void> wait(SteadyClock::time_point until) {
    interests_.clear();
    for (const Session& session : sessions_) {
      if (session.finished && session.outbox.empty()) continue;
      if (!session.open || room(session))
        interests_.push_back({session.worker, Direction::kReceive});
      if (!session.outbox.empty()) interests_.push_back({session.worker, Direction::kSend});
    }
    if (replicates()) replication_->add_interests(interests_);
    auto waited = mesh_.wait(interests_, until);
    if (waited.has_error() && waited.error().code != Code::kDeadlineExceeded) return waited;
    return {};
  }

  // Whether what comes next from it can be taken.
  static bool room(const Session& session) { return session.block || !session.intake.complete(); }

  // At most one message, or one range of a push, so that all workers have their turn.
  Result<bool> receive(Session& session) {
    bool moved = false;
    if (session.finished) return false;
    if (!session.open) {
      DL_TRY(const bool complete, session.reader.receive(mesh_, session.worker, moved));
      if (complete) DL_CHECK(open(session));
    }
    if (session.open) DL_CHECK(receive_payload(session, moved));
    if (moved) session.heard = SteadyClock::now();
    return moved;
  }

  Result<void> receive_payload(Session& session, bool& moved) {
    const Head& head = session.reader.head();
    if (streams(head)) {
      if (!store_.make_room(session)) return {};
      const std::size_t before = session.intake.got();
      DL_CHECK(session.intake.receive(mesh_, session.worker, moved));
      if (session.intake.got() == before) return {};
      DL_TRY(const bool ended, store_.take(session, session.intake.got()));
      if (ended) close(session);
      return {};
    }
    DL_TRY(const bool complete, session.intake.receive(mesh_, session.worker, moved));
    return complete ? dispatch(session) : Result<void>();
  }

  // Dense pushes are taken range by range.
  static bool streams(const Head& head) {
    return head.kind == MessageKind::kPush || head.kind == MessageKind::kPushPull;
  }

  void close(Session& session) {
    session.open = false;
    session.reader.next();
  }

  Error refuse(const Session& session, const std::string& why) const {
    return {Code::kFailedPrecondition, mesh_.describe(session.worker) + " " + why};
  }

  // The head is there: is it right, and where does the payload go?
  Result<void> open(Session& session) {
    const Head& head = session.reader.head();
    session.open = true;
    const Layout& layout = store_.shard().layout();
    const bool of_rows = head.kind == MessageKind::kPushRows || head.kind == MessageKind::kPullRows;
    const bool of_dense = streams(head) || head.kind == MessageKind::kPull;
    const bool initial = head.kind == MessageKind::kInitial;
    const bool of_either = of_rows || of_dense || initial;
    if (of_either &&
        (head.table >= layout.tables() || (!initial && layout.is_dense(head.table) != of_dense))) {
      return refuse(session, "asked for table " + std::to_string(head.table) +
                                 ", of which there is "
                                 "none of that kind");
    }
    if (of_dense && !initialised()) {
      return refuse(session, "pushes or pulls before init()");
    }
    std::uint64_t expected = 0;
    if (initial && !layout.is_dense(head.table)) {
      const SparseRegion& region = layout.sparse_of(head.table);
      expected = region.rows * region.columns * sizeof(float);
    } else if (streams(head) || initial) {
      expected = layout.dense[head.table].share.size() * sizeof(float);
    } else if (of_rows) {
      const bool pushes = head.kind == MessageKind::kPushRows;
      const std::uint64_t each =
          sizeof(std::uint64_t) +
          (pushes ? layout.sparse_of(head.table).columns * sizeof(float) : 0);
      expected = head.first > kBodyBytesMax / each ? ~std::uint64_t{0} : head.first * each;
    }
    if (head.bytes != expected || (of_rows && expected > kBodyBytesMax)) {
      return refuse(session, "sent a request of " + std::to_string(head.bytes) + " bytes where " +
                                 std::to_string(expected) + " make it");
    }
    if (streams(head)) return store_.begin_push(session, head);
    prepare_payload(session, head, of_rows);
    return {};
  }

  void prepare_payload(Session& session, const Head& head, bool of_rows) {
    if (of_rows) {
      session.rows = std::make_shared<RowRequest>();
      session.rows->rows = head.first;
      session.rows->bytes = head.bytes;
      session.rows->memory.resize((head.bytes + 7) / 8);
      session.intake.begin(session.rows->body());
    } else if (head.kind == MessageKind::kInitial) {
      const bool in_place = wants_values(session) && store_.shard().layout().is_dense(head.table);
      if (!in_place) session.aside.resize(head.bytes / sizeof(float));
      session.intake.begin(std::as_writable_bytes(in_place ? store_.shard().values(head.table)
                                                           : std::span<float>(session.aside)));
    } else {
      session.intake.begin({});
    }
  }

  Result<void> dispatch(Session& session) {
    const Head head = session.reader.head();
    close(session);
    switch (head.kind) {
      case MessageKind::kInitial: return take_first_values(session, head.table);
      case MessageKind::kReady: return ready(session);
      case MessageKind::kPull: return store_.pull(session, head);
      case MessageKind::kPushRows: return store_.push_rows(session, head);
      case MessageKind::kPullRows: return store_.pull_rows(session, head);
      case MessageKind::kCheckpoint: return begin_checkpoint(session, head.clock);
      case MessageKind::kFinish: return store_.finish(session);
      default: return refuse(session, "sent what no worker sends; run the same build on all nodes");
    }
  }

  bool wants_values(const Session& session) const { return session.worker == 0 && !initialised(); }

  // Rows have more beside them than their values, so they are not received in place.
  Result<void> take_first_values(Session& session, TableId table) {
    if (wants_values(session) && !store_.shard().layout().is_dense(table)) {
      store_.shard().set_rows(table, session.aside);
    }
    session.aside = {};
    return {};
  }

  bool initialised() const { return store_.shard().standpoint().initialised; }

  // Before, servers exchange their whole parts, and that is not the event loop's to read.
  bool replicates() const { return replication_ != nullptr && initialised(); }

  // Rank 0 has given its values; the others wait to hear that.
  Result<void> ready(Session& session) {
    ++session.owed;
    session.awaits_values = true;
    if (session.worker == 0 && !initialised()) {
      Standpoint standpoint = store_.shard().standpoint();
      standpoint.initialised = true;
      store_.shard().set_standpoint(standpoint);
      if (replication_) {
        DL_CHECK(exchange_replicas(mesh_, options_, store_.shard(), replication_->replica()));
      }
    }
    for (Session& one : sessions_) {
      if (!initialised() || !one.awaits_values) continue;
      one.awaits_values = false;
      one.outbox.put({.kind = MessageKind::kInitialised});
      --one.owed;
    }
    return {};
  }

  Result<void> begin_checkpoint(Session& session, Clock clock) {
    if (options_.folder.empty()) {
      return refuse(session,
                    "asked for a checkpoint, but the servers have no folder to write it to");
    }
    if (checkpoint_.valid()) return refuse(session, "asked for a checkpoint while one is written");
    ++session.owed;
    checkpoint_of_ = session.worker;
    checkpoint_ = std::async(std::launch::async, [folder = options_.folder, clock,
                                                  snapshot = snapshot_of(store_.shard())] {
      return write_checkpoint(folder, clock, snapshot);
    });
    return {};
  }

  Result<void> end_checkpoint() {
    if (!checkpoint_.valid() ||
        checkpoint_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      return {};
    }
    DL_CHECK(checkpoint_.get());
    sessions_[checkpoint_of_].outbox.put({.kind = MessageKind::kCheckpointed});
    --sessions_[checkpoint_of_].owed;
    return {};
  }

  Result<void> beat() {
    if (stop_ != nullptr && stop_->load()) {
      return Error{Code::kCancelled, "the parameter server was told to stop"};
    }
    DL_CHECK(end_checkpoint());
    const auto now = SteadyClock::now();
    for (Session& session : sessions_) {
      if (session.owed == 0 || session.finished) continue;
      const Rank slowest = store_.slowest(session).value_or(0);
      const Session& other = sessions_[slowest];
      if (store_.waits(session) && other.owed == 0 && now - other.heard > options_.patience) {
        return Error{Code::kDeadlineExceeded,
                     mesh_.describe(session.worker) + " and perhaps others wait for " +
                         mesh_.describe(slowest) + ", which has been silent for " +
                         std::to_string(options_.patience.count() / 1000) +
                         " s; its log and stack say where it hangs"};
      }
      if (!session.outbox.empty() || now - session.told < options_.heartbeat) continue;
      session.outbox.put({.kind = MessageKind::kWaiting, .worker = slowest});
    }
    return {};
  }

  // A peer's death is on the mesh for all to see; what is wrong here, nobody else knows.
  void say_last_words(const Error& error) {
    const bool mesh_stands = error.code != Code::kUnavailable && error.code != Code::kCancelled;
    if (!mesh_stands) return;
    for (Session& session : sessions_) {
      if (!session.finished) session.outbox.put_text({.kind = MessageKind::kFailed}, error.message);
    }
    std::vector<Outbox*> outboxes;
    for (Session& session : sessions_) outboxes.push_back(&session.outbox);
    see_off(mesh_, outboxes);
  }

  transport::Mesh& mesh_;
  const ServerOptions& options_;
  const std::atomic<bool>* const stop_;
  const bool restored_;
  const Identity identity_;
  std::vector<Session> sessions_;
  const std::unique_ptr<Replication> replication_;
  Store store_;
  std::vector<transport::Interest> interests_;
  std::future<Result<void>> checkpoint_;
  Rank checkpoint_of_ = 0;
};

}  // namespace

Result<ServerReport> serve(transport::Mesh& mesh, const ServerOptions& options,
                           const std::atomic<bool>* stop) {
  DL_CHECK(check(options, mesh.world_size()));
  if (mesh.rank() < options.workers) {
    return invalid_argument("rank " + std::to_string(mesh.rank()) + " is a worker of " +
                            std::to_string(options.workers) + "; servers come after them");
  }
  auto started = start(mesh, options);
  if (started.has_error()) {
    return with_context("parameter server " + std::to_string(mesh.rank() - options.workers),
                        std::move(started).error());
  }
  auto report = Server(mesh, options, *std::move(started), stop).run();
  if (report.has_error()) {
    return with_context("parameter server " + std::to_string(mesh.rank() - options.workers),
                        std::move(report).error());
  }
  return report;
}

}  // namespace dl::worker::paramserver
