// How attempts run, fail, restart and end.

#include <csignal>

#include "tests/support/coordinator_testbed.h"

namespace dl::coordinator {
namespace {

JobSpec ps_job() {
  return job_spec({role_spec(Role::kChief, 1), role_spec(Role::kWorker, 1), role_spec(Role::kPs, 1),
                   role_spec(Role::kEvaluator, 1)});
}

TEST_CASE("an attempt runs once all its tasks were seen running", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(2));
  bed.runs(worker(1, 0));
  CHECK(bed.attempt(1).state == AttemptState::kStarting);
  CHECK(bed.task(worker(1, 0)).pid == 100);
  bed.runs(worker(1, 1));
  CHECK(bed.attempt(1).state == AttemptState::kRunning);
  CHECK(bed.story(1) == std::vector<std::string>{"submitted", "placed", "running"});
}

TEST_CASE("a job succeeds when all its workers have", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(2));
  bed.all_run(1);
  bed.exits(worker(1, 0));
  CHECK(bed.is_live(1));
  CHECK(bed.stopped().empty());
  bed.exits(worker(1, 1));
  CHECK(bed.ended(1).state == JobState::kSucceeded);
  CHECK_FALSE(bed.ended(1).failure);
  CHECK(bed.story(1).back() == "ended");
  CHECK(bed.node("a").free_ports.size() + 3 == 32);  // Theirs come back with the next offer.
  CHECK(bed.state().index.use.at("a").cpus == 0);
}

TEST_CASE("parameter servers and evaluators are stopped when chief and workers are done",
          "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(ps_job());
  bed.all_run(1);
  bed.exits(task_of(Role::kChief, 1));
  CHECK(bed.stopped().empty());
  bed.exits(worker(1));
  CHECK(bed.stopped() == std::vector{task_of(Role::kPs, 1), task_of(Role::kEvaluator, 1)});
  CHECK(bed.attempt(1).stop == StopReason::kCompleted);
  bed.exits(task_of(Role::kPs, 1), exit_signal(SIGTERM));
  bed.exits(task_of(Role::kEvaluator, 1), exit_code(9));
  CHECK(bed.ended(1).state == JobState::kSucceeded);
}

TEST_CASE("a parameter server that fails before the workers are done fails the gang",
          "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(ps_job());
  bed.all_run(1);
  bed.exits(task_of(Role::kPs, 1), exit_code(3));
  CHECK(bed.stopped().size() == 3);
  CHECK(bed.attempt(1).failure->message ==
        "ps:0 of job 1 exited with status 3; see `dlctl logs 1/ps:0`");
}

TEST_CASE("a gang of parameter servers alone succeeds when they do", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(job_spec({role_spec(Role::kPs, 2)}));
  bed.exits(task_of(Role::kPs, 1, 0));
  CHECK(bed.is_live(1));
  bed.exits(task_of(Role::kPs, 1, 1));
  CHECK(bed.ended(1).state == JobState::kSucceeded);
}

TEST_CASE("a task that fails stops its gang, and the trial starts again after a back-off",
          "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  bed.connect("b");
  (void)bed.submit(workers(6));
  bed.all_run(1);
  bed.exits(worker(1, 4), exit_code(1));
  CHECK(bed.stopped().size() == 5);
  CHECK(bed.attempt(1).stop == StopReason::kFailed);
  for (const std::uint32_t i : {0, 1, 2, 3, 5}) bed.exits(worker(1, i), exit_signal(SIGTERM));
  CHECK(bed.started().empty());
  CHECK(bed.trial(1).state == TrialState::kQueued);
  CHECK(bed.job(1).state == JobState::kQueued);
  const auto eligible = bed.trial(1).eligible;
  CHECK(eligible >= bed.now + 800ms);
  CHECK(eligible <= bed.now + 1200ms);
  CHECK(bed.loop->next_deadline() == eligible);

  bed.tick(eligible - bed.now - 1us);
  CHECK(bed.started().empty());
  bed.tick(1us);
  REQUIRE(bed.started().size() == 6);
  CHECK(bed.started()[0] == worker(1, 0, 2));
  CHECK(bed.all<StartTask>()[0].context.cluster.restarts == 1);
  CHECK(bed.trial(1).failures[static_cast<int>(FailureKind::kUserCode)] == 1);
}

