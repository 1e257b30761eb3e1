// Submitting, queueing and cancelling.

#include <csignal>

#include "tests/support/coordinator_testbed.h"

namespace dl::coordinator {
namespace {

TEST_CASE("a submit on an idle cluster starts its tasks with one commit", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  const int before = bed.journal.commits;
  const auto job = bed.submit(workers(2));
  REQUIRE(job.has_value());
  CHECK(job->value == 1);
  CHECK(bed.journal.commits == before + 1);
  CHECK(bed.started() == std::vector{worker(1, 0), worker(1, 1)});
  CHECK(bed.job(1).state == JobState::kRunning);
  CHECK(bed.attempt(1).state == AttemptState::kStarting);
}

TEST_CASE("a submit is answered before its tasks are ordered", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  CHECK(std::holds_alternative<Reply>(bed.effects.front()));
}

TEST_CASE("an idempotency key makes a retried submit one job", "[coordinator]") {
  Testbed bed;
  CHECK(bed.submit(workers(1), "k")->value == 1);
  const int before = bed.journal.commits;
  CHECK(bed.submit(workers(1), "k")->value == 1);
  CHECK(bed.journal.commits == before);
  CHECK(bed.submit(workers(1))->value == 2);
  CHECK(bed.submit(workers(1))->value == 3);
}

TEST_CASE("an idempotency key with another document is refused", "[coordinator]") {
  Testbed bed;
  (void)bed.submit(workers(1), "k", "name: one");
  const auto again = bed.submit(workers(1), "k", "name: two");
  REQUIRE(again.has_error());
  CHECK(again.error().code == Code::kAlreadyExists);
  CHECK(again.error().message ==
        "idempotency key \"k\" belongs to job 1, which was another document; take a new key");
}

TEST_CASE("overrides are part of what an idempotency key stands for", "[coordinator]") {
  Testbed bed;
  SubmitJob submit{
      .request = 1, .document = document(workers(1)), .idempotency_key = "k", .user = {}};
  (void)bed.step(submit);
  submit.document.overrides = {"train.epochs=3"};
  (void)bed.step(submit);
  CHECK(bed.all<Reply>().at(0).result.error().code == Code::kAlreadyExists);
}

TEST_CASE("an idempotency key answers for a job that has ended, for 24 hours", "[coordinator]") {
  Testbed bed;
  (void)bed.submit(workers(1), "k");
  (void)bed.cancel(1);
  CHECK_FALSE(bed.is_live(1));
  bed.tick(23h);
  CHECK(bed.submit(workers(1), "k")->value == 1);
  bed.now += 2h;
  CHECK(bed.submit(workers(1), "k")->value == 2);
  CHECK(bed.state().submissions.at("k").job == JobId{2});
}

TEST_CASE("old idempotency keys are swept out", "[coordinator]") {
  Testbed bed;
  (void)bed.submit(workers(1), "old");
  bed.now += 2h;
  (void)bed.submit(workers(1), "new");
  CHECK(bed.loop->next_deadline() == bed.now - 2h + 25h);
  bed.tick(23h);
  CHECK(bed.state().submissions.size() == 1);
  CHECK(bed.state().submissions.contains("new"));
}

TEST_CASE("an idempotency key has a bound", "[coordinator]") {
  Testbed bed;
  CHECK(bed.submit(workers(1), std::string(256, 'k')).has_value());
  CHECK(bed.submit(workers(1), std::string(257, 'k')).error().code == Code::kInvalidArgument);
}

TEST_CASE("a job too many is refused for now", "[coordinator]") {
  Testbed bed(Settings{.jobs_max = 2, .artifact_root = "/a", .seed = 1});
  (void)bed.submit(workers(1));
  (void)bed.submit(workers(1));
  const auto third = bed.submit(workers(1));
  REQUIRE(third.has_error());
  CHECK(third.error().code == Code::kResourceExhausted);
  (void)bed.cancel(1);
  CHECK(bed.submit(workers(1)).has_value());
}

TEST_CASE("a gang larger than the cluster is refused with what there is", "[coordinator]") {
  Testbed bed;
  bed.connect("a", 4, 2);
  const auto job = bed.submit(job_spec({role_spec(Role::kWorker, 1, 0, 6)}));
  REQUIRE(job.has_error());
  CHECK(job.error().code == Code::kInvalidArgument);
  CHECK(job.error().message ==
        "job test does not fit the cluster: needs 6 GPUs on one node; the largest node has 2; ask "
        "for less or add nodes");
  CHECK(bed.state().jobs.empty());
  CHECK(bed.submit(workers(4)).has_value());
}

TEST_CASE("a cluster without nodes queues any job until agents come", "[coordinator]") {
  Testbed bed;
  REQUIRE(bed.submit(workers(3)).has_value());
  CHECK(bed.job(1).state == JobState::kQueued);
  CHECK(bed.started().empty());
  bed.connect("a", 4);
  CHECK(bed.started().size() == 3);
}

TEST_CASE("a gang that the nodes could hold when empty is queued, also on a node that is away",
          "[coordinator]") {
  Testbed bed;
  bed.connect("a", 4);
  bed.disconnect("a");
  CHECK(bed.submit(workers(4)).has_value());
  CHECK(bed.submit(workers(5)).has_error());
  CHECK(bed.job(1).state == JobState::kQueued);
  bed.connect("a", 4);
  CHECK(bed.job(1).state == JobState::kRunning);
}

TEST_CASE("jobs start in the order in which they came", "[coordinator]") {
  Testbed bed;
  bed.connect("a", 4);
  (void)bed.submit(workers(4));
  (void)bed.submit(workers(3));
  (void)bed.submit(workers(1));
  bed.exits(worker(1, 0));
  bed.exits(worker(1, 1));
  CHECK(bed.job(2).state == JobState::kQueued);
  CHECK(bed.job(3).state == JobState::kQueued);  // It would fit, but it is not its turn.
  bed.exits(worker(1, 2));
  CHECK(bed.started() == std::vector{worker(2, 0), worker(2, 1), worker(2, 2)});
  CHECK((bed.state().blocked == TrialId{JobId{3}, 1}));
  bed.exits(worker(1, 3));
  CHECK(bed.started() == std::vector{worker(3)});
  CHECK_FALSE(bed.state().blocked);
}

TEST_CASE("a gang larger than the cluster does not hold up the queue", "[coordinator]") {
  Testbed bed;
  (void)bed.submit(workers(9));  // Nothing was known then.
  bed.connect("a", 4);
  CHECK(bed.job(1).state == JobState::kQueued);
  (void)bed.submit(workers(2));
  CHECK(bed.job(2).state == JobState::kRunning);
  bed.connect("b", 8);
  CHECK(bed.job(1).state == JobState::kRunning);
}

TEST_CASE("cancelling the head of the queue lets the next one go", "[coordinator]") {
  Testbed bed;
  bed.connect("a", 4);
  (void)bed.submit(workers(2));
  (void)bed.submit(workers(4));
  (void)bed.submit(workers(1));
  CHECK((bed.state().blocked == TrialId{JobId{2}, 1}));
  (void)bed.cancel(2);
  CHECK(bed.started() == std::vector{worker(3)});
  CHECK(bed.ended(2).state == JobState::kCancelled);
  CHECK(bed.ended(2).trials.at(1).state == TrialState::kCancelled);
}

TEST_CASE("cancelling a queued job ends it at once", "[coordinator]") {
  Testbed bed;
  (void)bed.submit(workers(1));
  CHECK(bed.cancel(1).has_value());
  CHECK_FALSE(bed.is_live(1));
  CHECK(bed.ended(1).state == JobState::kCancelled);
  CHECK(bed.story(1) == std::vector<std::string>{"submitted", "stopping", "ended"});
}

TEST_CASE("cancelling a running job stops its tasks and ends it when they are gone",
          "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  auto spec = workers(2);
  spec.grace = 3s;
  (void)bed.submit(spec);
  bed.all_run(1);
  (void)bed.cancel(1);
  REQUIRE(bed.all<StopTask>().size() == 2);
  CHECK(bed.all<StopTask>()[0].grace == 3s);
  CHECK(bed.job(1).state == JobState::kStopping);
  bed.exits(worker(1, 0), exit_signal(SIGTERM));
  CHECK(bed.is_live(1));
  bed.exits(worker(1, 1), exit_code(0));
  CHECK_FALSE(bed.is_live(1));
  CHECK(bed.ended(1).state == JobState::kCancelled);
  CHECK_FALSE(bed.ended(1).failure);
}

TEST_CASE("cancelling is idempotent, and killing is more severe", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  bed.all_run(1);
  (void)bed.cancel(1);
  const int before = bed.journal.commits;
  CHECK(bed.cancel(1).has_value());
  CHECK(bed.stopped().empty());
  CHECK(bed.journal.commits == before);
  CHECK(bed.cancel(1, true).has_value());
  REQUIRE(bed.all<StopTask>().size() == 1);
  CHECK(bed.all<StopTask>()[0].grace == 0ms);
  CHECK(bed.cancel(1).has_value());  // No way back.
  CHECK(bed.attempt(1).stop == StopReason::kKilled);
}

TEST_CASE("cancelling a job that has ended succeeds, one that never was does not",
          "[coordinator]") {
  Testbed bed;
  (void)bed.submit(workers(1));
  (void)bed.cancel(1);
  CHECK(bed.cancel(1).has_value());
  const auto never = bed.cancel(2);
  REQUIRE(never.has_error());
  CHECK(never.error() == not_found("there is no job 2; see `dlctl jobs`"));
  CHECK(bed.cancel(0).has_error());
}

TEST_CASE("a job in its back-off can be cancelled", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  bed.exits(worker(1), exit_code(1));
  CHECK(bed.trial(1).state == TrialState::kQueued);
  CHECK(bed.trial(1).eligible > bed.now);
  (void)bed.cancel(1);
  CHECK(bed.ended(1).state == JobState::kCancelled);
  CHECK(bed.state().index.back_off.empty());
}

TEST_CASE("a stop that comes while tasks start is obeyed", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  (void)bed.cancel(1);
  CHECK(bed.stopped() == std::vector{worker(1)});
  bed.exits(worker(1), exit_signal(SIGKILL));  // Refused: it never ran.
  CHECK(bed.ended(1).state == JobState::kCancelled);
}

TEST_CASE("what a job leaves behind has no secret", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  CHECK(bed.attempt(1).secret.size() == 32);
  bed.exits(worker(1));
  CHECK(bed.ended(1).trials.at(1).attempt->secret.empty());
  CHECK(bed.ended(1).trials.at(1).attempt->tasks.size() == 1);
  CHECK(bed.ended(1).ended == bed.now);
}

TEST_CASE("every attempt has a secret of its own", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  (void)bed.submit(workers(1));
  CHECK(bed.attempt(1).secret != bed.attempt(2).secret);
  Testbed other(Settings{.artifact_root = "/a", .seed = 8});
  other.connect("a");
  (void)other.submit(workers(1));
  CHECK(other.attempt(1).secret != bed.attempt(1).secret);
}

}  // namespace
}  // namespace dl::coordinator
