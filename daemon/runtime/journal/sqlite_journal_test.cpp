#include "daemon/runtime/journal/sqlite_journal.h"

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "daemon/coordinator/apply.h"
#include "daemon/runtime/journal/history.h"
#include "model/spec/parse.h"
#include "tests/support/temp_dir.h"

namespace dl::runtime::journal {
namespace {

using coordinator::Batch;
using coordinator::State;

coordinator::JobSubmitted submitted(std::uint64_t id) {
  coordinator::JobSubmitted job;
  job.job = JobId{id};
  job.at = Timestamp(Duration(1'700'000'000'000'000 + static_cast<std::int64_t>(id)));
  job.document.text = "name: n" + std::to_string(id) + "\ncommand: \"true\"\n";
  job.document.parsed = std::make_shared<const JobSpec>(*spec::parse(job.document.text).spec);
  job.idempotency_key = "key " + std::to_string(id);
  job.document_hash = id;
  return job;
}

// A journal and the state that it should recover to.
struct Fixture {
  explicit Fixture(std::uint64_t snapshot_every = 1000) : every(snapshot_every) { reopen(); }

  // What is recovered, as if the process had started anew.
  Result<State> reopen() {
    journal.reset();
    auto opened = SqliteJournal::open({.file = file, .snapshot_every = every, .on_commit = {}});
    REQUIRE((opened ? "" : opened.error().message) == "");
    journal = *std::move(opened);
    return journal->recover();
  }

  Result<void> submit(std::uint64_t id) {
    Batch batch;
    batch.mutations.push_back(submitted(id));
    batch.records.events.push_back({JobId{id}, {}, "submitted", std::to_string(id), "hello"});
    const auto committed = journal->commit(batch);
    if (committed) coordinator::apply(expected, batch.mutations.front());
    return committed;
  }

  void execute(const char* sql) const {
    auto database = Database::open(file, Database::Mode::kReadWrite);
    const auto done = database->execute(sql);
    REQUIRE((done ? "" : done.error().message) == "");
  }

  std::int64_t ask(const char* sql) const {
    return *Database::open(file, Database::Mode::kReadOnly)->ask(sql);
  }

  test::TempDir dir;
  std::filesystem::path file = dir / "coordinator.db";
  std::uint64_t every;
  State expected;
  std::unique_ptr<SqliteJournal> journal;
};

}  // namespace

TEST_CASE("what was committed is recovered", "[journal]") {
  Fixture fixture;
  for (std::uint64_t id = 1; id <= 20; ++id) REQUIRE(fixture.submit(id).has_value());
  const auto state = fixture.reopen();
  REQUIRE((state ? "" : state.error().message) == "");
  CHECK(*state == fixture.expected);
  CHECK(state->jobs.size() == 20);
  REQUIRE(fixture.submit(21).has_value());
  CHECK(*fixture.reopen() == fixture.expected);
}

TEST_CASE("snapshots cut the journal and recover to the same state", "[journal]") {
  Fixture fixture(10);
  for (std::uint64_t id = 1; id <= 200; ++id) {
    REQUIRE(fixture.submit(id).has_value());
    fixture.journal->offer_snapshot(fixture.expected);
    if (id == 10) {
      // The first one is written while commits go on; how many it takes is up to its thread.
      while (fixture.journal->snapshots() == 0) {
        REQUIRE(fixture.journal->commit(Batch{}).has_value());
      }
    }
  }
  CHECK(fixture.journal->snapshots() >= 2);
  CHECK(fixture.ask("SELECT count(*) FROM journal") < 200);
  CHECK(fixture.ask("SELECT count(*) FROM snapshot_marks") == 2);
  CHECK(*fixture.reopen() == fixture.expected);

  // The newest is damaged: the one before it serves.
  fixture.execute(
      "UPDATE snapshots SET data = replace(data, 'hello', 'hullo') || ' '"
      " WHERE seq = (SELECT max(seq) FROM snapshot_marks)");
  CHECK(*fixture.reopen() == fixture.expected);
  fixture.execute("UPDATE snapshots SET data = ''");
  const auto state = fixture.reopen();
  REQUIRE(state.has_error());
  CHECK(state.error().code == Code::kDataLoss);
  CHECK_THAT(state.error().message, Catch::Contains("every snapshot is damaged"));
}

TEST_CASE("a damaged journal is an error that names the entry and the way out", "[journal]") {
  Fixture fixture;
  for (std::uint64_t id = 1; id <= 5; ++id) REQUIRE(fixture.submit(id).has_value());
  const auto [sql, message] = GENERATE(table<const char*, const char*>({
      {"UPDATE journal SET mutation = replace(mutation, 'n3', 'n4') WHERE seq = 3",
       "journal entry 3 is damaged (its checksum is wrong)"},
      {"DELETE FROM journal WHERE seq = 2", "journal entry 2 is missing (the next is 3)"},
  }));
  fixture.execute(sql);
  const auto state = fixture.reopen();
  REQUIRE(state.has_error());
  CHECK(state.error().code == Code::kDataLoss);
  CHECK(state.error().message ==
        fixture.file.string() + ": " + message +
            "; restore the file from a backup, or move it away to begin with an empty history");
}

TEST_CASE("a torn write-ahead log loses nothing that was committed before it", "[journal]") {
  Fixture fixture;
  for (std::uint64_t id = 1; id <= 3; ++id) REQUIRE(fixture.submit(id).has_value());
  const State before = fixture.expected;
  REQUIRE(fixture.submit(4).has_value());
  // What a crash in the middle of the last commit leaves: a log without its last bytes.
  const test::TempDir left;
  for (const char* suffix : {"", "-wal"}) {
    std::filesystem::copy(fixture.file.string() + suffix,
                          left / (std::string("coordinator.db") + suffix));
  }
  const auto log = left / "coordinator.db-wal";
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 100);
  auto journal = SqliteJournal::open(
      {.file = left / "coordinator.db", .snapshot_every = 1000, .on_commit = {}});
  REQUIRE(journal.has_value());
  CHECK(*(*journal)->recover() == before);
}

TEST_CASE("a full disk refuses the whole batch and says what to do", "[journal]") {
  Fixture fixture;
  REQUIRE(fixture.submit(1).has_value());
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  rlimit full = limit;
  full.rlim_cur = std::filesystem::file_size(fixture.file.string() + "-wal") + 4096;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &full) == 0);
  Batch batch;
  for (std::uint64_t id = 2; id < 100; ++id) batch.mutations.push_back(submitted(id));
  const auto committed = fixture.journal->commit(batch);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  REQUIRE(committed.has_error());
  CHECK(committed.error().code == Code::kResourceExhausted);
  CHECK(committed.error().message ==
        fixture.file.string() +
            " cannot grow, the disk is full; nothing was stored. Free space on its file system: "
            "the coordinator goes on by itself");
  CHECK(*fixture.journal->recover() == fixture.expected);
  REQUIRE(fixture.submit(2).has_value());
  CHECK(*fixture.reopen() == fixture.expected);
}