TEST_CASE("a trial fails when the budget of a failure's kind is used up", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  auto spec = workers(1);
  spec.restarts.budget[static_cast<int>(FailureKind::kUserCode)] = 2;
  (void)bed.submit(spec);
  for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
    bed.exits(worker(1, 0, attempt), exit_code(7));
    if (attempt < 3) bed.tick(10s);
  }
  REQUIRE_FALSE(bed.is_live(1));
  CHECK(bed.ended(1).state == JobState::kFailed);
  CHECK(bed.ended(1).failure->kind == FailureKind::kUserCode);
  CHECK(bed.ended(1).failure->task == "worker:0");
  CHECK(bed.ended(1).failure->message ==
        "worker:0 of job 1 exited with status 7; see `dlctl logs 1/worker:0` (restarted 2 times "
        "after user_code, as often as it may)");
}

TEST_CASE("every failure kind has a budget of its own", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  bed.exits(worker(1, 0, 1), exit_code(1));
  bed.tick(10s);
  bed.exits(worker(1, 0, 2), exit_kind(FailureKind::kOutOfMemory));
  bed.tick(10s);
  bed.exits(worker(1, 0, 3), exit_kind(FailureKind::kInfrastructure, "disk is full"));
  bed.tick(10s);
  CHECK(bed.trial(1).state == TrialState::kRunning);
  bed.exits(worker(1, 0, 4), exit_kind(FailureKind::kSpec, "no such file: data"));
  CHECK(bed.ended(1).state == JobState::kFailed);
  CHECK(bed.ended(1).failure->kind == FailureKind::kSpec);
  CHECK(bed.ended(1).failure->message ==
        "worker:0 of job 1 no such file: data; see `dlctl logs 1/worker:0`");
}

TEST_CASE("the back-off doubles up to its bound", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  const std::chrono::seconds expected[] = {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s};
  for (std::uint32_t i = 0; i < 8; ++i) {
    bed.exits(worker(1, 0, i + 1), exit_kind(FailureKind::kInfrastructure));
    const Duration wait = bed.trial(1).eligible - bed.now;
    CAPTURE(i);
    CHECK(wait >= Duration(expected[i]) * 8 / 10);
    CHECK(wait <= Duration(expected[i]) * 12 / 10);
    bed.tick(wait);
  }
}

TEST_CASE("back-offs of gangs that fail together are spread", "[coordinator]") {
  Testbed bed;
  bed.connect("a", 8);
  std::set<Timestamp> times;
  for (std::uint64_t job = 1; job <= 8; ++job) (void)bed.submit(workers(1));
  for (std::uint64_t job = 1; job <= 8; ++job) {
    bed.exits(worker(job), exit_code(1));
    times.insert(bed.trial(job).eligible);
  }
  CHECK(times.size() >= 6);
}

TEST_CASE("a trial in its back-off does not hold up the queue", "[coordinator]") {
  Testbed bed;
  bed.connect("a", 1);
  (void)bed.submit(workers(1));
  (void)bed.submit(workers(1));
  bed.exits(worker(1), exit_code(1));
  CHECK(bed.started() == std::vector{worker(2)});
  bed.tick(2s);
  CHECK((bed.state().blocked == TrialId{JobId{1}, 1}));
  bed.exits(worker(2));
  CHECK(bed.started() == std::vector{worker(1, 0, 2)});
}

TEST_CASE("the cause is the first failure that is not about communication", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(3));
  bed.all_run(1);
  bed.exits(worker(1, 0), exit_kind(FailureKind::kCommunication, "cannot reach worker:1"));
  CHECK(bed.attempt(1).failure->kind == FailureKind::kCommunication);
  bed.exits(worker(1, 1), exit_signal(SIGSEGV));
  CHECK(bed.attempt(1).failure->kind == FailureKind::kUserCode);
  CHECK(bed.attempt(1).failure->message ==
        "worker:1 of job 1 was killed by SIGSEGV; see `dlctl logs 1/worker:1`");
  bed.exits(worker(1, 2), exit_kind(FailureKind::kOutOfMemory));  // Later: not the cause.
  CHECK(bed.trial(1).last_failure->task == "worker:1");
  CHECK(bed.trial(1).failures[static_cast<int>(FailureKind::kCommunication)] == 0);
}

