#include "tests/bench/submit/load.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "dl/v1/jobs.grpc.pb.h"

namespace dl::bench {
namespace {

using Clock = std::chrono::steady_clock;

// What the clients share.
struct Run {
  Clock::time_point measure_from;
  Clock::time_point end;
  std::string authorization;
  std::atomic<std::uint64_t> acknowledged{0};
  std::mutex mutex;
  std::condition_variable ended;
  std::size_t clients_left = 0;
  std::string error;
};

class Client {
 public:
  Client(Run& run, const std::string& address, std::uint32_t number) : run_(run), number_(number) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    stub_ = v1::JobService::NewStub(channel_);
  }

  void connect() const {
    channel_->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10));
  }

  void submit() {
    context_ = std::make_unique<grpc::ClientContext>();
    context_->AddMetadata("authorization", run_.authorization);
    request_.set_document("name: load-" + std::to_string(number_) + "-" + std::to_string(count_++) +
                          "\ncommand: \"true\"\nroles: {worker: {cpus: 1}}\n");
    begin_ = Clock::now();
    stub_->async()->SubmitJob(context_.get(), &request_, &response_,
                              [this](const grpc::Status& status) { on_answer(status); });
  }

  const std::vector<double>& latencies_ms() const { return latencies_ms_; }

 private:
  void on_answer(const grpc::Status& status) {
    const auto now = Clock::now();
    if (status.ok()) {
      ++run_.acknowledged;
      if (begin_ >= run_.measure_from && now <= run_.end) {
        latencies_ms_.push_back(std::chrono::duration<double, std::milli>(now - begin_).count());
      }
      if (now < run_.end) return submit();
    }
    const std::lock_guard lock(run_.mutex);
    if (!status.ok() && run_.error.empty()) run_.error = status.error_message();
    --run_.clients_left;
    run_.ended.notify_all();
  }

  Run& run_;
  const std::uint32_t number_;
  std::uint64_t count_ = 0;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::JobService::Stub> stub_;
  std::unique_ptr<grpc::ClientContext> context_;
  v1::SubmitJobRequest request_;
  v1::SubmitJobResponse response_;
  Clock::time_point begin_;
  std::vector<double> latencies_ms_;
};

}  // namespace

LoadResult run_load(const LoadOptions& options) {
  Run run;
  run.authorization = "Bearer " + options.token;
  std::vector<std::unique_ptr<Client>> clients;
  for (std::uint32_t i = 0; i < options.clients; ++i) {
    clients.push_back(std::make_unique<Client>(run, options.address, i));
    clients.back()->connect();
  }
  run.clients_left = clients.size();
  run.measure_from = Clock::now() + options.warm_up;
  run.end = run.measure_from + options.duration;
  for (const auto& client : clients) client->submit();
  {
    std::unique_lock lock(run.mutex);
    run.ended.wait(lock, [&] { return run.clients_left == 0; });
  }
  LoadResult result;
  result.acknowledged = run.acknowledged;
  result.error = run.error;
  for (const auto& client : clients) {
    result.latencies_ms.insert(result.latencies_ms.end(), client->latencies_ms().begin(),
                               client->latencies_ms().end());
  }
  std::sort(result.latencies_ms.begin(), result.latencies_ms.end());
  result.submits_per_second = static_cast<double>(result.latencies_ms.size()) /
                              std::chrono::duration<double>(options.duration).count();
  return result;
}

double quantile(const std::vector<double>& values, double q) {
  if (values.empty()) return 0;
  const auto place = static_cast<std::size_t>(q * static_cast<double>(values.size() - 1) + 0.5);
  return values[place];
}

}  // namespace dl::bench
