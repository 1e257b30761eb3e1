// Servers are killed (SIGKILL) at random moments, the gang is started again, and in the end every
// push that was acknowledged is in the tables once. Real processes over TCP.

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <random>
#include <thread>
#include <vector>

#include "worker/paramserver/client.h"
#include "worker/paramserver/server.h"
#include "worker/transport/testing/gang.h"

namespace dl::worker::paramserver {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using transport::Rank;
using SteadyClock = std::chrono::steady_clock;

constexpr std::uint32_t kWorkers = 2;
constexpr std::uint32_t kServers = 2;
constexpr std::uint64_t kElements = 300'000;  // Three ranges for one server, two for the other.
constexpr std::uint64_t kRows = 500;
constexpr std::uint32_t kColumns = 4;
constexpr std::uint64_t kRowsOfPush = 60;

struct Setting {
  Consistency consistency;
  bool replicate;  // Then the machine of the killed server is lost with its files.
  bool rows;
};

// What outlives the processes of a round.
struct Shared {
  std::atomic<Clock> acknowledged[kWorkers];  // The workers' own word.
  std::atomic<std::uint32_t> connected;       // Ranks …
  std::atomic<std::uint32_t> begun;  // … and workers that have been initialised, in this round.
  std::atomic<Clock> clocks_max;
};

float delta_of(Rank worker, Clock clock, std::uint64_t element) {
  return static_cast<float>((worker + 1) * (clock % 5 + 1) * (element % 3 + 1));
}

std::uint64_t position_of(Clock clock) { return 100 * clock; }

std::uint64_t row_of(Rank worker, Clock clock, std::uint64_t i) {
  return (worker * 31 + clock * 17 + i * 7) % kRows;
}

Tables tables_of(const Setting& setting) {
  Tables tables{.dense = {{"model", {{"weight", kElements}}}}};
  if (setting.rows) tables.sparse = {{.name = "words", .rows = kRows, .columns = kColumns}};
  return tables;
}

// What the exit status of a worker says.
enum Verdict {
  kDone = 0,
  kCutOff = 1,
  kLost = 3,
  kInvented = 4,
  kWrongSum = 5,
  kWrongPosition = 6,
};

class Worker {
 public:
  Worker(Client& client, Rank rank, const Setting& setting, Shared& shared)
      : client_(client), rank_(rank), setting_(setting), shared_(shared), values_(kElements) {}

  Verdict run() {
    const std::array<std::span<float>, 1> spans = {values_};
    if (client_.init(spans).has_error()) return kCutOff;
    const Clock known = client_.standing().clock;
    if (known < shared_.acknowledged[rank_]) return kLost;
    if (known > shared_.acknowledged[rank_] + 1) return kInvented;
    if (client_.standing().position != position_of(known)) return kWrongPosition;
    // Said by the servers, so it counts as acknowledged, though the answer to the push was lost.
    shared_.acknowledged[rank_] = known;
    ++shared_.begun;
    for (Clock clock = known + 1; clock <= shared_.clocks_max; ++clock) {
      if (!push(clock)) return kCutOff;
      shared_.acknowledged[rank_] = clock;
      if (setting_.consistency == Consistency::kSynchronous && !right(clock)) return kWrongSum;
    }
    return check_all();
  }

 private:
  bool push(Clock clock) {
    std::vector<float> delta(kElements);
    for (std::uint64_t e = 0; e < kElements; ++e) delta[e] = delta_of(rank_, clock, e);
    const PushOptions options{.kind = PushKind::kDelta, .position = position_of(clock)};
    if (client_.push_pull(0, delta, options, values_).has_error()) return false;
    if (!setting_.rows) return true;
    std::vector<std::uint64_t> ids(kRowsOfPush);
    for (std::uint64_t i = 0; i < kRowsOfPush; ++i) ids[i] = row_of(rank_, clock, i);
    const std::vector<float> ones(kRowsOfPush * kColumns, 1);
    return client_.push_rows(1, ids, ones, options).has_value();
  }

  // Whether values_ are the sum of all workers' pushes up to `clock`.
  bool right(Clock clock) const {
    std::array<float, 3> sums{};
    for (Rank worker = 0; worker < kWorkers; ++worker) {
      for (Clock c = 1; c <= clock; ++c) {
        for (std::uint64_t e = 0; e < 3; ++e) sums[e] += delta_of(worker, c, e);
      }
    }
    for (std::uint64_t e = 0; e < kElements; ++e) {
      if (values_[e] != sums[e % 3]) return false;
    }
    return true;
  }

  Verdict check_all() {
    for (Rank worker = 0; worker < kWorkers; ++worker) {
      while (shared_.acknowledged[worker] < shared_.clocks_max) {
        std::this_thread::sleep_for(1ms);
        if (client_.pull(0, values_).has_error()) return kCutOff;  // Notices a death.
      }
    }
    if (client_.pull(0, values_).has_error()) return kCutOff;
    if (!right(shared_.clocks_max)) return kWrongSum;
    if (setting_.rows) {
      std::vector<float> expected(kRows), rows(kRows * kColumns);
      std::vector<std::uint64_t> ids(kRows);
      for (std::uint64_t row = 0; row < kRows; ++row) ids[row] = row;
      for (Rank worker = 0; worker < kWorkers; ++worker) {
        for (Clock clock = 1; clock <= shared_.clocks_max; ++clock) {
          for (std::uint64_t i = 0; i < kRowsOfPush; ++i) ++expected[row_of(worker, clock, i)];
        }
      }
      if (client_.pull_rows(1, ids, rows).has_error()) return kCutOff;
      for (std::uint64_t i = 0; i < rows.size(); ++i) {
        if (rows[i] != expected[i / kColumns]) return kWrongSum;
      }
    }
    return client_.finish().has_error() ? kCutOff : kDone;
  }

