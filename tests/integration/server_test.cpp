// The coordinator's shell as its clients and agents see it: a real server, a real database, real
// gRPC; only the agents are the test's.

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <string>

#include "daemon/runtime/server/job_excerpt.h"
#include "daemon/runtime/server/job_lookup.h"
#include "daemon/runtime/server/server.h"
#include "dl/v1/cluster.grpc.pb.h"
#include "dl/v1/jobs.grpc.pb.h"
#include "dl/v1/search.grpc.pb.h"
#include "tests/integration/fake_agent.h"
#include "tests/support/search_testbed.h"
#include "tests/support/temp_dir.h"

namespace dl::runtime::server {
namespace {

using test::FakeAgent;
using Case = FakeAgent::Case;

constexpr const char* kToken = "token-of-the-test";
constexpr const char* kDocument = "name: one\ncommand: \"true\"\nroles: {worker: {cpus: 1}}\n";

// A coordinator with a state directory of its own, and a client of it.
class Cluster {
 public:
  explicit Cluster(std::filesystem::path state_dir) {
    ServerOptions options;
    options.state_dir = std::move(state_dir);
    options.listen = {"127.0.0.1", 0};
    options.token = kToken;
    options.version = "test";
    options.settings.seed = 7;
    options.settings.artifact_root = "/artifacts";
    auto started = Server::start(std::move(options));
    if (!started) throw std::runtime_error(started.error().message);
    server = *std::move(started);
    channel = grpc::CreateChannel(to_string(server->address()), grpc::InsecureChannelCredentials());
    jobs = v1::JobService::NewStub(channel);
    searches = v1::SearchService::NewStub(channel);
    nodes = v1::ClusterService::NewStub(channel);
  }

  // A context with the token, which may be used once.
  static std::unique_ptr<grpc::ClientContext> context() {
    auto made = std::make_unique<grpc::ClientContext>();
    made->AddMetadata("authorization", std::string("Bearer ") + kToken);
    made->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return made;
  }

  grpc::Status submit(const std::string& document, std::uint64_t& job,
                      const std::string& key = {}) const {
    v1::SubmitJobRequest request;
    request.set_document(document);
    request.set_idempotency_key(key);
    v1::SubmitJobResponse response;
    const grpc::Status status = jobs->SubmitJob(context().get(), request, &response);
    job = response.job();
    return status;
  }

  v1::Job get(const std::string& reference) const {
    v1::GetJobRequest request;
    request.set_job(reference);
    v1::Job job;
    const grpc::Status status = jobs->GetJob(context().get(), request, &job);
    INFO(status.error_message());
    REQUIRE(status.ok());
    return job;
  }

  // The types of a job's events, to the end of the stream.
  std::vector<v1::JobEvent> watch(const std::string& reference, bool follow) const {
    v1::WatchJobRequest request;
    request.set_job(reference);
    request.set_no_follow(!follow);
    const auto kept = context();
    const auto stream = jobs->WatchJob(kept.get(), request);
    std::vector<v1::JobEvent> events;
    for (v1::JobEvent event; stream->Read(&event);) events.push_back(event);
    const grpc::Status status = stream->Finish();
    INFO(status.error_message());
    CHECK(status.ok());
    return events;
  }

  std::shared_ptr<FakeAgent> agent(const std::string& node, std::uint32_t cpus = 4) const {
    return std::make_shared<FakeAgent>(channel, kToken, node, cpus);
  }

