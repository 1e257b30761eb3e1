// The coordinator's journal in one SQLite database: mutations, snapshots, and the history that is
// committed together with them.
//
// A batch is one transaction. Everything but the encoding of snapshots happens in the calling
// thread, which is the control thread; a History reads at the same time from others.

#pragma once

#include <filesystem>
#include <functional>
#include <future>
#include <optional>

#include "daemon/coordinator/loop.h"
#include "daemon/runtime/journal/database.h"

namespace dl::runtime::journal {

struct SqliteJournalOptions {
  std::filesystem::path file;
  // A snapshot is due after so many mutations, or half as many as there are live jobs if that is
  // more: its cost stays in proportion.
  std::uint64_t snapshot_every = 10'000;
  // Told of every batch that is on stable storage, and how long that took.
  std::function<void(const coordinator::Batch& batch, Duration took)> on_commit;
};

class SqliteJournal : public coordinator::Journal {
 public:
  static Result<std::unique_ptr<SqliteJournal>> open(SqliteJournalOptions options);
  ~SqliteJournal() override;

  // kResourceExhausted when the disk is full; then, as after every error, nothing of the batch is
  // stored and a later commit may well go through.
  Result<void> commit(const coordinator::Batch& batch) override;

  // The newest snapshot that is whole, and the mutations after it. kDataLoss names the entry that
  // is damaged: nothing is skipped in silence.
  Result<coordinator::State> recover() override;

  // Takes a copy of `state`, which must be that after the last commit, when a snapshot is due. It
  // is encoded by a thread of its own and written in parts by the commits to come.
  void offer_snapshot(const coordinator::State& state);

  // Snapshots that have been completed since the start.
  std::uint64_t snapshots() const { return snapshots_; }

 private:
  struct Statements;
  struct Snapshot;
  struct Mark {  // Of a complete snapshot: the last mutation in it, its size, its checksum.
    std::uint64_t seq = 0;
    std::uint64_t parts = 0;
    std::uint64_t checksum = 0;
  };

  SqliteJournal(SqliteJournalOptions options, Database database);
  Result<void> prepare();
  Result<void> write(const coordinator::Batch& batch);
  Result<void> write_records(const coordinator::Records& records);
  void abandon_snapshot();
  Result<bool> write_snapshot_part();  // True: it is now complete.
  Result<std::vector<Mark>> marks();   // Newest first.
  Result<coordinator::State> read_snapshot(const Mark& mark);
  Result<coordinator::State> newest_snapshot();  // Sets last_seq_ to its mutation.
  Result<void> replay(coordinator::State& state);
  Error damaged(const std::string& what, const std::string& why) const;

  SqliteJournalOptions options_;
  Database database_;
  std::unique_ptr<Statements> statements_;
  std::unique_ptr<Snapshot> snapshot_;  // The one in the making.
  std::uint64_t last_seq_ = 0;          // Of the last mutation committed.
  std::uint64_t snapshot_seq_ = 0;      // Of the last snapshot begun.
  std::uint64_t next_event_ = 1;
  std::uint64_t snapshots_ = 0;
  std::string buffer_;  // Reused for every text that is bound.
};

}  // namespace dl::runtime::journal