  Client& client_;
  const Rank rank_;
  const Setting& setting_;
  Shared& shared_;
  std::vector<float> values_;
};

// One process of the gang.
int run_rank(Rank rank, const std::vector<transport::tcp::PeerAddress>& addresses,
             const Setting& setting, const fs::path& root, Shared& shared) {
  auto mesh = transport::tcp::connect({.rank = rank, .peers = addresses, .secret = "of this test"});
  if (mesh.has_error()) return kCutOff;
  ++shared.connected;
  if (rank >= kWorkers) {
    const ServerOptions options{.workers = kWorkers,
                                .consistency = setting.consistency,
                                .folder = root / ("node" + std::to_string(rank)),
                                .run = "test",
                                .replicate = setting.replicate};
    const auto served = serve(**mesh, options);
    if (served.has_value()) return kDone;
    if (served.error().code != Code::kUnavailable) {
      std::fprintf(stderr, "rank %u: %s\n", rank, to_string(served.error()).c_str());
      return kLost;
    }
    return kCutOff;
  }
  auto client = Client::join(**mesh, {.workers = kWorkers, .tables = tables_of(setting)});
  if (client.has_error()) return kCutOff;
  return Worker(**client, rank, setting, shared).run();
}

class Gang {
 public:
  explicit Gang(const Setting& setting) : setting_(setting) {
    std::string pattern = (fs::temp_directory_path() / "dl-ps-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    void* memory =
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared_ = new (memory) Shared{};
  }
  ~Gang() {
    fs::remove_all(root_);
    ::munmap(shared_, sizeof(Shared));
  }

  Shared& shared() { return *shared_; }

  void start() {
    shared_->begun = 0;
    shared_->connected = 0;
    const auto addresses = transport::testing::free_addresses(kWorkers + kServers);
    for (Rank rank = 0; rank < kWorkers + kServers; ++rank) {
      const pid_t pid = ::fork();
      if (pid == 0) ::_exit(run_rank(rank, addresses, setting_, root_, *shared_));
      pids_.push_back(pid);
    }
  }

  void kill(Rank rank) {
    ::kill(pids_[rank], SIGKILL);
    ::waitpid(pids_[rank], nullptr, 0);
    pids_[rank] = 0;
    if (setting_.replicate) fs::remove_all(root_ / ("node" + std::to_string(rank)));
  }

  // The statuses of all that are left; −1: it hung.
  std::vector<int> wait() {
    std::vector<int> statuses;
    const auto deadline = SteadyClock::now() + 20s;
    for (const pid_t pid : pids_) {
      if (pid == 0) continue;
      int status = 0;
      while (::waitpid(pid, &status, WNOHANG) == 0) {
        if (SteadyClock::now() > deadline) {
          ::kill(pid, SIGKILL);
          ::waitpid(pid, &status, 0);
          break;
        }
        std::this_thread::sleep_for(1ms);
      }
      statuses.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    }
    pids_.clear();
    return statuses;
  }

 private:
  const Setting setting_;
  fs::path root_;
  Shared* shared_ = nullptr;
  std::vector<pid_t> pids_;
};

void kill_again_and_again(const Setting& setting, int rounds) {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  std::minstd_rand random(seed);
  Gang gang(setting);
  gang.shared().clocks_max = ~Clock{0} / 2;
  for (int round = 0; round < rounds; ++round) {
    gang.start();
    // A machine that is lost before its last loss has been made good is more than a replica stands.
    const auto& counter = setting.replicate ? gang.shared().begun : gang.shared().connected;
    const auto deadline = SteadyClock::now() + 10s;
    while (counter < (setting.replicate ? kWorkers : kWorkers + kServers)) {
      if (SteadyClock::now() > deadline) {
        // −1: still there after 20 s more.
        FAIL("round " << round << ": no start; statuses "
                      << Catch::StringMaker<std::vector<int>>::convert(gang.wait()));
      }
      std::this_thread::sleep_for(200us);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 120'000));
    gang.kill(kWorkers + static_cast<Rank>(random() % kServers));
    for (const int status : gang.wait()) {
      INFO("round " << round);
      REQUIRE(status == kCutOff);
    }
  }
  const Clock most =
      std::max(gang.shared().acknowledged[0].load(), gang.shared().acknowledged[1].load());
  REQUIRE(most > 0);
  gang.shared().clocks_max = most + 3;
  gang.start();
  for (const int status : gang.wait()) CHECK(status == kDone);
}

TEST_CASE("asynchronous servers lose no acknowledged push when they are killed", "[recovery]") {
  kill_again_and_again({Consistency::kAsynchronous, false, true}, 14);
}

TEST_CASE("hogwild servers lose none either", "[recovery]") {
  kill_again_and_again({Consistency::kHogwild, false, false}, 10);
}

TEST_CASE("synchronous servers go back to a clock that all of them have", "[recovery]") {
  kill_again_and_again({Consistency::kSynchronous, false, true}, 14);
}

TEST_CASE("with replicas a server may be lost with its files", "[recovery]") {
  kill_again_and_again({Consistency::kAsynchronous, true, true}, 6);
  kill_again_and_again({Consistency::kSynchronous, true, true}, 6);
}

}  // namespace
}  // namespace dl::worker::paramserver
