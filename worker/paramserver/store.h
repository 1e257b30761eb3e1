// The heart of a server: its shard, the ledgers, and the sessions whose pushes and pulls it carries
// out. What is to be done, the ledgers say; here it is done.

#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "worker/paramserver/ledger.h"
#include "worker/paramserver/replication.h"
#include "worker/paramserver/row_index.h"
#include "worker/paramserver/server.h"
#include "worker/paramserver/session.h"
#include "worker/paramserver/start.h"

namespace dl::worker::paramserver {

class Store {
 public:
  // `replication` may be null.
  Store(transport::Mesh& mesh, const ServerOptions& options, Shard shard,
        std::vector<Session>& sessions, Replication* replication);

  Shard& shard() { return shard_; }
  const Shard& shard() const { return shard_; }
  const ServerReport& report() const { return report_; }
  // After the shard has changed by other means.
  void make_ledgers();

  // A request whose head is `head` begins, or, of rows, is there as a whole.
  Result<void> begin_push(Session& session, const Head& head);
  Result<void> pull(Session& session, const Head& head);
  Result<void> push_rows(Session& session, const Head& head);
  Result<void> pull_rows(Session& session, const Head& head);
  Result<void> finish(Session& session);

  // A dense push. Where its next bytes go; nothing while it has to wait for other workers.
  bool make_room(Session& session);
  // `bytes` of the range under way are there. True when that was the end of the push.
  Result<bool> take(Session& session, std::size_t bytes);

  // Puts values into the outbox while there are some to send and it is short.
  void refill(Session& session);
  // Says what had to wait for the replica.
  void release_acknowledgements();

  bool waits(const Session& session) const;
  // For whom `session` waits, if for anybody.
  std::optional<Rank> slowest(const Session& session) const;

 private:
  struct Acknowledgement {
    Rank worker;
    Head head;
    std::uint64_t after;  // This many operations are with the replica.
  };

  Ledger& ledger(TableId table) { return ledgers_[table]; }
  bool dense(TableId table) const { return shard_.layout().is_dense(table); }
  std::uint64_t range_end(TableId table, std::uint64_t element) const;
  Result<void> run(TableId table);
  Result<void> apply(TableId table, const Action& action);
  Result<void> sum(TableId table, const Action& action);
  Result<void> sum_rows(TableId table, const Action& action);
  Result<void> apply_staged(Session& session, const Staged& staged, bool last);
  Result<void> apply_own_rows(Session& session);
  Result<void> store(const Operation& operation, std::span<const float> values,
                     std::shared_ptr<const void> owner);
  Result<void> store_rows(const Operation& operation, std::shared_ptr<RowRequest> rows);
  void acknowledge(const Action& action);
  Result<void> serve(TableId table, const Action& action);
  void serve_rows(Session& session, TableId table, Clock slowest);
  float factor_of(Session& session, std::uint64_t version, std::uint64_t seen) const;
  Operation operation_of(const Session& session, TableId table) const;
  Result<void> to_slots(Session& session, TableId table);

  transport::Mesh& mesh_;
  const ServerOptions& options_;
  Shard shard_;
  std::vector<Session>& sessions_;
  Replication* const replication_;
  std::vector<Ledger> ledgers_;
  std::vector<Action> actions_;
  // By table, then worker, then range: the version that the worker has seen.
  std::vector<std::vector<std::vector<std::uint64_t>>> seen_;
  std::vector<std::uint64_t> row_pushes_;  // By table: the version of a sparse one.
  std::deque<Acknowledgement> acknowledgements_;
  BlockPool pool_{KeyRanges::kRangeElementsMax};
  RowIndex row_index_;
  ServerReport report_;
};

}  // namespace dl::worker::paramserver
