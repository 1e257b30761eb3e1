#include "tests/bench/submit/launch.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "dl/v1/jobs.grpc.pb.h"

namespace dl::bench {
namespace {

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::unique_ptr<grpc::ClientContext> context(const LaunchOptions& options) {
  auto made = std::make_unique<grpc::ClientContext>();
  made->AddMetadata("authorization", "Bearer " + options.token);
  made->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  return made;
}

double launch(v1::JobService::Stub& stub, const LaunchOptions& options,
              const std::filesystem::path& file) {
  v1::SubmitJobRequest request;
  request.set_document("name: launch\ncommand: \"exec " DL_CLOCK_PROGRAM " " + file.string() +
                       "\"\nroles: {worker: {cpus: 1}}\n");
  v1::SubmitJobResponse response;
  const std::int64_t begin = now_ns();
  const auto submit_context = context(options);
  const auto submitted = stub.SubmitJob(submit_context.get(), request, &response);
  if (!submitted.ok()) throw std::runtime_error("submit: " + submitted.error_message());
  v1::WatchJobRequest watch;
  watch.set_job(std::to_string(response.job()));
  const auto watch_context = context(options);
  const auto stream = stub.WatchJob(watch_context.get(), watch);
  v1::JobEvent event;
  while (stream->Read(&event)) {
  }
  std::int64_t started = 0;
  std::ifstream(file) >> started;
  if (started == 0) throw std::runtime_error("job: " + event.message());
  return static_cast<double>(started - begin) / 1e6;
}

}  // namespace

std::vector<double> run_launches(const LaunchOptions& options) {
  const auto stub = v1::JobService::NewStub(
      grpc::CreateChannel(options.address, grpc::InsecureChannelCredentials()));
  std::vector<double> latencies_ms;
  for (std::uint32_t i = 0; i < options.launches; ++i) {
    // Idle means idle: the last job's folder is tidied and its slot offered again.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    latencies_ms.push_back(launch(*stub, options, options.scratch / std::to_string(i)));
  }
  std::sort(latencies_ms.begin(), latencies_ms.end());
  return latencies_ms;
}

}  // namespace dl::bench
