// One rank of the all-reduce bench: meets its peers, then does what standard input says, a line a
// measurement, until it ends.
//
//   allreduce BYTES COUNT   our all-reduce (float32, sum), as the transport chooses it
//   flat, staged, hierarchical, direct, two_shot, ring BYTES COUNT   one of its algorithms
//   copy BYTES COUNT        the ring that only copies
//
// Rank 0 answers each with "KIND BYTES SECONDS": the median time of COUNT calls, each after a
// barrier and as long as on its slowest rank, after calls for a tenth of a second: by then the
// scheduler has given the ranks, which slept before, their cores.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/bench/allreduce/copy_ring.h"
#include "tests/bench/support/rank.h"
#include "worker/collective/allreduce.h"
#include "worker/collective/barrier.h"
#include "worker/transport/shm/connect.h"

namespace dl::bench {
namespace {

using std::chrono::duration;
using std::chrono::steady_clock;
using worker::collective::Communicator;
using worker::collective::CommunicatorOptions;
using worker::transport::Mesh;

constexpr int kWarmUpCalls = 3;  // At a time.
constexpr double kWarmUpSeconds = 0.1;

struct Settings {
  RankOptions self;
  std::string transport = "auto";
  std::string host;
  std::int64_t look_us = 100;
  CommunicatorOptions communicator;
};

struct Order {
  std::string kind;
  std::size_t bytes = 0;
  int count = 0;
};

Result<std::unique_ptr<Mesh>> connect(const Settings& settings) {
  DL_TRY(auto options, connect_options(settings.self));
  options.look = std::chrono::microseconds(settings.look_us);
  DL_TRY(auto mesh, worker::transport::tcp::connect(options));
  if (settings.transport == "tcp") return mesh;
  return worker::transport::shm::connect(std::move(mesh),
                                         {.secret = options.secret, .host = settings.host});
}

// An algorithm that works in shared memory needs all ranks to share it.
Result<void> check_order(const Communicator& communicator, const Order& order) {
  if (order.bytes < sizeof(float) || order.count < 1) return invalid_argument("no size or count");
  const bool in_memory = order.kind == "flat" || order.kind == "staged";
  if (in_memory && !communicator.topology().one_host()) {
    return invalid_argument("the ranks do not share memory");
  }
  return {};
}

Result<void> call_once(Communicator& communicator, const Order& order, std::vector<float>& data) {
  const auto bytes = std::as_writable_bytes(std::span(data));
  if (order.kind == "copy") return copy_ring(communicator, bytes);
  if (order.kind == "flat") return flat_allreduce(communicator, {.data = bytes});
  if (order.kind == "staged") return staged_allreduce(communicator, {.data = bytes});
  if (order.kind == "hierarchical") return hierarchical_allreduce(communicator, {.data = bytes});
  if (order.kind == "direct") return direct_allreduce(communicator, {.data = bytes});
  if (order.kind == "two_shot") return two_shot_allreduce(communicator, {.data = bytes});
  if (order.kind == "ring") return ring_allreduce(communicator, {.data = bytes});
  return allreduce(communicator, {.data = bytes});
}

// The greatest of all ranks' values, one by one.
Result<void> take_greatest(Communicator& communicator, std::span<double> values) {
  return allreduce(communicator, {.data = std::as_writable_bytes(values),
                                  .type = worker::collective::DataType::kFloat64,
                                  .op = worker::collective::ReduceOp::kMax});
}

// The seconds of each of `count` calls here.
Result<std::vector<double>> time_calls(Communicator& communicator, const Order& order, int count,
                                       std::vector<float>& data) {
  std::vector<double> seconds;
  for (int i = 0; i < count; ++i) {
    std::fill(data.begin(), data.end(), 1.0f);
    DL_CHECK(barrier(communicator));
    const auto begin = steady_clock::now();
    DL_CHECK(call_once(communicator, order, data));
    seconds.push_back(duration<double>(steady_clock::now() - begin).count());
    const auto sum = static_cast<float>(order.kind == "copy" ? 1 : communicator.world_size());
    if (data.front() != sum || data.back() != sum) {
      return Error{Code::kInternal, "the sum is wrong"};
    }
  }
  return seconds;
}

// The seconds of each call, on the rank where it took longest: one that leaves the barrier late
// finds the others' part done.
Result<std::vector<double>> measure(Communicator& communicator, const Order& order) {
  std::vector<float> data(order.bytes / sizeof(float));
  const auto begin = steady_clock::now();
  for (double warm = 0; warm < kWarmUpSeconds;) {
    DL_CHECK(time_calls(communicator, order, kWarmUpCalls, data));
    warm = duration<double>(steady_clock::now() - begin).count();
    DL_CHECK(take_greatest(communicator, std::span(&warm, 1)));
  }
  DL_TRY(auto seconds, time_calls(communicator, order, order.count, data));
  DL_CHECK(take_greatest(communicator, seconds));
  return seconds;
}

Result<void> run(const Settings& settings) {
  DL_TRY(auto mesh, connect(settings));
  Communicator communicator(std::move(mesh), settings.communicator);
  std::string line;
  while (std::getline(std::cin, line)) {
    Order order;
    std::istringstream(line) >> order.kind >> order.bytes >> order.count;
    const auto checked = check_order(communicator, order);
    if (checked.has_error()) return with_context("order \"" + line + "\"", checked.error());
    DL_TRY(auto seconds, measure(communicator, order));
    if (communicator.rank() != 0) continue;
    std::nth_element(seconds.begin(), seconds.begin() + order.count / 2, seconds.end());
    std::printf("%s %zu %.9f\n", order.kind.c_str(), order.bytes,
                seconds[static_cast<std::size_t>(order.count / 2)]);
    std::fflush(stdout);
  }
  return {};
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
  dl::bench::Settings settings;
  CLI::App app{"One rank of the all-reduce bench; allreduce_bench.py starts it"};
  settings.self.add_to(app);
  app.add_option("--transport", settings.transport, "auto (shared memory where it can be) or tcp");
  app.add_option("--host", settings.host, "What ranks of one host have in common");
  app.add_option("--look-us", settings.look_us, "Before a rank sleeps");
  app.add_option("--segment-bytes", settings.communicator.segment_bytes);
  app.add_option("--chunk-bytes", settings.communicator.chunk_bytes);
  app.add_option("--round-bytes", settings.communicator.round_bytes);
  CLI11_PARSE(app, argc, argv);
  return exit_code("allreduce_bench", settings.self, dl::bench::run(settings));
}
