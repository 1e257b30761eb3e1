#include "worker/collective/testing/killed_rank.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>

#include "worker/collective/testing/gangs.h"

namespace dl::worker::collective::testing {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using transport::Rank;
using transport::tcp::PeerAddress;

constexpr std::uint32_t kWorld = 4;

// All-reduces until one fails, and returns that failure.
Error sum_until_failure(const KilledRank& test, Rank rank, const std::vector<PeerAddress>& peers,
                        std::atomic<int>& rounds) {
  auto mesh = test.connect(rank, peers);
  if (!mesh) {
    rounds = test.rounds;  // Else the test would wait for rounds that never come.
    return mesh.error();
  }
  Communicator communicator(*std::move(mesh));
  for (;; ++rounds) {
    const auto done = sum_of(communicator, test.elements);
    if (!done) return done.error();
  }
}

}  // namespace

pid_t check_killed_rank_is_named(const KilledRank& test) {
  struct Survivor {
    Rank rank = 0;
    Error error;
    steady_clock::time_point seen;
  };
  const auto peers = free_addresses(kWorld);
  std::atomic<int> rounds = 0;
  const pid_t child = ::fork();
  if (child == 0) {
    (void)sum_until_failure(test, test.victim, peers, rounds);
    ::_exit(1);
  }
  std::vector<Survivor> survivors;
  for (Rank rank = 0; rank < kWorld; ++rank) {
    if (rank != test.victim) survivors.push_back({.rank = rank});
  }
  std::vector<std::thread> threads;
  for (Survivor& survivor : survivors) {
    threads.emplace_back([&] {
      survivor.error = sum_until_failure(test, survivor.rank, peers, rounds);
      survivor.seen = steady_clock::now();
    });
  }
  while (rounds < test.rounds) std::this_thread::yield();
  const auto killed = steady_clock::now();
  ::kill(child, SIGKILL);
  for (std::thread& thread : threads) thread.join();
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  const std::string name = ": rank " + std::to_string(test.victim) + " (127.0.0.1:";
  for (const Survivor& survivor : survivors) {
    CHECK(survivor.error.code == Code::kUnavailable);
    CHECK_THAT(survivor.error.message, Catch::Contains(name));
    CHECK(survivor.seen - killed < 1s);
  }
  return child;
}

}  // namespace dl::worker::collective::testing
