#include "daemon/runtime/journal/sqlite_journal.h"

#include <algorithm>
#include <chrono>

#include "daemon/runtime/journal/checksum.h"
#include "daemon/runtime/journal/codec.h"
#include "daemon/runtime/journal/schema.h"

namespace dl::runtime::journal {
namespace {

using coordinator::Batch;
using coordinator::State;

// Of a snapshot, added to one commit: about a millisecond of writing.
constexpr std::size_t kPartBytes = 256u << 10;
// Journal entries that one commit deletes after a snapshot has made them superfluous.
constexpr std::uint64_t kCutSlice = 2000;

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::int64_t us(Timestamp time) { return time.time_since_epoch().count(); }

}  // namespace

struct SqliteJournal::Statements {
  Statement begin, commit, rollback, mutation, job, event, metric, part, mark, cut_journal,
      cut_snapshots, cut_marks;
};

// A snapshot on its way to the database.
struct SqliteJournal::Snapshot {
  std::uint64_t seq = 0;
  std::future<std::string> encoding;
  std::string text;
  std::size_t written = 0;  // Bytes of `text`.
  std::uint64_t parts = 0;
};

SqliteJournal::SqliteJournal(SqliteJournalOptions options, Database database)
    : options_(std::move(options)), database_(std::move(database)) {}

SqliteJournal::~SqliteJournal() = default;

Result<std::unique_ptr<SqliteJournal>> SqliteJournal::open(SqliteJournalOptions options) {
  DL_TRY(Database database, open_for_writing(options.file));
  std::unique_ptr<SqliteJournal> journal(
      new SqliteJournal(std::move(options), std::move(database)));
  DL_CHECK(journal->prepare());
  return journal;
}

Result<void> SqliteJournal::prepare() {
  Database& db = database_;
  DL_TRY(auto begin, db.prepare("BEGIN IMMEDIATE"));
  DL_TRY(auto commit, db.prepare("COMMIT"));
  DL_TRY(auto rollback, db.prepare("ROLLBACK"));
  DL_TRY(auto mutation,
         db.prepare("INSERT INTO journal(seq, at, checksum, mutation) VALUES(?, ?, ?, ?)"));
  DL_TRY(auto job, db.prepare("INSERT OR REPLACE INTO jobs(id, name, user, state, submitted, ended,"
                              " record) VALUES(?, ?, ?, ?, ?, ?, ?)"));
  DL_TRY(auto event, db.prepare("INSERT INTO events(id, job, at, type, subject, message)"
                                " VALUES(?, ?, ?, ?, ?, ?)"));
  DL_TRY(auto metric, db.prepare("INSERT OR REPLACE INTO metrics(job, trial, name, step, attempt,"
                                 " value, at) VALUES(?, ?, ?, ?, ?, ?, ?)"));
  DL_TRY(auto part,
         db.prepare("INSERT OR REPLACE INTO snapshots(seq, part, data) VALUES(?, ?, ?)"));
  DL_TRY(auto mark, db.prepare("INSERT OR REPLACE INTO snapshot_marks(seq, at, parts, checksum)"
                               " VALUES(?, ?, ?, ?)"));
  DL_TRY(auto cut_journal,
         db.prepare("DELETE FROM journal WHERE seq <= (SELECT min(seq) FROM snapshot_marks)"
                    " AND seq < (SELECT min(seq) FROM journal) + ?"));
  DL_TRY(auto cut_snapshots,
         db.prepare("DELETE FROM snapshots WHERE seq < (SELECT min(seq) FROM (SELECT seq FROM"
                    " snapshot_marks ORDER BY seq DESC LIMIT 2))"));
  DL_TRY(auto cut_marks,
         db.prepare("DELETE FROM snapshot_marks WHERE seq < (SELECT min(seq) FROM (SELECT seq FROM"
                    " snapshot_marks ORDER BY seq DESC LIMIT 2))"));
  statements_ = std::make_unique<Statements>(Statements{
      std::move(begin), std::move(commit), std::move(rollback), std::move(mutation), std::move(job),
      std::move(event), std::move(metric), std::move(part), std::move(mark), std::move(cut_journal),
      std::move(cut_snapshots), std::move(cut_marks)});
  return {};
}

Result<void> SqliteJournal::commit(const Batch& batch) {
  const auto begin = std::chrono::steady_clock::now();
  Statements& sql = *statements_;
  DL_CHECK(sql.begin.run());
  Result<void> written = write(batch);
  if (written) written = sql.commit.run();
  if (!written) {
    // Fails when SQLite has rolled back by itself, which is as good.
    (void)sql.rollback.run();
    snapshot_.reset();
    return written.error();
  }
  last_seq_ += batch.mutations.size();
  next_event_ += batch.records.events.size();
  if (snapshot_ && snapshot_->parts != 0 && snapshot_->written == snapshot_->text.size()) {
    snapshot_.reset();
    ++snapshots_;
  }
  if (options_.on_commit) {
    options_.on_commit(
        batch, std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begin));
  }
  return {};
}

