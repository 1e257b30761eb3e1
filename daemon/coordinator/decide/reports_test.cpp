// What tasks report of themselves.

#include "tests/support/coordinator_testbed.h"

namespace dl::coordinator {
namespace {

struct Reports : Testbed {
  Reports() {
    connect("a");
    connect("b");
    (void)submit(workers(2, 4));
    all_run(1);
  }

  std::uint64_t acknowledged(const NodeId& from, const TaskId& task, std::uint64_t number,
                             std::optional<Checkpoint> checkpoint = {}) {
    (void)step(TaskReport{.node = from,
                          .session = node(from).session,
                          .task = task,
                          .number = number,
                          .progress = Progress{.epoch = 1, .step = 10 * number},
                          .metrics = {{.name = "train.loss", .step = number, .value = 0.5}},
                          .checkpoint = std::move(checkpoint)});
    const auto acks = all<AcknowledgeReports>();
    if (acks.empty()) return 0;
    CHECK(acks[0].node == from);
    CHECK(acks[0].task == task);
    return acks[0].number;
  }
};

TEST_CASE("a report is put on record and acknowledged", "[coordinator]") {
  Reports bed;
  CHECK(bed.acknowledged("a", worker(1), 1, Checkpoint{.path = "c1", .step = 10}) == 1);
  CHECK(bed.trial(1).progress.step == 10);
  CHECK(bed.trial(1).metrics.at("train.loss") == 0.5);
  CHECK(bed.trial(1).checkpoint->path == "c1");
  REQUIRE(bed.journal.records.metrics.size() == 1);
  CHECK(bed.journal.records.metrics[0].point.time == bed.now);
  CHECK(bed.journal.records.metrics[0].trial == TrialId{JobId{1}, 1});
}

TEST_CASE("a report that comes twice is on record once and acknowledged twice", "[coordinator]") {
  Reports bed;
  CHECK(bed.acknowledged("a", worker(1), 1) == 1);
  CHECK(bed.acknowledged("a", worker(1), 2) == 2);
  CHECK(bed.acknowledged("a", worker(1), 1) == 2);
  CHECK(bed.journal.records.metrics.size() == 2);
}

TEST_CASE("a report after a gap is ignored until the gap is filled", "[coordinator]") {
  Reports bed;
  CHECK(bed.acknowledged("a", worker(1), 2) == 0);
  CHECK(bed.journal.records.metrics.empty());
  CHECK(bed.acknowledged("a", worker(1), 1) == 1);
  CHECK(bed.acknowledged("a", worker(1), 2) == 2);
}

TEST_CASE("every task numbers its own reports", "[coordinator]") {
  Reports bed;
  CHECK(bed.acknowledged("a", worker(1, 0), 1) == 1);
  CHECK(bed.acknowledged("b", worker(1, 1), 1) == 1);
  CHECK(bed.acknowledged("b", worker(1, 1), 2) == 2);
}

TEST_CASE("reports of an attempt that is over are acknowledged and not recorded", "[coordinator]") {
  Reports bed;
  CHECK(bed.acknowledged("a", worker(1, 0, 9), 5) == 5);
  CHECK(bed.acknowledged("a", worker(8), 3) == 3);
  CHECK(bed.acknowledged("b", worker(1, 0), 1) == 1);  // Not that node's task.
  CHECK(bed.journal.records.metrics.empty());
}

TEST_CASE("a report of an older session is ignored", "[coordinator]") {
  Reports bed;
  const auto old = bed.node("a").session;
  bed.disconnect("a");
  bed.connect("a", 4, 0, {Testbed::running(worker(1))});
  (void)bed.step(TaskReport{.node = "a", .session = old, .task = worker(1), .number = 1});
  CHECK(bed.effects.empty());
}

TEST_CASE("a task that is stopping may still report its last checkpoint", "[coordinator]") {
  Reports bed;
  (void)bed.cancel(1);
  CHECK(bed.acknowledged("a", worker(1), 1, Checkpoint{.path = "last", .step = 3}) == 1);
  CHECK(bed.trial(1).checkpoint->path == "last");
}

TEST_CASE("a new attempt numbers its reports from one again", "[coordinator]") {
  Reports bed;
  CHECK(bed.acknowledged("a", worker(1), 1) == 1);
  bed.exits(worker(1, 0), exit_code(1));
  bed.exits(worker(1, 1), exit_signal(15));
  bed.tick(2s);
  REQUIRE(bed.trial(1).attempts == 2);
  CHECK(bed.acknowledged("a", worker(1, 0, 2), 1) == 1);
  CHECK(bed.journal.records.metrics.back().attempt == 2);
}

}  // namespace
}  // namespace dl::coordinator
