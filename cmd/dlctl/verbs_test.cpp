// Each verb against a real gRPC server: what it prints, and the exit code.

#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "cmd/dlctl/testing/fake_cluster.h"
#include "cmd/dlctl/testing/user.h"

namespace dl::dlctl {
namespace {

constexpr const char* kDocument =
    "name: fashion-mnist\n"
    "command: echo hello\n";

v1::Job ended_job(v1::JobState state, v1::FailureKind kind) {
  v1::Job job = running_job(kNow);
  job.set_state(state);
  job.mutable_end_time()->set_seconds(kNow);
  if (kind != v1::FAILURE_KIND_UNSPECIFIED) {
    job.mutable_failure()->set_kind(kind);
    job.mutable_failure()->set_task("worker:1");
    job.mutable_failure()->set_message("exit status 3; look at `dlctl logs 42/worker:1`");
  }
  return job;
}

// A search in the middle of its trials.
v1::Job running_search(std::int64_t now_seconds) {
  v1::Job job = running_job(now_seconds);
  v1::SearchStatus& search = *job.mutable_search();
  search.set_max_trials(24);
  search.set_max_parallel(2);
  search.set_started(5);
  search.set_running(2);
  search.set_paused(1);
  search.set_ended(1);
  search.set_failed(1);
  return job;
}

}  // namespace

TEST_CASE("status shows the cluster and its jobs", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  fake.cluster.set_address("127.0.0.1:7400");
  fake.cluster.mutable_start_time()->set_seconds(kNow - 3 * 86400);
  fake.cluster.set_journal_bytes(12u << 20);
  fake.cluster.set_nodes_ready(1);
  fake.cluster.set_nodes_draining(1);
  fake.cluster.set_cpus_total(4);
  fake.cluster.set_cpus_used(2);
  fake.cluster.set_jobs_queued(1);
  fake.nodes.emplace_back().set_id("gpu-09");
  fake.nodes[0].set_state("draining");
  fake.nodes[0].set_drain_reason("ECC errors");
  v1::Job queued;
  queued.set_id(43);
  queued.set_name("resnet-tf");
  queued.set_state(v1::JOB_STATE_QUEUED);
  queued.mutable_submit_time()->set_seconds(kNow - 130);
  queued.set_why("waits for 6 GPUs on at most 2 nodes; 3 are free");
  fake.jobs = {queued, running_job(kNow)};

  const std::string head =
      "coordinator  127.0.0.1:7400  up 3d  journal 12 MiB\n"
      "nodes        1 ready, 1 draining (gpu-09: ECC errors)   CPUs  2 of 4 in use   queued  1\n"
      "\n";
  const auto shown = user.run({"status"});
  CHECK(shown.code == 0);
  CHECK(shown.out ==
        head +
            "JOB  NAME           STATE    GPUS  CPUS  PROGRESS              BEST  FOR  WHY\n"
            " 43  resnet-tf      queued      -     -  -                        -   2m  waits for 6 "
            "GPUs on at most 2 nodes; 3 are free\n"
            " 42  fashion-mnist  running     -     2  ██████░░░░ 62% 38s  0.8931   1m  -\n");
  user.columns = 80;
  const auto narrow = user.run({"status", "--color", "never"});
  CHECK(narrow.out ==
        head +
            "JOB  NAME           STATE    CPUS  PROGRESS              BEST  FOR  WHY\n"
            " 43  resnet-tf      queued      -  -                        -   2m  waits for 6…\n"
            " 42  fashion-mnist  running     2  ██████░░░░ 62% 38s  0.8931   1m  -\n");
  const auto json = user.run({"-o", "json", "status"});
  CHECK(json.out.find("\"nodes_ready\": 1,") != std::string::npos);
  CHECK(json.out.find("\"jobs\": [\n    {\n      \"id\": \"43\",") != std::string::npos);
}

TEST_CASE("status of a job shows its tasks and its last failure", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  fake.jobs = {running_job(kNow)};
  const auto shown = user.run({"status", "fashion-mnist"});
  CHECK(shown.code == 0);
  CHECK(
      shown.out ==
      "Job 42 (fashion-mnist) is running for 1m\n"
      "  user          anna\n"
      "  submitted     2023-11-14 22:12:15\n"
      "  progress      ████████████░░░░░░░░  62%  epoch 4/5  step 1,460/2,345  loss 0.3121  2,994 "
      "images/s  38s left\n"
      "  metrics       validation.accuracy 0.8931\n"
      "  checkpoint    step-1407 (step 1,407, epoch 3)\n"
      "  attempts      2\n"
      "  last failure  infrastructure in worker:1: killed by SIGKILL from outside\n"
      "  artifacts     /data/jobs/42\n"
      "\n"
      "TASK      STATE    NODE      PID  GPUS  CPUS  EXIT\n"
      "worker:0  running  local-0  4711  -        1  -\n"
      "worker:1  running  local-1  4712  -        1  -\n");
}

TEST_CASE("jobs are listed over all pages, as items", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  for (int id = 5; id >= 1; --id) {
    fake.jobs.push_back(ended_job(v1::JOB_STATE_SUCCEEDED, v1::FAILURE_KIND_UNSPECIFIED));
    fake.jobs.back().set_id(static_cast<std::uint64_t>(id));
  }
  const auto rows = user.run({"jobs", "--no-headers"});
  CHECK(std::count(rows.out.begin(), rows.out.end(), '\n') == 5);
  CHECK(rows.out.starts_with("5  fashion-mnist  succeeded"));
  const auto json = user.run({"jobs", "-o", "json", "--limit", "3"});
  CHECK(json.out.starts_with("{\n  \"items\": [\n    {\n      \"id\": \"5\",\n"));
  CHECK(json.out.find("\"id\": \"3\"") != std::string::npos);
  CHECK(json.out.find("\"id\": \"2\"") == std::string::npos);
  const auto yaml = user.run({"jobs", "-o", "yaml", "--limit", "1"});
  CHECK(yaml.out.starts_with("items:\n  - id: \"5\"\n    name: fashion-mnist\n    user: anna\n"));
  CHECK(yaml.out.find("    spec: |\n      model:\n        name: lenet\n") != std::string::npos);
}

TEST_CASE("a job is named by number, latest, or a name that is its own", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  fake.jobs = {running_job(kNow), running_job(kNow), running_job(kNow)};
  fake.jobs[0].set_id(44);
  fake.jobs[0].set_name("other");
  fake.jobs[1].set_id(43);
  CHECK(user.run({"status", "latest"}).out.starts_with("Job 44 (other)"));
  CHECK(user.run({"status", "other"}).out.starts_with("Job 44 (other)"));
  const auto several = user.run({"status", "fashion-mnist"});
  CHECK(several.code == 2);
  CHECK(several.err ==
        "dlctl: 2 jobs are named \"fashion-mnist\" (43, 42); name one by its number, or the newest "
        "job by latest\n");
  const auto none = user.run({"status", "othr"});
  CHECK(none.code == 3);
  CHECK(none.err ==
        "dlctl: there is no job \"othr\" (did you mean \"other\"?); `dlctl jobs` lists them\n");
  CHECK(user.run({"status", "7"}).code == 3);
  fake.jobs.clear();
  CHECK(user.run({"status", "latest"}).err ==
        "dlctl: there is no job yet; submit one: dlctl submit\n");
}

TEST_CASE("submit prints the job and what comes next", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  const auto done = user.run({"submit", "-", "--set", "env.A=1", "--set", "name=x"}, kDocument);
  CHECK(done.err == "Next: dlctl follow 42 · dlctl status 42 · dlctl logs -f 42\n");
  CHECK(done.code == 0);
  CHECK(done.out == "Submitted job 42 (fashion-mnist)\n");
  REQUIRE(fake.submits.size() == 1);
  CHECK(fake.submits[0].document() == kDocument);
  CHECK(fake.submits[0].set_size() == 2);
  CHECK(fake.submits[0].user() == "anna");
  CHECK(user.run({"submit", "-", "-q"}, kDocument).out == "43\n");
  CHECK(user.run({"submit", "-", "-o", "json"}, kDocument).out ==
        "{\n  \"job\": \"44\",\n  \"name\": \"fashion-mnist\"\n}\n");
}

TEST_CASE("a submit whose answer was lost is one job", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  fake.submits_lost = 2;
  const auto done = user.run({"submit", "-"}, kDocument);
  CHECK(done.out == "Submitted job 42 (fashion-mnist)\n");
  CHECK(fake.submits.size() == 3);
  CHECK(fake.jobs_by_key.size() == 1);
}

TEST_CASE("submit finds errors before it asks anybody", "[dlctl]") {
  User user;
  std::ofstream(user.home / "job.yaml") << "name: x\ncommand: echo\nreplicas: 3\n";
  const auto file = (user.home / "job.yaml").string();
  const auto done = user.run({"submit", file});
  CHECK(done.code == 7);
  CHECK(done.err.starts_with(file + ":3:1: "));
  CHECK(done.out.empty());
  const auto missing = user.run({"submit", (user.home / "none.yaml").string()});
  CHECK(missing.code == 3);
  const auto folder = user.run({"submit", user.home.string()});
  CHECK(folder.code == 2);
  const auto large = user.run({"submit", "-"}, std::string(2u << 20, 'x'));
  CHECK(large.code == 2);
  CHECK(large.err.find("larger than 1 MiB") != std::string::npos);
}

constexpr const char* kTuning =
    "trainingInput:\n"
    "  pythonModule: trainer.task\n"
    "  region: us-central1\n"
    "  hyperparameters:\n"
    "    goal: MAXIMIZE\n"
    "    maxTrials: 4\n"
    "    params:\n"
    "    - {parameterName: lr, type: DOUBLE, minValue: 0.1, maxValue: 1}\n";

TEST_CASE("convert prints the native form, and what is ignored to stderr", "[dlctl]") {
  User user;
  const auto good = user.run({"convert", "-"}, kTuning);
  CHECK(good.code == 0);
  CHECK(good.out ==
        "command: \"python3 -m trainer.task ${search.args}\"\n"
        "search:\n"
        "  metric: training/hptuning/metric\n"
        "  goal: maximize\n"
        "  algorithm: gp\n"
        "  max_trials: 4\n"
        "  max_parallel: 1\n"
        "  parameters:\n"
        "    lr: {double: [0.1, 1]}\n");
  CHECK(good.err ==
        "<stdin>:3:3: trainingInput.region: ignored \"us-central1\": it is Google Cloud's; the "
        "nodes of this cluster are given\n");
  const auto json = user.run({"convert", "-", "-o", "json", "--set", "name=x"}, kTuning);
  CHECK(json.out.find("\"name\": \"x\"") != std::string::npos);
  CHECK(json.out.find("\"double\": [") != std::string::npos);
  const auto bad = user.run({"convert", "-"}, "kind: Pod\nspec: {}\n");
  CHECK(bad.code == 7);
  CHECK(bad.out.empty());
  CHECK(
      bad.err.starts_with("<stdin>:1:1: no dialect of specs has the key \"kind\"; known are "
                          "native (model or command), katib (kind: Experiment), "));
}

TEST_CASE("validate and submit list what a document says and is ignored", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  const auto valid = user.run({"validate", "-"}, kTuning);
  CHECK(valid.code == 0);
  CHECK(valid.out ==
        "<stdin>: ok: job \"python3\", a command, 1 × worker (1 CPUs), a search by gp over 1 "
        "parameter, 4 trials\n");
  CHECK(valid.err.starts_with("<stdin>:3:3: trainingInput.region: ignored "));
  CHECK(user.run({"submit", "-"}, kTuning)
            .err.starts_with("<stdin>:3:3: trainingInput.region: ignored "));
}

TEST_CASE("validate works without a coordinator", "[dlctl]") {
  User user;
  const auto good = user.run({"validate", "-"}, kDocument);
  CHECK(good.code == 0);
  CHECK(good.out == "<stdin>: ok: job \"fashion-mnist\", a command, 1 × worker (1 CPUs)\n");
  CHECK(user.run({"validate", "-", "-o", "yaml"}, kDocument).out.find("grace:") !=
        std::string::npos);
  const auto bad = user.run({"validate", "-", "-o", "json"}, "name: x\ncomand: echo\n");
  CHECK(bad.code == 7);
  CHECK(bad.out.find("\"line\": 2,") != std::string::npos);
}

TEST_CASE("the exit code says whose fault a failure is", "[dlctl]") {
  const auto [state, kind, code] = GENERATE(table<v1::JobState, v1::FailureKind, int>(
      {{v1::JOB_STATE_SUCCEEDED, v1::FAILURE_KIND_UNSPECIFIED, 0},
       {v1::JOB_STATE_FAILED, v1::FAILURE_KIND_USER_CODE, 1},
       {v1::JOB_STATE_FAILED, v1::FAILURE_KIND_SPEC, 7},
       {v1::JOB_STATE_FAILED, v1::FAILURE_KIND_OUT_OF_MEMORY, 9},
       {v1::JOB_STATE_FAILED, v1::FAILURE_KIND_NODE_LOST, 10},
       {v1::JOB_STATE_FAILED, v1::FAILURE_KIND_PREEMPTED, 10},
       {v1::JOB_STATE_FAILED, v1::FAILURE_KIND_COMMUNICATION, 10},
       {v1::JOB_STATE_FAILED, v1::FAILURE_KIND_INFRASTRUCTURE, 10},
       {v1::JOB_STATE_CANCELLED, v1::FAILURE_KIND_UNSPECIFIED, 11}}));
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  fake.jobs = {ended_job(state, kind)};
  CHECK(user.run({"wait", "42"}).code == code);
  CHECK(user.run({"follow", "42"}).code == code);
  CHECK(user.run({"submit", "-", "--wait"}, kDocument).code == code);
}

TEST_CASE("wait gives up in time and leaves the job alone", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  fake.jobs = {running_job(kNow)};
  const auto done = user.run({"wait", "42", "--timeout", "100ms"});
  CHECK(done.code == 8);
  CHECK(done.err == "Job 42 is still running; it goes on.\n");
  CHECK(fake.cancels.empty());
}

TEST_CASE("follow tells the story and the outcome", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  fake.jobs = {running_job(kNow)};
  fake.events = {event(1, "placed", "2 tasks on local-0, local-1"), event(2, "progress", ""),
                 event(3, "ended", "succeeded")};
  *fake.events[1].mutable_progress() = fake.jobs[0].trials(0).progress();
  fake.on_event = [&](const v1::JobEvent& sent) {
    if (sent.id() == 3)
      fake.jobs[0] = ended_job(v1::JOB_STATE_SUCCEEDED, v1::FAILURE_KIND_UNSPECIFIED);
  };
  const auto done = user.run({"follow", "latest"});
  CHECK(done.code == 0);
  CHECK(done.out ==
        "22:13:20  placed      2 tasks on local-0, local-1\n"
        "          progress    ████████████░░░░░░░░  62%  epoch 4/5  step 1,460/2,345  loss 0.3121"
        "  2,994 images/s  38s left\n"
        "22:13:20  ended       succeeded\n"
        "\n"
        "Job 42 (fashion-mnist) succeeded after 1m\n"
        "  test accuracy  89.31 % (validation.accuracy)\n"
        "  model          /data/jobs/42/1/model\n"
        "  checkpoints    /data/jobs/42/1/checkpoints\n"
        "  events         /data/jobs/42/1/events (for TensorBoard)\n"
        "  next           dlctl metrics 42 · dlctl logs 42 · dlctl status 42\n");
}

TEST_CASE("follow goes on when the coordinator is restarted", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  fake.jobs = {running_job(kNow)};
  fake.events = {event(1, "placed", "before")};
  std::thread restart;
  std::atomic<bool> once{false};
  fake.on_event = [&](const v1::JobEvent&) {
    if (once.exchange(true)) return;
    restart = std::thread([&] {
      fake.stop();
      std::this_thread::sleep_for(std::chrono::milliseconds(600));
      fake.events.push_back(event(2, "ended", "after"));
      fake.jobs[0] = ended_job(v1::JOB_STATE_SUCCEEDED, v1::FAILURE_KIND_UNSPECIFIED);
      fake.start();
    });
    // The stream ends by the stop.
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  };
  const auto done = user.run({"follow", "42"});
  restart.join();
  CHECK(done.code == 0);
  CHECK(done.out.find("does not answer; waiting for it up to 2m") != std::string::npos);
  CHECK(done.out.find("The coordinator is back.\n") != std::string::npos);
  CHECK(done.out.find("succeeded after 1m\n") != std::string::npos);
}

TEST_CASE("logs name their tasks when there are several", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  fake.jobs = {running_job(kNow)};
  const auto chunk = [&](const char* task, std::uint64_t offset, const char* data) {
    auto& log = fake.logs.emplace_back();
    log.set_task(task);
    log.set_attempt(1);
    log.set_offset(offset);
    log.set_data(data);
  };
  chunk("worker:0", 0, "one\ntw");
  chunk("worker:1", 0, "uno\n");
  chunk("worker:0", 6, "o\nthree");
  chunk("worker:0", 6, "o\nthree");  // Sent twice.
  CHECK(user.run({"logs", "42"}).out ==
        "worker:0 | one\nworker:1 | uno\nworker:0 | two\nworker:0 | three\n");
  CHECK(user.run({"logs", "42/worker:1"}).out == "uno\n");
  CHECK(user.run({"logs", "42/worker:1", "-o", "json"}).out ==
        "{\"task\":\"worker:1\",\"attempt\":1,\"line\":\"uno\"}\n");
  const auto wrong = user.run({"logs", "42/master:0"});
  CHECK(wrong.code == 2);
  CHECK(wrong.err.find("chief, worker, ps, evaluator") != std::string::npos);
}

TEST_CASE("metrics are a table, or one curve", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  auto* series = fake.metrics.add_series();
  series->set_name("train.loss");
  series->set_trial(1);
  for (std::uint64_t step = 100; step <= 400; step += 100) {
    auto* point = series->add_points();
    point->set_step(step);
    point->set_value(1.0 / static_cast<double>(step / 100));
  }
  CHECK(user.run({"metrics", "42"}).out ==
        "METRIC      LAST   MIN  MAX  STEP  POINTS\n"
        "train.loss  0.25  0.25    1   400       4\n");
  const auto curve = user.run({"metrics", "42", "train.loss"});
  CHECK(curve.out.starts_with("train.loss\n   1 ┤"));
  CHECK(curve.out.find("\n0.25 ┤") != std::string::npos);
  CHECK(curve.out.ends_with(
      "STEP   VALUE\n 100       1\n 200     0.5\n 300  0.3333\n 400    0.25\n"));
  const auto unknown = user.run({"metrics", "42", "train.los"});
  CHECK(unknown.code == 3);
  CHECK(unknown.err.find("(did you mean \"train.loss\"?)") != std::string::npos);
  CHECK(user.run({"metrics", "42", "-o", "json"}).out.find("\"points\": [") != std::string::npos);
}

TEST_CASE("explain gives the reason, the evidence and the next step", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  fake.jobs = {running_job(kNow)};
  fake.explanation.set_reason("waits for 6 GPUs; 3 are free");
  fake.explanation.add_evidence("node gpu-07: 1 of 8 GPUs free");
  fake.explanation.set_next_step("wait for job 41, or ask for fewer");
  CHECK(user.run({"explain", "latest"}).out ==
        "Job 42 waits for 6 GPUs; 3 are free\n"
        "  - node gpu-07: 1 of 8 GPUs free\n"
        "Next: wait for job 41, or ask for fewer\n");
}

TEST_CASE("cancel stops jobs and says so", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  fake.jobs = {running_job(kNow)};
  const auto done = user.run({"cancel", "42", "--kill"});
  CHECK(done.out == "Job 42 (fashion-mnist) is stopping\n");
  REQUIRE(fake.cancels.size() == 1);
  CHECK(fake.cancels[0].kill());
  CHECK(user.run({"cancel", "7"}).code == 3);
}

TEST_CASE("a search is paused, resumed and extended", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  user.env["USER"] = "anna";
  fake.jobs = {running_search(kNow)};
  CHECK(user.run({"pause", "42"}).out ==
        "Job 42 (fashion-mnist) starts no more trials: 5 of 24 trials started, 2 run, 1 paused, 1 "
        "ended, 1 failed\n");
  CHECK(user.run({"resume", "latest"})
            .out.starts_with("Job 42 (fashion-mnist) starts trials again: 5 of 24"));
  CHECK(user.run({"extend", "42", "--trials", "8", "--max-parallel", "4"})
            .out.starts_with("Job 42 (fashion-mnist) may try 24 trials, 2 at once: 5 of 24"));
  const auto nothing = user.run({"extend", "42"});
  CHECK(nothing.code == 2);
  CHECK(nothing.err.find("give --trials N") != std::string::npos);
  CHECK(user.run({"pause", "7"}).code == 3);
  // A job that is submitted in between is not taken for the latest.
  CHECK(fake.search_changes == std::vector<std::string>{"pause 42 by anna", "resume 42",
                                                        "extend 42 by 8, 4 at once",
                                                        "pause 7 by anna"});
}

TEST_CASE("follow tells of a search trial by trial", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  fake.jobs = {running_search(kNow)};
  const auto about = [](std::uint64_t id, const std::string& subject, const std::string& type,
                        const std::string& message) {
    v1::JobEvent made = event(id, type, message);
    made.set_subject(subject);
    return made;
  };
  fake.events = {about(1, "42.6", "trial", "train.learning_rate 0.01"),
                 about(2, "42.6.1", "placed", "1 task on local-0"),
                 about(3, "42.6", "measured", "validation.accuracy 0.8 after 1 epoch"),
                 about(4, "42.6", "stopped", "was number 3 of 3 at 1, where 1 go on"),
                 about(5, "42.6.1/worker:0", "exited", "exited with status 143 on local-0"),
                 about(6, "42", "ended", "succeeded")};
  fake.on_event = [&](const v1::JobEvent& sent) {
    if (sent.id() != 6) return;
    fake.jobs[0].set_state(v1::JOB_STATE_SUCCEEDED);
    fake.jobs[0].mutable_end_time()->set_seconds(kNow);
    fake.jobs[0].mutable_search()->add_best(3);
  };
  CHECK(user.run({"follow", "42"}).out ==
        "22:13:20  trial       trial 6   train.learning_rate 0.01\n"
        "22:13:20  stopped     trial 6   was number 3 of 3 at 1, where 1 go on\n"
        "22:13:20  ended       succeeded\n"
        "\n"
        "Job 42 (fashion-mnist) succeeded after 1m\n"
        "  search        5 of 24 trials started, 2 run, 1 paused, 1 ended, 1 failed\n"
        "  best          trial 3\n"
        "  next          dlctl best 42 · dlctl trials 42\n");
}

TEST_CASE("drain wants a node that exists", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  fake.nodes.emplace_back().set_id("gpu-09");
  CHECK(user.run({"drain", "gpu-09", "--reason", "ECC"}).out == "Node gpu-09 is draining\n");
  CHECK(user.run({"drain", "gpu-09", "--undo"}).out == "Node gpu-09 is ready\n");
  const auto unknown = user.run({"drain", "gpu-08"});
  CHECK(unknown.code == 3);
  CHECK(unknown.err.find("(did you mean \"gpu-09\"?)") != std::string::npos);
  REQUIRE(fake.drains.size() == 2);
  CHECK(fake.drains[0].reason() == "ECC");
}

TEST_CASE("an unreachable coordinator is named, with what to do", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  fake.stop();
  const auto done = user.run({"jobs"});
  CHECK(done.code == 6);
  CHECK(done.err ==
        "dlctl: the coordinator at " + fake.address() +
            " cannot be reached (Connection refused); start a local one with `dlctl dev "
            "up`, or choose another with `dlctl context use NAME` or --server "
            "HOST:PORT\n");
  CHECK(user.run({"version"}).code == 0);
}

TEST_CASE("a wrong token says where it came from", "[dlctl]") {
  FakeCluster fake;
  User user;
  user.env["DL_SERVER"] = fake.address();
  fake.token = "right";
  const auto none = user.run({"jobs"});
  CHECK(none.code == 4);
  CHECK(none.err.find("no token was sent: set DL_TOKEN") != std::string::npos);
  user.env["DL_TOKEN"] = "wrong";
  CHECK(user.run({"jobs"}).err.find("the token sent is that of DL_TOKEN") != std::string::npos);
  user.env["DL_TOKEN"] = "right";
  CHECK(user.run({"jobs"}).code == 0);
}

}  // namespace dl::dlctl