Result<void> SqliteJournal::write(const Batch& batch) {
  const std::int64_t at = now_us();
  std::uint64_t seq = last_seq_;
  for (const coordinator::Mutation& mutation : batch.mutations) {
    buffer_.clear();
    encode(mutation, buffer_);
    DL_CHECK(statements_->mutation.bind(1, ++seq)
                 .bind(2, at)
                 .bind(3, checksum(buffer_))
                 .bind(4, buffer_)
                 .run());
  }
  DL_CHECK(write_records(batch.records));
  DL_TRY(const bool complete, write_snapshot_part());
  if (complete) {
    DL_CHECK(statements_->cut_snapshots.run());
    DL_CHECK(statements_->cut_marks.run());
  }
  return statements_->cut_journal.bind(1, kCutSlice).run();
}

Result<void> SqliteJournal::write_records(const coordinator::Records& records) {
  std::uint64_t id = next_event_;
  for (const coordinator::JobEvent& event : records.events) {
    DL_CHECK(statements_->event.bind(1, id++)
                 .bind(2, event.job.value)
                 .bind(3, us(event.at))
                 .bind(4, event.type)
                 .bind(5, event.subject)
                 .bind(6, event.message)
                 .run());
  }
  for (const coordinator::MetricRow& row : records.metrics) {
    DL_CHECK(statements_->metric.bind(1, row.trial.job.value)
                 .bind(2, std::uint64_t{row.trial.trial})
                 .bind(3, row.point.name)
                 .bind(4, row.point.step)
                 .bind(5, std::uint64_t{row.attempt})
                 .bind(6, row.point.value)
                 .bind(7, us(row.point.time))
                 .run());
  }
  for (const coordinator::Job& job : records.finished) {
    buffer_.clear();
    encode(job, buffer_);
    DL_CHECK(statements_->job.bind(1, job.id.value)
                 .bind(2, job.name)
                 .bind(3, job.user)
                 .bind(4, to_string(job.state))
                 .bind(5, us(job.submitted))
                 .bind(6, us(job.ended.value_or(job.submitted)))
                 .bind(7, buffer_)
                 .run());
  }
  return {};
}

void SqliteJournal::offer_snapshot(const State& state) {
  const std::uint64_t due = std::max<std::uint64_t>(options_.snapshot_every, state.jobs.size() / 2);
  if (snapshot_ || last_seq_ - snapshot_seq_ < due) return;
  snapshot_ = std::make_unique<Snapshot>();
  snapshot_->seq = snapshot_seq_ = last_seq_;
  snapshot_->encoding = std::async(std::launch::async, [copy = state] {
    std::string text;
    encode(copy, text);
    return text;
  });
}

void SqliteJournal::abandon_snapshot() { snapshot_.reset(); }

Result<bool> SqliteJournal::write_snapshot_part() {
  if (!snapshot_) return false;
  Snapshot& snapshot = *snapshot_;
  if (snapshot.encoding.valid()) {
    if (snapshot.encoding.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      return false;
    }
    snapshot.text = snapshot.encoding.get();
  }
  const auto part = std::string_view(snapshot.text).substr(snapshot.written, kPartBytes);
  DL_CHECK(statements_->part.bind(1, snapshot.seq).bind(2, snapshot.parts).bind(3, part).run());
  snapshot.written += part.size();
  ++snapshot.parts;
  if (snapshot.written < snapshot.text.size()) return false;
  DL_CHECK(statements_->mark.bind(1, snapshot.seq)
               .bind(2, now_us())
               .bind(3, snapshot.parts)
               .bind(4, checksum(snapshot.text))
               .run());
  return true;
}

}  // namespace dl::runtime::journal
