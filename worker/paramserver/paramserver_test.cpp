// Clients and servers together: gangs whose ranks are threads of this process.

#include <array>
#include <barrier>
#include <catch2/catch.hpp>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <thread>

#include "worker/paramserver/client.h"
#include "worker/paramserver/key_ranges.h"
#include "worker/paramserver/server.h"
#include "worker/paramserver/testing/job.h"
#include "worker/paramserver/update/update.h"

namespace dl::worker::paramserver {
namespace {

using namespace std::chrono_literals;
using testing::Job;
using transport::Mesh;
using transport::Rank;
using transport::testing::expect;
using transport::testing::Kind;
using transport::testing::must;
using transport::testing::must_fail;

// More than two ranges for each of two servers, and a bit.
constexpr std::uint64_t kElements = 5 * KeyRanges::kRangeElementsMax + 12'345;
constexpr PushOptions kDelta{.kind = PushKind::kDelta};

Tables dense(std::uint64_t elements = kElements) {
  return {.dense = {{"model", {{"weight", elements - 5}, {"bias", 5}}}}};
}
Tables sparse(std::uint64_t rows, std::uint32_t columns) {
  return {.sparse = {{.name = "words", .rows = rows, .columns = columns}}};
}

// Whole numbers, so that sums are exact in any order.
std::vector<float> whole_numbers(std::uint64_t elements, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<float> values(elements);
  for (float& value : values) value = static_cast<float>(random() % 201) - 100.0f;
  return values;
}
std::vector<float> fractions(std::uint64_t elements, unsigned seed) {
  auto values = whole_numbers(elements, seed);
  for (float& value : values) value /= 997.0f;
  return values;
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

TEST_CASE("synchronous training gives the bits of one process", "[paramserver]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp);
  const UpdateOptions adam{.scale = 1.0f / 3, .rule = Rule::kAdam, .weight_decay = 0.01f};
  // The same in one process: gradients summed in the order of ranks, then a step of Adam.
  std::vector<float> values(kElements), mean(kElements), square(kElements);
  for (unsigned clock = 1; clock <= 3; ++clock) {
    auto sum = fractions(kElements, clock * 10);
    for (unsigned rank : {1u, 2u}) add(sum.data(), fractions(kElements, clock * 10 + rank));
    Update::gradient(adam, adam.scale, 0.1f, clock)
        .run(values.data(), mean.data(), square.data(), sum);
  }
  testing::run({.kind = kind, .workers = 3, .tables = dense(), .server = {.update = adam}},
               [&](Client& client, Rank rank) {
                 std::vector<float> mine(kElements);
                 for (unsigned clock = 1; clock <= 3; ++clock) {
                   const auto gradient = fractions(kElements, clock * 10 + rank);
                   const PushOptions options{.learning_rate = 0.1f};
                   if (clock == 2) {
                     must(client.push(0, gradient, options));
                     must(client.pull(0, mine));
                   } else {
                     must(client.push_pull(0, gradient, options, mine));
                   }
                 }
                 expect(same_bits(mine, values), "not a bit is different");
                 expect(client.statistics().push_staleness[0] == 3, "no push was stale");
                 expect(client.statistics().clock_gap[0] == client.statistics().pulls,
                        "nor a pull");
               });
}

TEST_CASE("in the other modes every push is added once", "[paramserver]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp);
  const auto mode =
      GENERATE(Consistency::kAsynchronous, Consistency::kHogwild, Consistency::kBoundedStaleness);
  constexpr std::uint32_t kWorkers = 3, kClocks = 4;
  std::vector<float> sum(kElements);
  for (unsigned i = 0; i < kWorkers * kClocks; ++i) add(sum.data(), whole_numbers(kElements, i));
  std::barrier all(kWorkers);
  const auto report = testing::run({.kind = kind,
                                    .workers = kWorkers,
                                    .tables = dense(),
                                    .server = {.consistency = mode, .staleness = 1}},
                                   [&](Client& client, Rank rank) {
                                     std::vector<float> values(kElements);
                                     for (unsigned clock = 0; clock < kClocks; ++clock) {
                                       const auto delta =
                                           whole_numbers(kElements, rank * kClocks + clock);
                                       if ((clock + rank) % 2 == 0) {
                                         must(client.push_pull(0, delta, kDelta, values));
                                       } else {
                                         must(client.push(0, delta, kDelta));
                                       }
                                     }
                                     all.arrive_and_wait();
                                     must(client.pull(0, values));
                                     expect(same_bits(values, sum), "the sum of all pushes");
                                   });
  CHECK(report.pushes == 2 * kWorkers * kClocks);
  CHECK(report.repeats == 0);
}

TEST_CASE("rank 0 gives the first values of dense tables and of rows", "[paramserver]") {
  const auto servers = GENERATE(1u, 3u);
  constexpr std::uint64_t kRows = 1001;
  constexpr std::uint32_t kColumns = 3;
  Tables tables = sparse(kRows, kColumns);
  tables.dense = dense(1000).dense;
  const auto first = fractions(kRows * kColumns, 7);
  std::vector<std::uint64_t> ids(kRows);
  std::iota(ids.begin(), ids.end(), 0u);
  transport::testing::spawn({.world_size = 2 + servers}, [&](std::unique_ptr<Mesh> mesh) {
    if (mesh->rank() >= 2) {
      must(serve(*mesh, {.workers = 2, .update = {.rule = Rule::kAdam}}));
      return;
    }
    auto client = must(Client::join(*mesh, {.workers = 2, .tables = tables}));
    // Those of rank 1 are not asked for.
    const bool leads = mesh->rank() == 0;
    std::vector<float> whole(1000, leads ? 5.0f : 6.0f);
    const std::vector<float> rows = leads ? first : std::vector<float>(first.size(), 9.0f);
    const std::array<std::span<float>, 1> dense_values = {whole};
    const std::array<std::span<const float>, 1> row_values = {rows};
    must(client->init(dense_values, row_values));
    expect(whole == std::vector<float>(1000, 5.0f), "rank 0's dense values");
    std::vector<float> pulled(first.size());
    must(client->pull_rows(1, ids, pulled));
    expect(same_bits(pulled, first), "rank 0's rows");
    must(client->finish());
  });
}

TEST_CASE("first values that are not as long as their table are refused", "[paramserver]") {
  transport::testing::spawn({.world_size = 2}, [&](std::unique_ptr<Mesh> mesh) {
    if (mesh->rank() == 1) {
      must(serve(*mesh, {}));
      return;
    }
    auto client = must(Client::join(*mesh, {.tables = sparse(10, 2)}));
    const std::vector<float> rows(19);
    const std::array<std::span<const float>, 1> row_values = {rows};
    expect(must_fail(client->init({}, row_values)).message ==
               "table \"words\" has 20 elements, and 19 were given",
           "says what there is and what was given");
    must(client->init({}));
    must(client->finish());
  });
}

TEST_CASE("bounded staleness holds between real threads", "[paramserver]") {
  const auto staleness = GENERATE(0, 2);
  std::atomic<std::uint64_t> at_bound = 0;
  testing::run(
      {.workers = 3,
       .tables = dense(1000),
       .server = {.consistency = Consistency::kBoundedStaleness, .staleness = staleness}},
      [&](Client& client, Rank rank) {
        std::minstd_rand random(rank + 1);
        std::vector<float> values(1000), delta(1000, 1);
        for (int clock = 0; clock < 40; ++clock) {
          // Rank 0 lags behind, so the others run into the bound.
          std::this_thread::sleep_for(std::chrono::microseconds(rank == 0 ? 1500 : random() % 300));
          must(client.push_pull(0, delta, kDelta, values));
        }
        const auto& gaps = client.statistics().clock_gap;
        for (std::size_t gap = 0; gap < gaps.size(); ++gap) {
          expect(gaps[gap] == 0 || gap <= static_cast<std::size_t>(staleness),
                 "no gap is beyond the bound");
        }
        at_bound += gaps[static_cast<std::size_t>(staleness)];
      });
  CHECK(at_bound > 20);
}

TEST_CASE("DynSGD divides a push by its staleness and one", "[paramserver]") {
  std::barrier both(2);
  testing::run({.tables = dense(100),
                .server = {.consistency = Consistency::kAsynchronous,
                           .update = {.scale = 0.5f, .divide_by_staleness = true}}},
               [&](Client& client, Rank rank) {
                 std::vector<float> values(100);
                 const std::vector<float> delta(100, 12);
                 must(client.pull(0, values));
                 both.arrive_and_wait();
                 if (rank == 1) {
                   must(client.push(0, delta, kDelta));  // Has missed nothing: + 6.
                   must(client.push(0, delta, kDelta));  // Nor now, but its own: + 6.
                 }
                 both.arrive_and_wait();
                 // Has missed two: + 12 · 0.5 / 3.
                 if (rank == 0) {
                   must(client.push_pull(0, delta, kDelta, values));
                   expect(values[99] == 14, "6 + 6 + 2");
                   expect(client.statistics().push_staleness[2] == 1, "the histogram says so too");
                   must(client.push_pull(0, delta, kDelta, values));
                   expect(values[0] == 20, "what it has pulled is not stale");
                 }
                 both.arrive_and_wait();
               });
}

TEST_CASE("rows are pushed and pulled by id, each once", "[paramserver]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp);
  const auto mode = GENERATE(Consistency::kSynchronous, Consistency::kAsynchronous);
  constexpr std::uint32_t kColumns = 3;
  const auto report = testing::run(
      {.kind = kind, .tables = sparse(1000, kColumns), .server = {.consistency = mode}},
      [&](Client& client, Rank rank) {
        // Row 7 twice; row 500 from both workers.
        const std::uint64_t own = 100 + rank;
        const std::vector<std::uint64_t> ids = {7, 500, own, 7};
        std::vector<float> updates;
        for (float v : {1.0f, 2.0f, 3.0f, 4.0f}) updates.insert(updates.end(), kColumns, v);
        must(client.push_rows(0, ids, updates, kDelta));
        must(client.push_rows(0, {}, {}, kDelta));
        const std::vector<std::uint64_t> asked = {own, own, 999};
        std::vector<float> rows(asked.size() * kColumns, -1);
        must(client.pull_rows(0, asked, rows));
        expect(rows == std::vector<float>{3, 3, 3, 3, 3, 3, 0, 0, 0}, "own rows, and an old one");
        if (mode != Consistency::kSynchronous) return;
        const std::vector<std::uint64_t> shared = {500, 7};
        rows.resize(6);
        must(client.pull_rows(0, shared, rows));
        expect(rows == std::vector<float>{4, 4, 4, 10, 10, 10}, "the sums of both workers");
      });
  CHECK(report.rows_pushed == 6);
}

TEST_CASE("rows begin with the same values on any number of servers", "[paramserver]") {
  std::vector<std::vector<float>> seen;
  for (const std::uint32_t servers : {1u, 3u}) {
    Tables tables = sparse(50, 4);
    tables.sparse[0].initial_bound = 0.5f;
    tables.sparse[0].seed = 9;
    testing::run({.workers = 1, .servers = servers, .tables = tables}, [&](Client& client, Rank) {
      std::vector<std::uint64_t> ids(50);
      for (std::uint64_t i = 0; i < 50; ++i) ids[i] = i;
      std::vector<float> rows(200);
      must(client.pull_rows(0, ids, rows));
      seen.push_back(rows);
    });
  }
  CHECK(seen[0] == seen[1]);
  CHECK(*std::max_element(seen[0].begin(), seen[0].end()) > 0.4f);
  CHECK(*std::max_element(seen[0].begin(), seen[0].end()) <= 0.5f);
  CHECK(*std::min_element(seen[0].begin(), seen[0].end()) < -0.4f);
}

TEST_CASE("rows of an optimizer step on their own", "[paramserver]") {
  const auto rule = GENERATE(Rule::kAdagrad, Rule::kAdam);
  const UpdateOptions update{.rule = rule};
  testing::run(
      {.workers = 1,
       .tables = sparse(10, 2),
       .server = {.consistency = Consistency::kAsynchronous, .update = update}},
      [&](Client& client, Rank) {
        const std::vector<float> gradient = {0.5f, -2};
        const std::vector<std::uint64_t> often = {3}, once = {4};
        const PushOptions options{.learning_rate = 0.1f};
        must(client.push_rows(0, often, gradient, options));
        must(client.push_rows(0, often, gradient, options));
        must(client.push_rows(0, once, gradient, options));
        const std::vector<std::uint64_t> both = {3, 4};
        std::vector<float> rows(4);
        must(client.pull_rows(0, both, rows));
        std::vector<float> first(2), second(2), expected(4);
        for (unsigned t : {1u, 2u}) {
          Update::gradient(update, 1, 0.1f, t).run(&expected[0], &first[0], &second[0], gradient);
        }
        std::vector<float> first_of_once(2), second_of_once(2);
        Update::gradient(update, 1, 0.1f, 1)
            .run(&expected[2], &first_of_once[0], &second_of_once[0], gradient);
        expect(same_bits(rows, expected), "each row has steps of its own");
      });
}

TEST_CASE("two dense tables and a sparse one are independent", "[paramserver]") {
  Tables tables = dense(100);
  tables.dense.push_back({"second", {{"other", 70'000}}});
  tables.sparse.push_back({.name = "words", .rows = 10, .columns = 2});
  testing::run({.workers = 2, .servers = 3, .tables = tables}, [&](Client& client, Rank) {
    std::vector<float> first(100), second(70'000), rows(2);
    const std::vector<float> ones(70'000, 1);
    const std::vector<std::uint64_t> ids = {4};
    for (int clock = 1; clock <= 3; ++clock) {
      must(client.push_pull(1, ones, kDelta, second));
      must(client.push_rows(2, ids, std::span(ones).first(2), kDelta));
      must(client.push_pull(0, std::span(ones).first(100), kDelta, first));
      must(client.pull_rows(2, ids, rows));
      expect(first[99] == 2.0f * static_cast<float>(clock), "both workers' pushes");
      expect(second[69'999] == first[0] && rows[1] == first[0], "in each table");
    }
  });
}

// What each worker is told when joining or training fails.
std::vector<std::string> failures(const Job& job,
                                  const std::function<Result<void>(Mesh&)>& worker) {
  std::vector<std::string> messages(job.workers);
  ServerOptions options = job.server;
  options.workers = job.workers;
  transport::testing::spawn({.kind = job.kind, .world_size = job.workers + job.servers},
                            [&](std::unique_ptr<Mesh> mesh) {
                              if (mesh->rank() >= job.workers) {
                                (void)must_fail(serve(*mesh, options));
                                mesh->abort();
                                return;
                              }
                              const auto result = worker(*mesh);
                              if (result.has_error())
                                messages[mesh->rank()] = result.error().message;
                            });
  return messages;
}

TEST_CASE("workers with different tables are told which rank and tensor", "[paramserver]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp);
  const Job job{.kind = kind, .workers = 3, .tables = dense(100)};
  const auto messages = failures(job, [&](Mesh& mesh) -> Result<void> {
    Tables tables = job.tables;
    if (mesh.rank() == 2) tables.dense[0].tensors[0].elements = 96;
    const auto client = Client::join(mesh, {.workers = 3, .tables = tables});
    return must_fail(client);
  });
  for (const std::string& message : messages) {
    CHECK_THAT(message, Catch::Contains("tensor weight of table \"model\" has 96 elements there "
                                        "and 95 here"));
    CHECK_THAT(message, Catch::Contains("rank 2"));
  }
}

TEST_CASE("what is not finite is refused with rank and tensor, and nothing is sent",
          "[paramserver]") {
  testing::run({.workers = 1, .tables = dense(100), .server = {.refuse_not_finite = true}},
               [&](Client& client, Rank) {
                 std::vector<float> values(100), delta(100, 1);
                 delta[97] = std::numeric_limits<float>::quiet_NaN();
                 const Error error = must_fail(client.push_pull(0, delta, kDelta, values));
                 expect(error.code == Code::kInvalidArgument, "the caller's mistake");
                 expect(error.message.find("rank 0 would push nan for tensor bias, element 2") == 0,
                        "it says where");
                 delta[97] = 1;
                 must(client.push_pull(0, delta, kDelta, values));
                 expect(values[97] == 1, "the client is as it was");
               });
}

TEST_CASE("wrong arguments are refused before anything is sent", "[paramserver]") {
  Tables tables = dense(100);
  tables.sparse.push_back({.name = "words", .rows = 10, .columns = 2});
  testing::run({.workers = 1, .tables = tables}, [&](Client& client, Rank) {
    std::vector<float> few(99), two(2);
    const std::vector<std::uint64_t> beyond = {10}, good = {1};
    expect(must_fail(client.pull(0, few)).message.find("100 elements") != std::string::npos,
           "size");
    expect(must_fail(client.pull(1, few)).code == Code::kInvalidArgument, "a sparse table");
    expect(must_fail(client.pull_rows(0, good, two)).code == Code::kInvalidArgument, "a dense one");
    expect(must_fail(client.pull_rows(1, beyond, two)).message.find("row 10") == 0, "row");
    expect(must_fail(client.pull_rows(1, good, few)).code == Code::kInvalidArgument, "values");
    expect(must_fail(client.pull_rows(7, good, two)).code == Code::kInvalidArgument, "no table");
  });
}

TEST_CASE("a worker that leaves early fails the others, and nobody hangs", "[paramserver]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp);
  const Job job{.kind = kind, .workers = 3, .tables = dense(1000)};
  const auto messages = failures(job, [&](Mesh& mesh) -> Result<void> {
    DL_TRY(const auto client, Client::join(mesh, {.workers = 3, .tables = job.tables}));
    std::vector<float> values(1000), delta(1000, 1);
    const std::array<std::span<float>, 1> spans = {values};
    DL_CHECK(client->init(spans));
    if (mesh.rank() == 1) return {};  // Without finish().
    return client->push_pull(0, delta, kDelta, values);
  });
  CHECK_THAT(messages[0],
             Catch::Contains("rank 1") || Catch::Contains("rank 3") || Catch::Contains("rank 4"));
  CHECK_FALSE(messages[2].empty());
}

TEST_CASE("a worker that hangs is named when patience ends", "[paramserver]") {
  Job job{.kind = Kind::kTcp, .workers = 2, .tables = dense(1000)};
  job.server.heartbeat = 20ms;
  job.server.patience = 300ms;
  std::barrier both(2);
  const auto messages = failures(job, [&](Mesh& mesh) -> Result<void> {
    auto client = must(Client::join(mesh, {.workers = 2, .tables = job.tables}));
    std::vector<float> values(1000), delta(1000, 1);
    const std::array<std::span<float>, 1> spans = {values};
    must(client->init(spans));
    auto result = mesh.rank() == 0 ? client->push(0, delta, kDelta) : Result<void>();
    both.arrive_and_wait();  // Rank 1 hangs until rank 0 has given up.
    return result;
  });
  CHECK_THAT(messages[0], Catch::Contains("rank 1") && Catch::Contains("silent"));
}

TEST_CASE("who waits for a slow peer is kept alive by its server", "[paramserver]") {
  Job job{.kind = Kind::kTcp, .workers = 2, .tables = dense(), .silence_timeout = 200ms};
  job.server.heartbeat = 30ms;
  testing::run(job, [&](Client& client, Rank rank) {
    std::vector<float> values(kElements);
    if (rank == 1) std::this_thread::sleep_for(700ms);
    must(client.push_pull(0, whole_numbers(kElements, rank), kDelta, values));
    if (rank == 0) expect(client.statistics().waiting > 500ms, "it did wait");
  });
}

}  // namespace
}  // namespace dl::worker::paramserver
