// How a search runs: its trials, what they report, how it judges them, and how it ends.

#include <cmath>
#include <limits>

#include "daemon/coordinator/derived.h"
#include "daemon/coordinator/explain.h"
#include "tests/support/search_testbed.h"

namespace dl::coordinator {
namespace {

using Numbers = std::vector<std::uint32_t>;

constexpr const char* kRandom = "  algorithm: random\n  max_trials: 4\n  max_parallel: 2\n";

TEST_CASE("a search has as many trials as it may at once, and then the next", "[search]") {
  SearchBed bed(search_text(kRandom));
  REQUIRE(bed.submitted.has_value());
  CHECK(bed.in(TrialState::kRunning) == Numbers{1, 2});
  bed.succeed(2, 0.5);
  CHECK(bed.in(TrialState::kRunning) == Numbers{1, 3});
  CHECK(bed.trial(2).state == TrialState::kSucceeded);
  CHECK(bed.trial(1).assignment != bed.trial(2).assignment);
  bed.succeed(1, 0.4);
  bed.succeed(3, 0.3);
  CHECK(bed.in(TrialState::kRunning) == Numbers{4});
  CHECK(bed.is_live(1));
  bed.succeed(4, 0.6);
  REQUIRE_FALSE(bed.is_live(1));
  CHECK(bed.ended(1).state == JobState::kSucceeded);
  CHECK(bed.ended(1).trials.size() == 4);
  CHECK(bed.ended(1).search->over == "4 trials have been tried");
  CHECK(searcher_of(bed.ended(1)).best() == Numbers{3});
}

TEST_CASE("a trial runs the command with its own values", "[search]") {
  SearchBed bed(search_text(kRandom));
  const auto order = bed.all<StartTask>();
  REQUIRE(order.size() == 2);
  const std::string lr = dl::to_string(bed.trial(2).assignment.at("lr"));
  CHECK(order[1].command == "train --lr=" + lr);
  CHECK(order[1].context.artifact_dir == "/artifacts/1/2");
  CHECK(order[1].env.at("DL_TRIAL") == "2");
}

TEST_CASE("trials wait for slots without running ahead of max_parallel", "[search]") {
  SearchBed bed(search_text("  algorithm: random\n  max_trials: 10\n  max_parallel: 4\n"), 1);
  CHECK(bed.in(TrialState::kRunning) == Numbers{1});
  CHECK(bed.in(TrialState::kQueued) == Numbers{2, 3, 4});
  bed.succeed(1, 1);
  CHECK(bed.in(TrialState::kRunning) == Numbers{2});
  CHECK(bed.in(TrialState::kQueued) == Numbers{3, 4, 5});
}

TEST_CASE("many answers at once are given in several steps", "[search]") {
  SearchBed bed(search_text("  algorithm: random\n  max_trials: 40\n  max_parallel: 40\n"), 64);
  CHECK(bed.job(1).trials.size() == Loop::kAnswersMax);
  REQUIRE(bed.loop->next_deadline());
  CHECK(*bed.loop->next_deadline() <= bed.now);
  bed.tick(0s);
  bed.tick(0s);
  CHECK(bed.job(1).trials.size() == 40);
  CHECK_FALSE(bed.loop->next_deadline());
}

TEST_CASE("a crash between any two steps changes no suggestion", "[search]") {
  for (const char* algorithm : {"random", "sobol", "tpe", "gp", "cmaes"}) {
    const std::string text = search_text("  algorithm: " + std::string(algorithm) +
                                         "\n  max_trials: 24\n  max_parallel: 3\n"
                                         "  tpe: {startup_trials: 5}\n  gp: {startup_trials: 5}\n");
    CAPTURE(algorithm);
    SearchBed calm(text);
    SearchBed shaken(text);
    for (int i = 0; i < 24; ++i) {
      for (SearchBed* bed : {&calm, &shaken}) {
        const auto number = bed->in(TrialState::kRunning).front();
        const double lr = *as_number(bed->trial(number).assignment.at("lr"));
        bed->loss(number, std::abs(std::log10(lr) + 2));
        if (bed == &shaken) bed->restart();
        bed->connect("a", 8, 0, [&] {
          std::vector<TaskStatus> tasks;
          for (const auto n : bed->in(TrialState::kRunning))
            tasks.push_back(Testbed::running(bed->task(n)));
          return tasks;
        }());
        bed->end(number);
      }
    }
    REQUIRE_FALSE(calm.is_live(1));
    REQUIRE_FALSE(shaken.is_live(1));
    for (const auto& [number, trial] : calm.ended(1).trials) {
      CHECK(shaken.ended(1).trials.at(number).assignment == trial.assignment);
    }
  }
}

TEST_CASE("a failed trial is restarted as its job says, then replaced", "[search]") {
  SearchBed bed(search_text(kRandom) + "restarts: {user_code: 1}\n");
  bed.end(1, exit_code(1));
  CHECK(bed.trial(1).state == TrialState::kQueued);
  CHECK(bed.in(TrialState::kRunning) == Numbers{2});  // Its place is kept.
  bed.tick(3s);
  bed.end(1, exit_code(1));
  CHECK(bed.trial(1).state == TrialState::kFailed);
  CHECK(bed.in(TrialState::kRunning) == Numbers{2, 3});
  for (const std::uint32_t number : {2u, 3u, 4u, 5u}) bed.succeed(number, number);
  CHECK(bed.ended(1).state == JobState::kSucceeded);
  CHECK(bed.ended(1).trials.size() == 5);
}

TEST_CASE("too many failed trials fail the search, with the last one's cause", "[search]") {
  SearchBed bed(search_text("  algorithm: random\n  max_trials: 9\n  max_parallel: 3\n"
                            "  max_failed_trials: 1\n") +
                "restarts: {user_code: 0}\n");
  bed.end(1, exit_code(3));
  CHECK(bed.is_live(1));
  bed.end(2, exit_code(4));
  // The others are stopped, and the job ends with them.
  CHECK(bed.stopped() == std::vector{bed.task(3), bed.task(4)});
  bed.end(3, exit_signal(SIGTERM));
  CHECK(bed.is_live(1));
  bed.end(4, exit_signal(SIGTERM));
  const Job& job = bed.ended(1);
  CHECK(job.state == JobState::kFailed);
  REQUIRE(job.failure);
  CHECK(job.failure->kind == FailureKind::kUserCode);
  CHECK_THAT(job.failure->message,
             Catch::Contains("2 trials failed, more than max_failed_trials allows") &&
                 Catch::Contains("trial 1.2") && Catch::Contains("exited with status 4") &&
                 Catch::Contains("raise search.max_failed_trials"));
  CHECK(job.trials.at(3).state == TrialState::kCancelled);
}

TEST_CASE("an assignment that makes no job is a failed trial with the reason", "[search]") {
  // Each value is one that the job can have, but not all of them beside each other.
  SearchBed bed(
      "name: test\nmodel: {name: mlp, classes: 10, hidden: [8]}\n"
      "data: {format: synthetic, shape: [1, 8, 8], samples: 64}\n"
      "train: {epochs: 1, batch_size: 4}\nstrategy: {name: ring, workers: 1}\n"
      "search:\n  metric: validation.loss\n  goal: minimize\n  algorithm: grid\n  max_parallel: 4\n"
      "  parameters: {train.batch_size: {values: [4, 6]}, strategy.workers: {values: [1, 4]}}\n");
  REQUIRE(bed.in(TrialState::kFailed).size() == 1);
  CHECK(bed.in(TrialState::kRunning).size() == 3);
  const Trial& unfit = bed.trial(bed.in(TrialState::kFailed).front());
  CHECK(unfit.assignment ==
        Assignment{{"train.batch_size", std::int64_t{6}}, {"strategy.workers", std::int64_t{4}}});
  CHECK(unfit.last_failure->kind == FailureKind::kSpec);
  CHECK_THAT(unfit.last_failure->message,
             Catch::Contains("makes no job that can run") && Catch::Contains("train.batch_size"));
}

TEST_CASE("a trial larger than the cluster fails, unless the job itself is", "[search]") {
  const auto text = [](const std::string& parallel) {
    return "name: test\nmodel: {name: mlp, classes: 10, hidden: [8]}\n"
           "data: {format: synthetic, shape: [1, 8, 8], samples: 64}\n"
           "train: {epochs: 1, batch_size: 16}\nstrategy: {name: ring, workers: 2}\n"
           "search:\n  metric: validation.loss\n  goal: minimize\n  algorithm: grid\n"
           "  parameters: {strategy.workers: {values: [1, 2, 16]}}\n"
           "  max_parallel: " +
           parallel + "\n";
  };
  SearchBed whole(text("3"));
  CHECK(whole.in(TrialState::kRunning) == Numbers{1, 2});
  CHECK(whole.in(TrialState::kFailed) == Numbers{3});
  SearchBed broken(text("1"));
  broken.connect("b", 1);
  broken.disconnect("a");
  broken.tick(31s);  // Node a is lost, and one slot is left.
  REQUIRE(broken.extend(0, 3).has_value());
  CHECK(broken.job(1).trials.size() == 3);
  CHECK(broken.in(TrialState::kFailed).empty());
}

TEST_CASE("ASHA stops trials, which are neither failed nor cancelled", "[search]") {
  SearchBed bed(
      search_text("  algorithm: asha\n  max_trials: 6\n  max_parallel: 3\n"
                  "  halving: {max_resource: 9, reduction: 3}\n"));
  bed.loss(1, 0.1);
  bed.loss(2, 0.5);
  CHECK(bed.stopped() == std::vector{bed.task(2)});
  CHECK(bed.job(1).trials.at(2).attempt->stop == StopReason::kPruned);
  CHECK(bed.in(TrialState::kRunning) == Numbers{1, 2, 3});  // Its place is free when it is gone.
  bed.loss(2, 0.0, 2);
  bed.end(2, exit_signal(SIGTERM));
  CHECK(bed.trial(2).state == TrialState::kStopped);
  CHECK(bed.trial(2).measured->values == std::vector{0.5});
  CHECK_THAT(bed.trial(2).why, Catch::Contains("number 2 of 2"));
  CHECK_FALSE(bed.trial(2).last_failure);
  CHECK(bed.in(TrialState::kRunning) == Numbers{1, 3, 4});
}

TEST_CASE("a promoted trial goes on from its checkpoint in a new attempt", "[search]") {
  SearchBed bed(
      search_text("  algorithm: asha\n  max_trials: 3\n  max_parallel: 1\n"
                  "  halving: {max_resource: 9, reduction: 3, variant: promotion}\n"));
  for (const std::uint32_t number : {1u, 2u, 3u}) {
    REQUIRE(bed.in(TrialState::kRunning) == Numbers{number});
    bed.loss(number, number);
    CHECK(bed.job(1).trials.at(number).attempt->stop == StopReason::kPaused);
    bed.checkpoint(number, 1);
    bed.end(number, exit_code(143));
  }
  CHECK(bed.in(TrialState::kPaused) == Numbers{2, 3});
  CHECK(bed.in(TrialState::kRunning) == Numbers{1});
  REQUIRE(bed.started() == std::vector{bed.task(1)});
  CHECK(bed.trial(1).attempts == 2);
  CHECK(bed.all<StartTask>()[0].context.resume_checkpoint == "epoch-1");
  CHECK(bed.trial(1).failures[static_cast<std::size_t>(FailureKind::kUserCode)] == 0);
  bed.restart();
  bed.connect("a", 8, 0, {Testbed::running(bed.task(1))});
  bed.loss(1, 0.9, 3);
  bed.end(1, exit_code(143));
  // Nobody else is there to be promoted over.
  REQUIRE_FALSE(bed.is_live(1));
  CHECK(bed.ended(1).state == JobState::kSucceeded);
  CHECK(bed.ended(1).trials.at(2).state == TrialState::kStopped);
}

TEST_CASE("population-based training starts trials with the checkpoints of others", "[search]") {
  SearchBed bed(
      search_text("  algorithm: pbt\n  max_trials: 8\n  max_parallel: 4\n"
                  "  halving: {max_resource: 10}\n"
                  "  pbt: {population: 4, interval: 2, quantile: 0.25}\n"));
  for (const std::uint32_t number : {1u, 2u, 3u, 4u}) bed.checkpoint(number, 2);
  for (const std::uint32_t number : {1u, 2u, 3u}) bed.loss(number, number, 2);
  bed.loss(4, 9, 2);
  bed.end(4, exit_signal(SIGTERM));
  CHECK(bed.trial(4).state == TrialState::kStopped);
  REQUIRE(bed.in(TrialState::kRunning) == Numbers{1, 2, 3, 5});
  CHECK(bed.trial(5).from == 1);
  const TaskContext context = bed.all<StartTask>().at(0).context;
  // A command names its checkpoints below its own artifacts.
  CHECK(context.inherited_checkpoint == "/artifacts/1/1/epoch-2");
  CHECK(context.resume_checkpoint.empty());
  CHECK(bed.all<StartTask>().at(0).env.at("DL_RESUME_CHECKPOINT") == "/artifacts/1/1/epoch-2");
}

TEST_CASE("an objective that never arrives fails the trial and says what did", "[search]") {
  SECTION("of a command, when it goes on after an epoch") {
    SearchBed bed(search_text(kRandom));
    bed.report(1, {{"acc", 1, 0.5, {}}, {"lossy", 1, 1, {}}}, Progress{.epoch = 1, .epochs = 3});
    CHECK(bed.stopped().empty());
    bed.report(1, {{"acc", 2, 0.5, {}}}, Progress{.epoch = 2, .epochs = 3});
    CHECK(bed.stopped() == std::vector{bed.task(1)});
    bed.end(1, exit_signal(SIGTERM));
    CHECK(bed.trial(1).state == TrialState::kFailed);
    CHECK_THAT(bed.trial(1).last_failure->message, Catch::Contains("without the objective loss") &&
                                                       Catch::Contains("it reported acc, lossy"));
    CHECK(bed.trial(3).state == TrialState::kRunning);
  }
  SECTION("of a command, when it ends") {
    SearchBed bed(search_text(kRandom));
    bed.end(1);
    CHECK(bed.trial(1).state == TrialState::kFailed);
    CHECK_THAT(bed.trial(1).last_failure->message, Catch::Contains("reported no metric at all"));
  }
  SECTION("of a model, with the first evaluation") {
    SearchBed bed(
        "name: test\nmodel: {name: mlp, classes: 10, hidden: [8]}\n"
        "data: {format: synthetic, shape: [1, 8, 8], samples: 64}\n"
        "train: {epochs: 2, batch_size: 8}\n"
        "search:\n  metric: validation.acc\n  goal: maximize\n  algorithm: random\n"
        "  parameters: {train.learning_rate: {log: [1e-3, 1e-1]}}\n");
    bed.report(1, {{"train.loss", 100, 0.5, {}}}, Progress{.epoch = 1, .epochs = 2, .step = 100});
    CHECK(bed.stopped().empty());
    bed.report(1, {{"validation.accuracy", 100, 0.5, {}}},
               Progress{.epoch = 1, .epochs = 2, .step = 100});
    CHECK(bed.stopped() == std::vector{bed.task(1)});
    bed.end(1, exit_code(143));
    CHECK_THAT(bed.trial(1).last_failure->message,
               Catch::Contains("it reported train.loss, validation.accuracy"));
  }
}

TEST_CASE("a trial that ends with a number that is none has failed", "[search]") {
  SearchBed bed(search_text(kRandom));
  bed.succeed(1, std::numeric_limits<double>::quiet_NaN());
  CHECK(bed.trial(1).state == TrialState::kFailed);
  CHECK_THAT(bed.trial(1).last_failure->message, Catch::Contains("ended with loss nan"));
  CHECK(bed.trial(3).state == TrialState::kRunning);
}

TEST_CASE("objectives that come in apart are one measurement", "[search]") {
  SearchBed bed(
      "name: test\ncommand: train --lr=${lr}\nsearch:\n"
      "  objectives: [{metric: loss, goal: minimize}, {metric: speed, goal: maximize}]\n"
      "  algorithm: random\n  max_trials: 2\n  parameters: {lr: {log: [1e-4, 1e-1]}}\n");
  bed.report(1, {{"speed", 1, 7, {}}}, Progress{.epoch = 1, .epochs = 2});
  CHECK_FALSE(bed.trial(1).measured);
  bed.report(1, {{"loss", 1, 0.5, {}}}, Progress{.epoch = 1, .epochs = 2});
  REQUIRE(bed.trial(1).measured);
  CHECK(bed.trial(1).measured->values == std::vector{0.5, 7.0});
  CHECK_FALSE(bed.trial(1).incomplete);
  // The next epoch has only one of them yet.
  bed.report(1, {{"loss", 2, 0.4, {}}}, Progress{.epoch = 2, .epochs = 2});
  CHECK(bed.trial(1).measured->resource == 1);
  CHECK(bed.trial(1).incomplete->values == std::map<std::string, double>{{"loss", 0.4}});
}

TEST_CASE("what a trial says again after a restart is not measured again", "[search]") {
  SearchBed bed(search_text(kRandom));
  bed.loss(1, 0.5, 1);
  bed.loss(1, 0.4, 2);
  bed.end(1, exit_code(1));
  bed.tick(3s);
  REQUIRE(bed.trial(1).attempts == 2);
  bed.loss(1, 0.45, 2);
  CHECK(bed.trial(1).measured->values == std::vector{0.4});
  bed.loss(1, 0.3, 3);
  CHECK(bed.trial(1).measured->resource == 3);
}

TEST_CASE("a run that ends within an epoch is measured there", "[search]") {
  SearchBed bed(search_text(kRandom));
  bed.report(1, {{"loss", 50, 0.5, {}}}, Progress{.epochs = 1, .step = 50, .steps = 100});
  CHECK_FALSE(bed.trial(1).measured);
  bed.report(1, {{"loss", 100, 0.4, {}}}, Progress{.epochs = 1, .step = 100, .steps = 100});
  CHECK(bed.trial(1).measured->values == std::vector{0.4});
}

TEST_CASE("a search ends at its target, and lets what runs go on", "[search]") {
  SearchBed bed(search_text(std::string(kRandom) + "  stop: {target: 0.2}\n"));
  bed.succeed(1, 0.1);
  CHECK(bed.search().over == "a trial reached the target");
  CHECK(bed.in(TrialState::kRunning) == Numbers{2});
  CHECK(bed.stopped().empty());
  bed.succeed(2, 0.5);
  CHECK(bed.ended(1).state == JobState::kSucceeded);
}

TEST_CASE("a search ends when its time is over", "[search]") {
  SearchBed bed(search_text("  algorithm: random\n  max_parallel: 2\n  stop: {after: 60s}\n"), 1);
  bed.tick(59s);
  CHECK_FALSE(bed.search().over);
  CHECK(next_deadline(bed.state(), bed.settings) == bed.now + 1s);
  bed.restart();
  bed.connect("a", 1, 0, {Testbed::running(bed.task(1))});
  bed.tick(1s);
  CHECK_THAT(*bed.search().over, Catch::Contains("its time of"));
  CHECK(bed.in(TrialState::kRunning) == Numbers{1});
  CHECK(bed.in(TrialState::kCancelled) == Numbers{2});  // Had not begun.
  bed.succeed(1, 1);
  CHECK(bed.ended(1).state == JobState::kSucceeded);
}

TEST_CASE("a paused search starts no trials until it is resumed", "[search]") {
  SearchBed bed(search_text(kRandom));
  REQUIRE(bed.pause().has_value());
  REQUIRE(bed.pause().has_value());
  bed.succeed(1, 1);
  bed.succeed(2, 2);
  CHECK(bed.in(TrialState::kRunning).empty());
  CHECK(bed.job(1).state == JobState::kQueued);
  bed.restart();
  CHECK(bed.search().paused_by == "ada");
  CHECK_THAT(why(bed.state(), bed.settings, bed.job(1), bed.now), Catch::Contains("paused by ada"));
  bed.connect("a", 8);
  REQUIRE(bed.pause(false).has_value());
  CHECK(bed.in(TrialState::kRunning) == Numbers{3, 4});
}

TEST_CASE("a search is given more trials, and more at once", "[search]") {
  SearchBed bed(search_text(kRandom));
  REQUIRE(bed.extend(2, 3).has_value());
  CHECK(bed.in(TrialState::kRunning) == Numbers{1, 2, 3});
  bed.restart();
  bed.connect("a", 8, 0,
              {Testbed::running(bed.task(1)), Testbed::running(bed.task(2)),
               Testbed::running(bed.task(3))});
  for (std::uint32_t number = 1; number <= 6; ++number) bed.succeed(number, number);
  CHECK(bed.ended(1).trials.size() == 6);
  CHECK(bed.ended(1).search->over == "6 trials have been tried");

  SearchBed other(search_text(kRandom));
  CHECK(other.extend(0).error().code == Code::kInvalidArgument);
  CHECK(other.extend(kTrialsMax).error().code == Code::kInvalidArgument);
  CHECK(other.extend(1, kParallelMax + 1).error().code == Code::kInvalidArgument);
}

TEST_CASE("only a live search can be changed", "[search]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  const auto pause = [&](std::uint64_t job) {
    (void)bed.step(PauseSearch{.request = ++bed.request, .job = JobId{job}, .user = "ada"});
    return bed.all<Reply>().at(0).result;
  };
  CHECK_THAT(pause(1).error().message, Catch::Contains("job 1 has no search block"));
  CHECK(pause(1).error().code == Code::kFailedPrecondition);
  CHECK(pause(7).error().code == Code::kNotFound);
  bed.exits(worker(1));
  CHECK_THAT(pause(1).error().message, Catch::Contains("job 1 has ended"));
}

TEST_CASE("a cancelled search ends with its tasks", "[search]") {
  SearchBed bed(search_text(kRandom));
  REQUIRE(bed.cancel(1).has_value());
  CHECK(bed.stopped().size() == 2);
  bed.end(1, exit_signal(SIGTERM));
  CHECK(bed.is_live(1));
  bed.end(2, exit_signal(SIGTERM));
  CHECK(bed.ended(1).state == JobState::kCancelled);
  CHECK(bed.ended(1).trials.size() == 2);
  CHECK(bed.ended(1).trials.at(1).state == TrialState::kCancelled);
}

TEST_CASE("a search tells its story trial by trial", "[search]") {
  SearchBed bed(search_text("  algorithm: random\n  max_trials: 2\n"));
  bed.succeed(1, 0.5);
  bed.succeed(2, 0.25);
  std::vector<std::string> story;
  for (const auto& event : bed.journal.records.events) {
    if (event.type == "trial") {
      CHECK_THAT(event.message, Catch::StartsWith("lr "));
      continue;
    }
    if (event.type != "placed" && event.type != "exited" && event.type != "running")
      story.push_back(event.subject + " " + event.type + ": " +
                      event.message.substr(0, event.message.find(" after 0")));
  }
  CHECK(story == std::vector<std::string>{
                     "1 submitted: job 1 (test) was submitted by ada",
                     "1.1 measured: loss 0.5 after 1 epoch",
                     "1.1 best: loss 0.5 after 1 epoch, the best so far",
                     "1.2 measured: loss 0.25 after 1 epoch",
                     "1.2 best: loss 0.25 after 1 epoch, the best so far",
                     "1 search: no more trials: 2 trials have been tried",
                     "1 ended: succeeded",
                 });
}

TEST_CASE("a searcher is not shared between copies of the state", "[search]") {
  SearchBed bed(search_text("  algorithm: tpe\n  max_trials: 9\n"));
  (void)searcher_of(bed.job(1));
  const State copy = bed.state();
  CHECK(copy.jobs.at(JobId{1}).search->searcher.made() == nullptr);
  bed.succeed(1, 1);
  CHECK(searcher_of(copy.jobs.at(JobId{1})).trials().size() == 1);
  CHECK(searcher_of(bed.job(1)).trials().size() == 2);
}

}  // namespace
}  // namespace dl::coordinator
