// The loop around the core: one commit a step, effects after it, and what a failed commit leaves.

#include "tests/support/coordinator_testbed.h"

namespace dl::coordinator {
namespace {

Event submit_event(RequestId request) {
  return SubmitJob{
      .request = request, .document = document(workers(1)), .idempotency_key = {}, .user = {}};
}

TEST_CASE("events that come together share one commit", "[loop]") {
  Testbed bed;
  const int before = bed.journal.commits;
  CHECK(bed.step({submit_event(1), submit_event(2), submit_event(3)}).has_value());
  CHECK(bed.journal.commits == before + 1);
  CHECK(bed.all<Reply>().size() == 3);
}

TEST_CASE("a later event of a step sees what an earlier one did", "[loop]") {
  Testbed bed;
  CHECK(bed.step({submit_event(1), CancelJob{.request = 2, .job = JobId{1}, .kill = false}})
            .has_value());
  CHECK(bed.all<Reply>().at(1).result.has_value());
  CHECK(bed.ended(1).state == JobState::kCancelled);
}

TEST_CASE("effects run after the commit", "[loop]") {
  testing::MemoryJournal journal;
  std::vector<int> commits_seen;
  Loop loop(Settings{}, State{}, journal,
            [&](const Effect&) { commits_seen.push_back(journal.commits); });
  const Event event = submit_event(1);
  CHECK(loop.step(std::span(&event, 1), Timestamp{1s}).has_value());
  CHECK(commits_seen == std::vector{1});
}

TEST_CASE("the first step draws the seed, the next ones keep it", "[loop]") {
  Testbed bed;
  CHECK(bed.state().seed == 7);
  bed.settings.seed = 99;
  bed.restart();
  CHECK(bed.state().seed == 7);
}

TEST_CASE("a loop that has not started yet is due at once", "[loop]") {
  testing::MemoryJournal journal;
  Loop loop(Settings{}, State{}, journal, [](const Effect&) {});
  CHECK(loop.next_deadline() <= Timestamp{1s});
  CHECK(loop.step({}, Timestamp{1s}).has_value());
  CHECK_FALSE(loop.next_deadline());
}

TEST_CASE("a failed commit leaves the state as it was and answers with the error", "[loop]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  const State before = bed.state();
  bed.journal.failing = true;
  const auto result = bed.step(submit_event(77));
  REQUIRE(result.has_error());
  CHECK(result.error().message == "cannot write the journal: disk is full");
  CHECK((bed.state() == before));
  REQUIRE(bed.all<Reply>().size() == 1);
  CHECK(bed.all<Reply>()[0].request == 77);
  CHECK(bed.all<Reply>()[0].result.has_error());
  CHECK(bed.started().empty());
  REQUIRE(bed.all<DropAgent>().size() == 1);
  CHECK(bed.all<DropAgent>()[0].node == "a");
  CHECK(bed.all<DropAgent>()[0].session == 0);
  CHECK(bed.loop->failure());
}

TEST_CASE("an agent whose connection could not be put on record is dropped", "[loop]") {
  Testbed bed;
  bed.journal.failing = true;
  bed.connect("new");
  CHECK(bed.all<WelcomeAgent>().empty());
  CHECK(bed.all<DropAgent>().at(0).node == "new");
}

TEST_CASE("after a failed commit the journal is left alone for a second", "[loop]") {
  Testbed bed;
  bed.connect("a");
  bed.journal.failing = true;
  (void)bed.step(submit_event(1));
  bed.journal.failing = false;
  const int before = bed.journal.commits;
  CHECK(bed.loop->next_deadline() == bed.now + Loop::kRetryAfter);
  bed.now += 999ms;
  CHECK(bed.step(submit_event(2)).has_error());
  CHECK(bed.journal.commits == before);
  CHECK(bed.all<Reply>().at(0).result.error().message == "cannot write the journal: disk is full");

  bed.now += 1ms;
  CHECK(bed.step(submit_event(3)).has_value());
  CHECK(bed.all<Reply>().at(0).result->value == 1);
  CHECK_FALSE(bed.loop->failure());
  CHECK(bed.node("a").state == NodeState::kDisconnected);  // It was dropped.
  bed.connect("a");
  CHECK(bed.started() == std::vector{worker(1)});
}

TEST_CASE("a journal that cannot be read either is read again later", "[loop]") {
  Testbed bed;
  (void)bed.submit(workers(1));
  const State before = bed.state();
  bed.journal.failing = true;
  bed.journal.unreadable = true;
  (void)bed.step(submit_event(1));
  bed.journal.failing = false;
  bed.tick(1s);
  CHECK(bed.loop->failure()->message == "cannot read the journal");
  bed.journal.unreadable = false;
  bed.tick(1s);
  CHECK_FALSE(bed.loop->failure());
  CHECK((bed.state() == before));
}

TEST_CASE("what is on record is the state", "[loop]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(2));
  bed.all_run(1);
  bed.exits(worker(1, 0), exit_code(1));
  const auto recovered = bed.journal.recover();
  REQUIRE(recovered.has_value());
  CHECK((*recovered == bed.state()));
}

}  // namespace
}  // namespace dl::coordinator