TEST_CASE("a database of a newer version, or none at all, is refused", "[journal]") {
  const test::TempDir dir;
  const auto file = dir / "coordinator.db";
  {
    auto database = Database::open(file, Database::Mode::kReadWrite);
    REQUIRE(database->execute("PRAGMA user_version = 99").has_value());
  }
  const auto newer = SqliteJournal::open({.file = file, .on_commit = {}});
  REQUIRE(newer.has_error());
  CHECK(newer.error().code == Code::kFailedPrecondition);
  CHECK_THAT(newer.error().message, Catch::Contains("has schema 99, written by a newer version"));

  std::filesystem::resize_file(file, 0);
  {
    auto* stream = std::fopen(file.c_str(), "w");
    std::fputs(std::string(4096, 'x').c_str(), stream);
    std::fclose(stream);
  }
  const auto none = SqliteJournal::open({.file = file, .on_commit = {}});
  REQUIRE(none.has_error());
  CHECK(none.error().code == Code::kDataLoss);
}

TEST_CASE("history has the finished jobs, their events and their metrics", "[history]") {
  Fixture fixture;
  const auto opened = History::open(fixture.file);
  REQUIRE(opened.has_value());
  History& history = **opened;
  Batch batch;
  for (std::uint64_t id = 1; id <= 5; ++id) {
    coordinator::Job job;
    job.id = JobId{id};
    job.name = "n" + std::to_string(id);
    job.document = submitted(id).document;
    job.state = id % 2 == 0 ? JobState::kFailed : JobState::kSucceeded;
    batch.records.finished.push_back(job);
    batch.records.events.push_back({JobId{id}, {}, "ended", std::to_string(id), "done"});
  }
  for (std::uint64_t step = 1; step <= 100; ++step) {
    batch.records.metrics.push_back({{JobId{1}, 1}, 1, {"loss", step, 1.0 / double(step), {}}});
  }
  batch.records.metrics.push_back(
      {{JobId{1}, 1}, 2, {"loss", 100, std::numeric_limits<double>::quiet_NaN(), {}}});
  REQUIRE(fixture.journal->commit(batch).has_value());

  CHECK((*history.finished_job(JobId{3}))->name == "n3");
  CHECK_FALSE(history.finished_job(JobId{9})->has_value());
  CHECK(**history.newest_finished() == JobId{5});
  const auto failed = history.finished_jobs({JobState::kFailed, {}, 10});
  REQUIRE(failed->size() == 2);
  CHECK(failed->front().id == JobId{4});
  CHECK(history.finished_jobs({{}, JobId{3}, 1})->front().id == JobId{2});

  const auto events = history.events(JobId{4}, 0, 10);
  REQUIRE(events->size() == 1);
  CHECK(history.events(JobId{4}, events->front().id, 10)->empty());

  const auto series = history.metrics({JobId{1}, "", 0, 0, 10});
  REQUIRE(series->size() == 1);
  CHECK(series->front().points.size() == 10);
  CHECK(series->front().points.front().step == 10);
  // Of two attempts that reported the same step the newer one's value stays.
  CHECK(std::isnan(series->front().points.back().value));
  CHECK(history.metrics({JobId{1}, "loss", 1, 98, 10})->front().points.size() == 2);
  CHECK(history.metrics({JobId{1}, "acc", 0, 0, 10})->empty());
}

}  // namespace dl::runtime::journal