  std::unique_ptr<Server> server;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::JobService::Stub> jobs;
  std::unique_ptr<v1::SearchService::Stub> searches;
  std::unique_ptr<v1::ClusterService::Stub> nodes;
};

std::vector<std::string> types(const std::vector<v1::JobEvent>& events) {
  std::vector<std::string> words;
  for (const v1::JobEvent& event : events) words.push_back(event.type());
  return words;
}

// Runs the next task that is ordered from `agent` to a good end.
v1::TaskRef run_task(FakeAgent& agent) {
  const v1::TaskRef task = agent.expect(Case::kStartTask).start_task().task();
  agent.say_task(task, TaskState::kRunning);
  agent.say_task(task, TaskState::kExited, TaskExit{});
  agent.expect(Case::kForgetTask);
  return task;
}

}  // namespace

TEST_CASE("a job is submitted, started, reported on, and is history when it has ended",
          "[server]") {
  const test::TempDir dir;
  const Cluster cluster(dir / "state");
  const auto agent = cluster.agent("a");
  std::uint64_t job = 0;
  REQUIRE(cluster.submit(kDocument, job).ok());
  CHECK(job == 1);

  const v1::ToAgent order = agent->expect(Case::kStartTask);
  CHECK(order.start_task().command() == "true");
  CHECK(order.start_task().env().at("DL_ROLE") == "worker");
  const v1::TaskRef task = order.start_task().task();
  agent->say_task(task, TaskState::kRunning);
  v1::TaskReport report;
  report.set_number(1);
  report.set_has_progress(true);
  report.set_step(5);
  report.set_steps(10);
  v1::ReportedMetric& metric = *report.add_metrics();
  metric.set_name("train.loss");
  metric.set_step(5);
  metric.set_value(0.25);
  agent->say_report(task, report);
  CHECK(agent->expect(Case::kReportsAcknowledged).reports_acknowledged().number() == 1);
  CHECK(cluster.get("latest").state() == v1::JOB_STATE_RUNNING);

  agent->say_task(task, TaskState::kExited, TaskExit{});
  agent->expect(Case::kForgetTask);
  const v1::Job ended = cluster.get("1");
  CHECK(ended.state() == v1::JOB_STATE_SUCCEEDED);
  CHECK(ended.document() == kDocument);
  CHECK(ended.trials(0).progress().step() == 5);
  CHECK(ended.trials(0).attempt().tasks(0).node() == "a");

  CHECK(types(cluster.watch("1", true)) ==
        std::vector<std::string>{"submitted", "placed", "running", "exited", "ended"});
  v1::ListMetricsRequest request;
  request.set_job("1");
  v1::ListMetricsResponse metrics;
  REQUIRE(cluster.jobs->ListMetrics(Cluster::context().get(), request, &metrics).ok());
  REQUIRE(metrics.series_size() == 1);
  CHECK(metrics.series(0).points(0).value() == 0.25);
}

namespace {

constexpr const char* kSearch =
    "name: tune\ncommand: train --lr=${lr} --kind=${kind}\nroles: {worker: {cpus: 1}}\n"
    "search:\n  metric: loss\n  goal: minimize\n  algorithm: random\n  max_trials: 3\n"
    "  max_parallel: 1\n"
    "  parameters: {lr: {log: [1e-4, 1e-1]}, kind: {values: [a, b]}}\n";

v1::ListTrialsResponse trials_of(const Cluster& cluster, const std::string& job) {
  v1::ListTrialsRequest request;
  request.set_job(job);
  v1::ListTrialsResponse response;
  const auto status = cluster.searches->ListTrials(Cluster::context().get(), request, &response);
  INFO(status.error_message());
  REQUIRE(status.ok());
  return response;
}

grpc::Status trial_of(const Cluster& cluster, const std::string& job, const std::string& trial,
                      v1::SearchTrial& found) {
  v1::GetTrialRequest request;
  request.set_job(job);
  request.set_trial(trial);
  return cluster.searches->GetTrial(Cluster::context().get(), request, &found);
}

v1::TaskReport loss_report(double loss) {
  v1::TaskReport report;
  report.set_number(1);
  v1::ReportedMetric& metric = *report.add_metrics();
  metric.set_name("loss");
  metric.set_step(1);
  metric.set_value(loss);
  return report;
}

// Runs the next trial, which reports this loss.
v1::TaskRef run_trial(FakeAgent& agent, double loss) {
  const v1::TaskRef task = agent.expect(Case::kStartTask).start_task().task();
  agent.say_task(task, TaskState::kRunning);
  agent.say_report(task, loss_report(loss));
  agent.expect(Case::kReportsAcknowledged);
  agent.say_task(task, TaskState::kExited, TaskExit{});
  agent.expect(Case::kForgetTask);
  return task;
}

}  // namespace

TEST_CASE("a search runs its trials, is told of, and goes on after the coordinator's death",
          "[server]") {
  const test::TempDir dir;
  {
    const Cluster cluster(dir / "state");
    const auto agent = cluster.agent("a", 1);
    std::uint64_t job = 0;
    REQUIRE(cluster.submit(kSearch, job).ok());
    v1::SearchTrial none;
    CHECK(trial_of(cluster, "1", "best", none).error_code() ==
          grpc::StatusCode::FAILED_PRECONDITION);
    CHECK(run_trial(*agent, 0.5).trial() == 1);
    const auto running = trials_of(cluster, "latest");
    CHECK(running.job() == 1);
    CHECK(running.name() == "tune");
    CHECK(running.search().algorithm() == "random");
    CHECK(running.search().objectives(0).metric() == "loss");
    CHECK(running.search().max_trials() == 3);
    CHECK(running.search().started() == 2);
    CHECK(running.search().ended() == 1);
    REQUIRE(running.trials_size() == 2);
    CHECK(running.trials(0).state() == "ended");
    CHECK(running.trials(0).objectives(0) == 0.5);
    CHECK(running.trials(0).parameters().fields().at("lr").number_value() > 0);
    CHECK(running.trials(0).parameters().fields().at("kind").string_value().size() == 1);
    CHECK(running.trials(1).state() == "running");
    agent->expect(Case::kStartTask);
    std::filesystem::copy(dir / "state", dir / "left");
  }
  const Cluster after(dir / "left");
  const TaskStatus second{{{JobId{1}, 2, 1}, Role::kWorker, 0}, TaskState::kRunning, 4711, {}};
  FakeAgent agent(after.channel, kToken, "a", 1, {second});
  const v1::TaskRef task = wire::to_wire(second.id);
  agent.say_report(task, loss_report(0.25));
  agent.say_task(task, TaskState::kExited, TaskExit{});
  CHECK(run_trial(agent, 0.75).trial() == 3);
  const v1::Job ended = after.get("1");
  CHECK(ended.state() == v1::JOB_STATE_SUCCEEDED);
  CHECK(ended.search().started() == 3);

  const auto all = trials_of(after, "1");
  CHECK(all.state() == v1::JOB_STATE_SUCCEEDED);
  CHECK(all.search().best(0) == 2);
  CHECK(all.search().over() == "3 trials have been tried");
  v1::SearchTrial best;
  REQUIRE(trial_of(after, "1", "best", best).ok());
  CHECK(best.number() == 2);
  CHECK(best.artifact_dir() == "/artifacts/1/2");
  CHECK_THAT(best.spec(), Catch::Contains("train --lr=") && !Catch::Contains("search:"));
  // That very document runs the trial again.
  std::uint64_t again = 0;
  REQUIRE(after.submit(best.spec(), again).ok());
  CHECK(trial_of(after, "1", "9", best).error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(trial_of(after, "1", "x", best).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(trial_of(after, std::to_string(again), "1", best).error_code() ==
        grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_CASE("an operator pauses, resumes and extends a search", "[server]") {
  const test::TempDir dir;
  const Cluster cluster(dir / "state");
  const auto agent = cluster.agent("a", 1);
  std::uint64_t job = 0;
  REQUIRE(cluster.submit(kSearch, job).ok());
  v1::PauseSearchRequest pause;
  pause.set_job("latest");
  pause.set_user("ada");
  v1::PauseSearchResponse paused;
  REQUIRE(cluster.searches->PauseSearch(Cluster::context().get(), pause, &paused).ok());
  CHECK(run_trial(*agent, 0.5).trial() == 1);
  CHECK(cluster.get("1").search().is_paused());
  CHECK_THAT(cluster.get("1").why(), Catch::Contains("is paused by ada"));
  v1::ResumeSearchRequest resume;
  resume.set_job("1");
  v1::ResumeSearchResponse resumed;
  REQUIRE(cluster.searches->ResumeSearch(Cluster::context().get(), resume, &resumed).ok());
  CHECK(run_trial(*agent, 0.5).trial() == 2);
  // A row of the list counts trials too.
  v1::ListJobsResponse rows;
  REQUIRE(cluster.jobs->ListJobs(Cluster::context().get(), {}, &rows).ok());
  CHECK(rows.jobs(0).search().ended() == 2);
  CHECK(rows.jobs(0).search().best(0) == 1);
  v1::ExtendSearchRequest extend;
  extend.set_job("1");
  extend.set_trials(1);
  v1::ExtendSearchResponse extended;
  REQUIRE(cluster.searches->ExtendSearch(Cluster::context().get(), extend, &extended).ok());
  CHECK(extended.search().max_trials() == 4);
  run_trial(*agent, 0.5);
  CHECK(run_trial(*agent, 0.5).trial() == 4);
  CHECK(cluster.get("1").state() == v1::JOB_STATE_SUCCEEDED);
  REQUIRE(cluster.jobs->ListJobs(Cluster::context().get(), {}, &rows).ok());
  CHECK(rows.jobs(0).search().ended() == 4);
  // A search that has ended cannot be changed.
  CHECK(cluster.searches->ExtendSearch(Cluster::context().get(), extend, &extended).error_code() ==
        grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_CASE("an excerpt of a search has few of its trials, and what was counted over all",
          "[server]") {
  coordinator::SearchBed bed(coordinator::search_text("  algorithm: random\n  max_trials: 12\n"));
  for (std::uint32_t number = 1; number <= 8; ++number) bed.succeed(number, number == 2 ? 0 : 1);
  const coordinator::Job& job = bed.job(1);
  const auto numbers = [](const coordinator::Job& some) {
    std::vector<std::uint32_t> all;
    for (const auto& [number, trial] : some.trials) all.push_back(number);
    return all;
  };
  CHECK(numbers(excerpt(job, Trials::kAll)).size() == 9);
  const auto few = excerpt(job, Trials::kFew, 1);
  CHECK(numbers(few) == std::vector<std::uint32_t>{1, 4, 5, 6, 7, 8, 9});
  CHECK(few.name == job.name);
  CHECK(few.document.parsed == job.document.parsed);
  CHECK(few.search->max_trials == 12);
  CHECK(few.search->history.empty());
  const auto counts = count_trials(job);
  REQUIRE(counts.has_value());
  CHECK(counts->started == 9);
  CHECK(counts->running == 1);
  CHECK(counts->ended == 8);
  CHECK(counts->best == std::vector<std::uint32_t>{2});
  // Asked for no trial in particular, the best one is among the few.
  CHECK(view_of(job, true, {}).job.trials.contains(2));
  CHECK(numbers(view_of(job, true, {.trial = 1}).job) ==
        std::vector<std::uint32_t>{1, 4, 5, 6, 7, 8, 9});
  coordinator::Job plain = job;
  plain.search.reset();
  CHECK_FALSE(count_trials(plain));
}

TEST_CASE("what was acknowledged survives the coordinator's death", "[server]") {
  const test::TempDir dir;
  std::uint64_t waiting = 0;
  {
    const Cluster cluster(dir / "state");
    const auto agent = cluster.agent("a", 1);
    std::uint64_t done = 0;
    REQUIRE(cluster.submit(kDocument, done).ok());
    run_task(*agent);
    std::uint64_t running = 0;
    REQUIRE(cluster.submit(kDocument, running).ok());
    agent->expect(Case::kStartTask);
    REQUIRE(cluster.submit(kDocument, waiting).ok());
    // What a process leaves behind that is killed at this moment.
    std::filesystem::copy(dir / "state", dir / "left");
  }
  const Cluster after(dir / "left");
  CHECK(after.get("1").state() == v1::JOB_STATE_SUCCEEDED);
  CHECK(after.get("2").state() == v1::JOB_STATE_RUNNING);
  CHECK(after.get("3").state() == v1::JOB_STATE_QUEUED);
  std::uint64_t next = 0;
  REQUIRE(after.submit(kDocument, next).ok());
  CHECK(next == 4);

  // The agent comes back with the task it had: nothing is started again.
  const TaskStatus running{{{JobId{2}, 1, 1}, Role::kWorker, 0}, TaskState::kRunning, 4711, {}};
  FakeAgent agent(after.channel, kToken, "a", 1, {running});
  agent.say_task(wire::to_wire(running.id), TaskState::kExited, TaskExit{});
  const v1::ToAgent order = agent.expect(Case::kStartTask);
  CHECK(order.start_task().task().job() == waiting);
  CHECK(after.get("2").state() == v1::JOB_STATE_SUCCEEDED);
}

TEST_CASE("a retried submit with the same key is one job", "[server]") {
  const test::TempDir dir;
  const Cluster cluster(dir / "state");
  const auto agent = cluster.agent("a");
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  REQUIRE(cluster.submit(kDocument, first, "key").ok());
  REQUIRE(cluster.submit(kDocument, second, "key").ok());
  CHECK(first == second);
  const grpc::Status other = cluster.submit("name: two\ncommand: \"false\"\n", second, "key");
  CHECK(other.error_code() == grpc::StatusCode::ALREADY_EXISTS);
}

TEST_CASE("a watcher sees what has happened, then what happens, each once", "[server]") {
  const test::TempDir dir;
  const Cluster cluster(dir / "state");
  const auto agent = cluster.agent("a");
  std::uint64_t job = 0;
  REQUIRE(cluster.submit(kDocument, job).ok());
  const v1::TaskRef task = agent->expect(Case::kStartTask).start_task().task();
  CHECK(types(cluster.watch("1", false)) == std::vector<std::string>{"submitted", "placed"});

  v1::WatchJobRequest request;
  request.set_job("latest");
  const auto context = Cluster::context();
  const auto stream = cluster.jobs->WatchJob(context.get(), request);
  v1::JobEvent event;
  REQUIRE(stream->Read(&event));
  REQUIRE(stream->Read(&event));
  CHECK(event.type() == "placed");
  agent->say_task(task, TaskState::kRunning);
  REQUIRE(stream->Read(&event));
  CHECK(event.type() == "running");
  const std::uint64_t running = event.id();

  v1::TaskReport report;
  report.set_number(1);
  report.set_has_progress(true);
  report.set_step(3);
  agent->say_report(task, report);
  REQUIRE(stream->Read(&event));
  CHECK(event.type() == "progress");
  CHECK(event.progress().step() == 3);
  CHECK(event.id() == 0);

  agent->say_task(task, TaskState::kExited, TaskExit{3, 0, {}, ""});
  std::vector<v1::JobEvent> rest;
  std::uint64_t id = running;
  while (stream->Read(&event)) {
    CHECK(event.id() > id);
    id = event.id();
    rest.push_back(event);
    if (event.type() == "restart") {
      const v1::TaskRef again = agent->expect(Case::kStartTask).start_task().task();
      CHECK(again.attempt() == 2);
      agent->say_task(again, TaskState::kExited, TaskExit{});
    }
  }
  CHECK(stream->Finish().ok());
  CHECK(rest.back().type() == "ended");
}

TEST_CASE("the output of several tasks comes from their agents, also when the job has ended",
          "[server]") {
  const test::TempDir dir;
  const Cluster cluster(dir / "state");
  const auto a = cluster.agent("a", 1);
  const auto b = cluster.agent("b", 1);
  std::uint64_t job = 0;
  REQUIRE(
      cluster.submit("name: two\ncommand: \"true\"\nroles: {worker: {count: 2, cpus: 1}}\n", job)
          .ok());
  v1::ReadLogsRequest request;
  request.set_job("1");
  const auto read = [&](FakeAgent& first, FakeAgent& second) {
    const auto context = Cluster::context();
    const auto stream = cluster.jobs->ReadLogs(context.get(), request);
    std::map<std::string, std::string> output;
    for (FakeAgent* agent : {&first, &second}) {
      const v1::ReadLogOrder order = agent->expect(Case::kReadLog).read_log();
      CHECK(order.window_bytes() != 0);
      agent->say_log(order.request(), "hello from " + std::to_string(order.task().index()), false);
      agent->say_log(order.request(), "\n", true);
    }
    for (v1::LogChunk chunk; stream->Read(&chunk);) output[chunk.task()] += chunk.data();
    const grpc::Status status = stream->Finish();
    INFO(status.error_message());
    CHECK(status.ok());
    return output;
  };
  const std::map<std::string, std::string> expected = {{"worker:0", "hello from 0\n"},
                                                       {"worker:1", "hello from 1\n"}};
  const v1::TaskRef first = a->expect(Case::kStartTask).start_task().task();
  const v1::TaskRef second = b->expect(Case::kStartTask).start_task().task();
  CHECK(read(*a, *b) == expected);
  a->say_task(first, TaskState::kExited, TaskExit{});
  b->say_task(second, TaskState::kExited, TaskExit{});
  a->expect(Case::kForgetTask);
  b->expect(Case::kForgetTask);
  CHECK(read(*a, *b) == expected);

  request.set_task("worker:7");
  const auto context = Cluster::context();
  const auto stream = cluster.jobs->ReadLogs(context.get(), request);
  v1::LogChunk chunk;
  CHECK_FALSE(stream->Read(&chunk));
  const grpc::Status status = stream->Finish();
  CHECK(status.error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(status.error_message() == "job 1 has no task \"worker:7\"; it has worker:0, worker:1");
}

TEST_CASE("output on a node that is away is an error that says so", "[server]") {
  const test::TempDir dir;
  const Cluster cluster(dir / "state");
  auto agent = cluster.agent("a");
  std::uint64_t job = 0;
  REQUIRE(cluster.submit(kDocument, job).ok());
  run_task(*agent);
  v1::ReadLogsRequest request;
  request.set_job("1");
  const auto context = Cluster::context();
  const auto stream = cluster.jobs->ReadLogs(context.get(), request);
  agent->expect(Case::kReadLog);
  agent.reset();
  v1::LogChunk chunk;
  CHECK_FALSE(stream->Read(&chunk));
  const grpc::Status status = stream->Finish();
  CHECK(status.error_code() == grpc::StatusCode::UNAVAILABLE);
  CHECK_THAT(status.error_message(), Catch::StartsWith("worker:0: node a is away"));
}

TEST_CASE("a newer connection of a node takes over from the older one", "[server]") {
  const test::TempDir dir;
  const Cluster cluster(dir / "state");
  const auto old = cluster.agent("a");
  const auto young = cluster.agent("a");
  CHECK(old->wait_for_end().error_code() == grpc::StatusCode::ABORTED);
  std::uint64_t job = 0;
  REQUIRE(cluster.submit(kDocument, job).ok());
  run_task(*young);
  CHECK(cluster.get("1").state() == v1::JOB_STATE_SUCCEEDED);
}

TEST_CASE("callers without the token, and clients that are too old, are told so", "[server]") {
  const test::TempDir dir;
  const Cluster cluster(dir / "state");
  v1::Cluster response;
  grpc::ClientContext bare;
  CHECK(cluster.nodes->GetCluster(&bare, {}, &response).error_code() ==
        grpc::StatusCode::UNAUTHENTICATED);
  const auto old = Cluster::context();
  old->AddMetadata("dl-api", "0");
  const grpc::Status status = cluster.nodes->GetCluster(old.get(), {}, &response);
  CHECK(status.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  CHECK(status.error_message() ==
        "this client speaks API 0, the coordinator needs at least 1; install the coordinator's "
        "version of dlctl (dlctl version)");
  CHECK(cluster.nodes->GetCluster(Cluster::context().get(), {}, &response).ok());
}

TEST_CASE("a bad document is refused with its places, and starts nothing", "[server]") {
  const test::TempDir dir;
  const Cluster cluster(dir / "state");
  std::uint64_t job = 0;
  const grpc::Status status = cluster.submit("name: x\ncomand: y\n", job);
  CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK_THAT(status.error_message(), Catch::Contains("spec:2:1: "));
  v1::ListJobsResponse listed;
  CHECK(cluster.jobs->ListJobs(Cluster::context().get(), {}, &listed).ok());
  CHECK(listed.jobs().empty());
}

TEST_CASE("one coordinator a state directory, one a port", "[server]") {
  const test::TempDir dir;
  const Cluster cluster(dir / "state");
  ServerOptions options;
  options.state_dir = dir / "state";
  options.listen = cluster.server->address();
  options.token = kToken;
  const auto same_dir = Server::start(options);
  REQUIRE(same_dir.has_error());
  CHECK_THAT(same_dir.error().message, Catch::Contains("is in use by process "));
  options.state_dir = dir / "other";
  const auto same_port = Server::start(options);
  REQUIRE(same_port.has_error());
  CHECK_THAT(same_port.error().message, Catch::Contains("Address already in use"));
}

TEST_CASE("with a full disk nothing is lost or started, and it goes on by itself", "[server]") {
  const test::TempDir dir;
  const Cluster cluster(dir / "state");
  std::uint64_t job = 0;
  {
    auto agent = cluster.agent("a");
    REQUIRE(cluster.submit(kDocument, job).ok());
    run_task(*agent);
  }
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  rlimit full = limit;
  full.rlim_cur = std::filesystem::file_size(dir / "state/coordinator.db-wal");
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &full) == 0);
  const grpc::Status status = cluster.submit(kDocument, job);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK_THAT(status.error_message(),
             Catch::Contains("coordinator.db cannot grow, the disk is full"));

  // It tries again a second later.
  grpc::Status again;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  do {
    again = cluster.submit(kDocument, job);
  } while (!again.ok() && std::chrono::steady_clock::now() < deadline);
  INFO(again.error_message());
  REQUIRE(again.ok());
  CHECK(job == 2);
  CHECK(cluster.get("1").state() == v1::JOB_STATE_SUCCEEDED);
}

}  // namespace dl::runtime::server
