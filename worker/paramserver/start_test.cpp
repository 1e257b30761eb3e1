#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "worker/paramserver/start.h"
#include "worker/paramserver/testing/job.h"

namespace dl::worker::paramserver {
namespace {

namespace fs = std::filesystem;
using Source = PartPlan::Source;
using Catch::Matchers::Contains;
using transport::Rank;
using transport::testing::expect;
using transport::testing::must;

constexpr PushOptions kDelta{.kind = PushKind::kDelta};

Standpoint at(std::uint64_t epoch, std::uint64_t sequence, Clock clock = 0) {
  return {.epoch = epoch, .sequence = sequence, .clock = clock, .initialised = true};
}

// A folder that is gone with the test.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "dl-start-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

TEST_CASE("the newest copy of a part wins, and a later start beats more changes", "[paramserver]") {
  const ServerOptions options{.consistency = Consistency::kAsynchronous};
  std::vector<Inventory> all(2);
  all[0] = {.own = at(1, 90), .replica = at(2, 8)};
  all[1] = {.own = at(2, 7), .replica = at(1, 80)};
  const auto plan = make_plan(all, options);
  REQUIRE(plan.has_value());
  CHECK(plan->restored);
  CHECK(plan->epoch == 3);
  CHECK(plan->parts[0].source == Source::kOwn);
  CHECK(plan->parts[1].source == Source::kReplica);
}

TEST_CASE("synchronous servers that are ahead go back one clock", "[paramserver]") {
  const ServerOptions options{.consistency = Consistency::kSynchronous};
  std::vector<Inventory> all(3);
  all[0] = {.own = at(1, 70, 7), .own_can_go_back = true};
  all[1] = {.own = at(1, 60, 6), .own_can_go_back = true};
  all[2] = {.own = at(1, 70, 7), .own_can_go_back = true};
  const auto plan = make_plan(all, options);
  REQUIRE(plan.has_value());
  CHECK(plan->parts[0].go_back);
  CHECK_FALSE(plan->parts[1].go_back);
  CHECK(plan->parts[2].go_back);

  all[2].own_can_go_back = false;
  CHECK_THAT(make_plan(all, options).error().message, Contains("different clocks"));
  for (Inventory& one : all) one.checkpoints = {3, 5};
  all[1].checkpoints = {3, 4};
  const auto older = make_plan(all, options);
  REQUIRE(older.has_value());
  CHECK(older->parts[2].source == Source::kCheckpoint);
  CHECK(older->parts[2].checkpoint == 3);
}

TEST_CASE("a part that is nowhere is an error once something had been pushed", "[paramserver]") {
  const ServerOptions options{.consistency = Consistency::kAsynchronous, .folder = "/somewhere"};
  std::vector<Inventory> all(2);
  CHECK_FALSE(make_plan(all, options)->restored);
  all[0].own = at(1, 0);  // Killed while the first values were on their way.
  CHECK_FALSE(make_plan(all, options)->restored);
  all[0].own = at(1, 5);
  CHECK(make_plan(all, options).error().code == Code::kDataLoss);
  CHECK_THAT(make_plan(all, options).error().message, Contains("the part of server 1 is nowhere"));
  all[0].replica = at(1, 4);
  CHECK(make_plan(all, options)->parts[1].source == Source::kReplica);
}

TEST_CASE("resuming from a checkpoint that not all have names the server", "[paramserver]") {
  const ServerOptions options{.folder = "/somewhere", .resume_clock = 5};
  std::vector<Inventory> all(2);
  all[0] = {.own = at(1, 90, 9), .checkpoints = {5}};
  CHECK_THAT(make_plan(all, options).error().message,
             Contains("server 1 has no checkpoint of clock 5"));
  all[1].checkpoints = {5, 6};
  CHECK(make_plan(all, options)->parts[0].source == Source::kCheckpoint);
}

TEST_CASE("a checkpoint brings back values, slots, rows and clocks", "[paramserver]") {
  const auto mode = GENERATE(Consistency::kSynchronous, Consistency::kAsynchronous);
  const Folder folder;
  testing::Job job{.workers = 1, .servers = 2};
  job.tables = {.dense = {{"model", {{"weight", 1000}}}},
                .sparse = {{.name = "words", .rows = 10, .columns = 2}}};
  job.server = {
      .consistency = mode, .update = {.momentum = 0.5f}, .folder = folder.path(), .run = "42.1"};
  const std::vector<float> ones(1000, 1);
  const std::vector<std::uint64_t> ids = {3};
  const PushOptions sgd{.learning_rate = 1};
  std::vector<float> after_two(1000), after_three(1000), values(1000), row(2);
  const auto step = [&](Client& client, std::vector<float>& into) {
    must(client.push_pull(0, ones, sgd, into));
    must(client.push_rows(1, ids, std::span(ones).first(2), kDelta));
  };
  testing::run(job, [&](Client& client, Rank) {
    expect(!client.standing().restored, "there was nothing");
    step(client, values);
    step(client, after_two);
    must(client.checkpoint(2));
    step(client, after_three);
  });
  // The run has ended, so of its state only the checkpoint is left.
  testing::run(job, [&](Client& client, Rank) {
    expect(client.standing().restored, "the checkpoint was found");
    expect(client.standing().clock == 2, "with the worker's clock");
    must(client.pull(0, values));
    expect(values == after_two, "and the values");
    must(client.pull_rows(1, ids, row));
    expect(row[1] == 2, "and the rows");
    step(client, values);
    expect(values == after_three, "and the momentum");
  });

  job.tables.dense[0].tensors[0].elements = 900;
  std::vector<float>(900).swap(values);
  CHECK_THROWS_WITH(testing::run(job, [](Client&, Rank) {}), Contains("other tables"));
  job.tables.dense[0].tensors[0].elements = 1000;
  const fs::path file = folder.path() / "server-1-of-2.clock-2.dlm";
  REQUIRE(fs::exists(file));
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(500).put('\x55');
  CHECK_THROWS_WITH(testing::run(job, [](Client&, Rank) {}), Contains("damaged"));
}

TEST_CASE("the state of another run is refused, not overwritten", "[paramserver]") {
  const Folder folder;
  const Tables tables{.dense = {{"model", {{"weight", 100}}}}};
  Identity identity{.run = "42.1", .tables = tables};
  must(Shard::create(identity, folder.path() / "server-0-of-1")).set_standpoint(at(1, 5));
  testing::Job job{.workers = 1, .servers = 1, .tables = tables};
  job.server = {.folder = folder.path(), .run = "43.1"};
  CHECK_THROWS_WITH(testing::run(job, [](Client&, Rank) {}),
                    Contains("is the state of run \"42.1\", not of \"43.1\""));
}

TEST_CASE("an undo log takes back the newest change first", "[paramserver]") {
  const Folder folder;
  std::vector<std::uint64_t> memory = {1, 2, 3};
  auto* const base = reinterpret_cast<std::byte*>(memory.data());
  {
    auto log = must(UndoLog::create(folder.path() / "undo", 16));  // So that it has to grow.
    must(log.remember(base, &memory[0], 8));
    memory[0] = 10;
    log.commit();
    must(log.remember(base, &memory[1], 16));
    memory[1] = 20;
    must(log.remember(base, &memory[1], 8));
    memory[1] = 30;
    memory[2] = 40;
  }
  // The process was killed here.
  auto log = must(UndoLog::open(folder.path() / "undo"));
  CHECK_FALSE(log.empty());
  must(log.roll_back(base, 24));
  CHECK(memory == std::vector<std::uint64_t>{10, 2, 3});
  CHECK(log.empty());
}

}  // namespace
}  // namespace dl::worker::paramserver
