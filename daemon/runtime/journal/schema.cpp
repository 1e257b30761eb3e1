#include "daemon/runtime/journal/schema.h"

#include <array>

namespace dl::runtime::journal {
namespace {

// The step at index i leads from version i to i + 1. A released step never changes.
constexpr std::array<const char*, kSchemaVersion> kSteps = {R"sql(
  CREATE TABLE journal(
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, checksum INTEGER NOT NULL,
    mutation TEXT NOT NULL);
  CREATE TABLE snapshots(
    seq INTEGER NOT NULL, part INTEGER NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY(seq, part)) WITHOUT ROWID;
  CREATE TABLE snapshot_marks(
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, parts INTEGER NOT NULL,
    checksum INTEGER NOT NULL);
  CREATE TABLE jobs(
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, user TEXT NOT NULL, state TEXT NOT NULL,
    submitted INTEGER NOT NULL, ended INTEGER NOT NULL, record TEXT NOT NULL);
  CREATE TABLE events(
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, at INTEGER NOT NULL, type TEXT NOT NULL,
    subject TEXT NOT NULL, message TEXT NOT NULL);
  CREATE INDEX events_of_job ON events(job, id);
  CREATE TABLE metrics(
    job INTEGER NOT NULL, trial INTEGER NOT NULL, name TEXT NOT NULL, step INTEGER NOT NULL,
    attempt INTEGER NOT NULL, value REAL, at INTEGER NOT NULL,
    PRIMARY KEY(job, trial, name, step)) WITHOUT ROWID;
)sql"};

Result<void> migrate(Database& database, const std::filesystem::path& file) {
  DL_TRY(const std::int64_t version, database.ask("PRAGMA user_version"));
  if (version > kSchemaVersion) {
    return Error{Code::kFailedPrecondition,
                 file.string() + " has schema " + std::to_string(version) +
                     ", written by a newer version; this one knows up to " +
                     std::to_string(kSchemaVersion) + ": run the newer version"};
  }
  for (auto step = static_cast<std::size_t>(version); step < kSteps.size(); ++step) {
    const std::string sql = std::string("BEGIN IMMEDIATE;") + kSteps[step] +
                            "PRAGMA user_version = " + std::to_string(step + 1) + ";COMMIT;";
    DL_CHECK(database.execute(sql.c_str()));
  }
  return {};
}

}  // namespace

Result<Database> open_for_writing(const std::filesystem::path& file) {
  DL_TRY(Database database, Database::open(file, Database::Mode::kReadWrite));
  DL_CHECK(
      database.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                       "PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16000;"));
  DL_CHECK(migrate(database, file));
  return database;
}

}  // namespace dl::runtime::journal
