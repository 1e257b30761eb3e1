#include "worker/control/report_channel.h"

#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "dl/v1/agent.grpc.pb.h"

using namespace dl::worker::control;
using namespace std::chrono_literals;

namespace {

// An agent: remembers the reports, and acknowledges them unless it is told to hold back.
class FakeAgent : public dl::v1::TaskService::Service {
 public:
  explicit FakeAgent(std::string socket) : socket_(std::move(socket)) { start(); }
  ~FakeAgent() override { stop(); }

  void start() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket_, grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    REQUIRE(server_ != nullptr);
  }
  void stop() {
    if (server_) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }

  grpc::Status Report(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<dl::v1::TaskAck, dl::v1::TaskReport>* stream) override {
    for (dl::v1::TaskReport report; stream->Read(&report);) {
      bool answer = false;
      {
        const std::scoped_lock lock(mutex_);
        reports_.push_back(report);
        answer = acknowledges_;
        changed_.notify_all();
      }
      dl::v1::TaskAck ack;
      ack.set_number(report.number());
      if (answer) stream->Write(ack);
    }
    return grpc::Status::OK;
  }

  void acknowledge(bool on) {
    const std::scoped_lock lock(mutex_);
    acknowledges_ = on;
  }
  std::vector<dl::v1::TaskReport> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 10s, [&] { return reports_.size() >= count; });
    REQUIRE(reports_.size() >= count);
    return reports_;
  }

 private:
  std::string socket_;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<dl::v1::TaskReport> reports_;
  bool acknowledges_ = true;
};

ReportChannelOptions options() {
  ReportChannelOptions options;
  options.socket = (std::filesystem::temp_directory_path() /
                    ("report_channel." + std::to_string(getpid()) + ".sock"))
                       .string();
  options.task = {
      .attempt = {.job = {42}, .trial = 3, .attempt = 2}, .role = dl::Role::kWorker, .index = 1};
  options.retry_after = 20ms;
  return options;
}

Report at_step(std::uint64_t step) {
  Report report;
  report.progress = dl::Progress{.step = step, .loss = 0.5};
  report.metrics = {{.name = "train.loss", .step = step, .value = 0.5}};
  return report;
}

}  // namespace

TEST_CASE("reports arrive numbered, in order and complete", "[control]") {
  FakeAgent agent(options().socket);
  ReportChannel channel(options());
  for (std::uint64_t step = 1; step <= 20; ++step) channel.post(at_step(step));
  Report last;
  last.checkpoint = dl::Checkpoint{.path = "step-1.dlm", .step = 1, .epoch = 1};
  last.failure = dl::Failure{dl::FailureKind::kSpec, "", "data file x: not found"};
  channel.post(last);
  CHECK(channel.close(10s));

  const auto reports = agent.wait_for(21);
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(reports[i].number() == i + 1);
    CHECK(reports[i].step() == i + 1);
    CHECK(reports[i].metrics(0).name() == "train.loss");
    CHECK(reports[i].task().role() == "worker");
    CHECK(reports[i].task().attempt() == 2);
  }
  CHECK(reports[20].checkpoint_path() == "step-1.dlm");
  CHECK(reports[20].failure_kind() == "spec");
  CHECK_FALSE(reports[20].has_progress());
}

TEST_CASE("what was not acknowledged is repeated after the agent's restart", "[control]") {
  FakeAgent agent(options().socket);
  agent.acknowledge(false);
  ReportChannel channel(options());
  channel.post(at_step(1));
  channel.post(at_step(2));
  agent.wait_for(2);
  agent.stop();
  channel.post(at_step(3));
  agent.acknowledge(true);
  agent.start();
  CHECK(channel.close(10s));
  const auto reports = agent.wait_for(5);
  CHECK(reports[2].number() == 1);
  CHECK(reports[3].number() == 2);
  CHECK(reports[4].number() == 3);
}

TEST_CASE("a worker reports to an agent that comes later", "[control]") {
  ReportChannel channel(options());
  channel.post(at_step(1));
  FakeAgent agent(options().socket);
  CHECK(channel.close(10s));
  CHECK(agent.wait_for(1)[0].step() == 1);
}

TEST_CASE("with nobody there, reports are merged and closing does not wait for ever", "[control]") {
  ReportChannelOptions narrow = options();
  narrow.window = 2;
  ReportChannel channel(narrow);
  for (std::uint64_t step = 1; step <= 100; ++step) channel.post(at_step(step));
  CHECK_FALSE(channel.close(50ms));
}

TEST_CASE("merged reports lose no metric and no number", "[control]") {
  FakeAgent agent(options().socket);
  agent.acknowledge(false);
  ReportChannelOptions narrow = options();
  narrow.window = 2;
  ReportChannel channel(narrow);
  for (std::uint64_t step = 1; step <= 10; ++step) channel.post(at_step(step));
  agent.wait_for(2);
  agent.stop();
  agent.acknowledge(true);
  agent.start();
  CHECK(channel.close(10s));
  const auto reports = agent.wait_for(5);
  CHECK(reports.back().number() == 3);
  CHECK(reports.back().step() == 10);
  CHECK(reports.back().metrics_size() == 8);
}

TEST_CASE("merging keeps the newest metrics", "[control]") {
  Report report = at_step(1);
  for (std::uint64_t step = 2; step <= 9; ++step) merge(report, at_step(step), 3);
  REQUIRE(report.metrics.size() == 3);
  CHECK(report.metrics.front().step == 7);
  CHECK(report.progress->step == 9);
}

TEST_CASE("without a socket nothing is reported and nothing is waited for", "[control]") {
  ReportChannelOptions nowhere = options();
  nowhere.socket.clear();
  ReportChannel channel(nowhere);
  channel.post(at_step(1));
  CHECK(channel.close(10s));
}