TEST_CASE("the cause that comes with the last exit is the one that counts", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(2));
  bed.all_run(1);
  bed.exits(worker(1, 0), exit_kind(FailureKind::kCommunication));
  bed.exits(worker(1, 1), exit_code(1));
  CHECK(bed.trial(1).last_failure->kind == FailureKind::kUserCode);
}

TEST_CASE("exits that come together blame the one that is not about communication",
          "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(3));
  bed.all_run(1);
  bed.heartbeat("a", {Testbed::exited(worker(1, 0), exit_kind(FailureKind::kCommunication)),
                      Testbed::exited(worker(1, 1), exit_code(1)), Testbed::running(worker(1, 2))});
  CHECK(bed.attempt(1).failure->task == "worker:1");
  CHECK(bed.stopped() == std::vector{worker(1, 2)});
}

TEST_CASE("a task that ends because it was told to is not the cause", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(4));
  bed.all_run(1);
  bed.exits(worker(1, 0), exit_kind(FailureKind::kCommunication));
  bed.now += 1s;
  bed.exits(worker(1, 1), exit_signal(SIGTERM));
  bed.exits(worker(1, 2), exit_code(143));
  bed.now += 20s;
  bed.exits(worker(1, 3), exit_signal(SIGKILL));  // The grace was over.
  CHECK(bed.trial(1).last_failure->kind == FailureKind::kCommunication);
}

TEST_CASE("a SIGKILL before the grace is over came from outside", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(2));
  bed.all_run(1);
  bed.exits(worker(1, 0), exit_kind(FailureKind::kCommunication));
  bed.exits(worker(1, 1), exit_signal(SIGKILL));
  CHECK(bed.trial(1).last_failure->kind == FailureKind::kInfrastructure);
  CHECK(bed.trial(1).last_failure->message ==
        "worker:1 of job 1 was killed by SIGKILL; see `dlctl logs 1/worker:1`");
}

TEST_CASE("an attempt that was cancelled has no failure, however its tasks end", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(2));
  bed.all_run(1);
  (void)bed.cancel(1);
  bed.exits(worker(1, 0), exit_code(1));
  bed.exits(worker(1, 1), exit_kind(FailureKind::kOutOfMemory));
  CHECK(bed.ended(1).state == JobState::kCancelled);
}

TEST_CASE("cancelling a gang that stops after a failure ends the job", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(2));
  bed.all_run(1);
  bed.exits(worker(1, 0), exit_code(1));
  (void)bed.cancel(1);
  CHECK(bed.stopped() == std::vector{worker(1, 1)});
  bed.exits(worker(1, 1), exit_signal(SIGTERM));
  CHECK(bed.ended(1).state == JobState::kCancelled);
}

TEST_CASE("a restart resumes from the newest checkpoint", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  CHECK(bed.all<StartTask>().at(0).context.resume_checkpoint.empty());
  (void)bed.step(TaskReport{.node = "a",
                            .session = bed.node("a").session,
                            .task = worker(1),
                            .number = 1,
                            .progress = {},
                            .metrics = {},
                            .checkpoint = Checkpoint{.path = "checkpoints/5", .step = 5}});
  bed.exits(worker(1), exit_code(1));
  bed.tick(2s);
  REQUIRE(bed.all<StartTask>().size() == 1);
  CHECK(bed.all<StartTask>()[0].context.resume_checkpoint == "checkpoints/5");
  CHECK(bed.story(1) == std::vector<std::string>{"submitted", "placed", "checkpoint", "exited",
                                                 "restart", "placed"});
}

TEST_CASE("messages of an older attempt change nothing", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  bed.exits(worker(1), exit_code(1));
  bed.tick(2s);
  const State before = bed.state();
  bed.exits(worker(1, 0, 1), exit_code(1));
  CHECK(bed.all<ForgetTask>().size() == 1);
  CHECK((bed.state() == before));
}

}  // namespace
}  // namespace dl::coordinator
