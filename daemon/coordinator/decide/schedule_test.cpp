// What a placed gang is given, and that a long queue costs nothing.

#include <chrono>
#include <functional>

#include "tests/support/coordinator_testbed.h"

namespace dl::coordinator {
namespace {

TEST_CASE("a task is told who its peers are and where they listen", "[coordinator]") {
  Testbed bed;
  bed.connect("a", 2);
  bed.connect("b", 2);
  (void)bed.submit(
      job_spec({role_spec(Role::kChief, 1), role_spec(Role::kWorker, 2), role_spec(Role::kPs, 1)}));
  const auto orders = bed.all<StartTask>();
  REQUIRE(orders.size() == 4);
  const ClusterSpec& cluster = orders[0].context.cluster;
  REQUIRE(cluster.members.size() == 4);
  for (std::uint32_t rank = 0; rank < 4; ++rank) CHECK(cluster.members[rank].rank == rank);
  CHECK(cluster.members[0].role == Role::kChief);
  CHECK(cluster.members[3].role == Role::kPs);
  CHECK(cluster.members[0].host == "a.local");
  CHECK(cluster.members[1].local_rank == 1);
  CHECK(cluster.members[2].host == "b.local");
  CHECK(cluster.members[2].local_rank == 0);
  CHECK(cluster.world_size() == 3);
  CHECK(cluster.run_id == "1.1");
  CHECK(orders[0].ports.size() == 2);
  CHECK(cluster.master_port == orders[0].ports[1]);
  CHECK(cluster.members[0].port == orders[0].ports[0]);
  for (const auto& order : orders) CHECK(order.context.cluster == cluster);
}

TEST_CASE("a task is told where to run, what to run and where its files go", "[coordinator]") {
  Testbed bed;
  bed.connect("a", 4, 4);
  auto spec = job_spec({role_spec(Role::kWorker, 2, 0, 2), role_spec(Role::kPs, 1)});
  spec.roles[1].command = "serve";
  spec.workdir = "/work dir";
  spec.env = {{"DL_RANK", "mine"}, {"MINE", "1"}};
  spec.grace = 7s;
  (void)bed.submit(spec);
  const auto orders = bed.all<StartTask>();
  REQUIRE(orders.size() == 3);
  CHECK(orders[1].gpu_uuids == std::vector<std::string>{"GPU-a2", "GPU-a3"});
  CHECK(orders[2].gpu_uuids.empty());
  CHECK(orders[0].command == "train");
  CHECK(orders[2].command == "serve");
  CHECK(orders[0].workdir == "/work dir");
  CHECK_FALSE(orders[0].builtin);
  CHECK(orders[0].grace == 7s);
  CHECK(orders[0].context.artifact_dir == "/artifacts/1/1");
  CHECK(orders[0].context.secret == orders[1].context.secret);
  CHECK(orders[0].env.at("DL_RANK") == "mine");  // The user's own goes over ours.
  CHECK(orders[0].env.at("MINE") == "1");
  CHECK(orders[1].env.at("DL_WORLD_SIZE") == "2");
  CHECK(orders[0].context.spec.find("\"train\"") != std::string::npos);
}

TEST_CASE("a repeated order is the first order again", "[coordinator]") {
  Testbed bed;
  bed.connect("a", 4, 2);
  (void)bed.submit(job_spec({role_spec(Role::kWorker, 2, 1, 1)}));
  const auto orders = bed.all<StartTask>();
  bed.restart();
  bed.connect("a", 4, 2);
  CHECK(bed.all<StartTask>() == orders);
}

TEST_CASE("ports are given out once, lowest first", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.step(std::vector<Event>{
      SubmitJob{.request = 1, .document = document(workers(2)), .idempotency_key = {}, .user = {}},
      SubmitJob{
          .request = 2, .document = document(workers(2)), .idempotency_key = {}, .user = {}}});
  std::vector<std::uint16_t> ports;
  for (const auto& order : bed.all<StartTask>()) {
    ports.insert(ports.end(), order.ports.begin(), order.ports.end());
  }
  CHECK(ports == std::vector<std::uint16_t>{20000, 20001, 20002, 20003, 20004, 20005});
  CHECK(bed.node("a").free_ports.size() == 26);
}

TEST_CASE("a gang waits for ports, and starts when its agent holds them", "[coordinator]") {
  Testbed bed;
  bed.connect("a", 64);
  (void)bed.submit(workers(40));
  CHECK(bed.job(1).state == JobState::kQueued);
  std::vector<std::uint16_t> ports(64);
  for (std::size_t i = 0; i < ports.size(); ++i) ports[i] = static_cast<std::uint16_t>(21000 + i);
  (void)bed.step(AgentHeartbeat{
      .node = "a", .session = bed.node("a").session, .free_ports = ports, .tasks = {}});
  CHECK(bed.started().size() == 40);
}

TEST_CASE("a node that comes back with less than its tasks hold gets no new ones",
          "[coordinator]") {
  Testbed bed;
  bed.connect("a", 4);
  (void)bed.submit(workers(3));
  bed.all_run(1);
  const std::vector<TaskStatus> tasks = {Testbed::running(worker(1, 0)),
                                         Testbed::running(worker(1, 1)),
                                         Testbed::running(worker(1, 2))};
  bed.connect("a", 2, 0, tasks);
  (void)bed.submit(workers(1));
  CHECK(bed.started().empty());
  CHECK(bed.attempt(1).state == AttemptState::kRunning);
}

std::chrono::nanoseconds time_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::steady_clock::now() - start;
}

TEST_CASE("a submit behind a queue of 100,000 costs no more than behind a short one",
          "[coordinator]") {
  Settings settings{.jobs_max = 200'000, .artifact_root = "/a", .seed = 1};
  State state;
  const auto take = [&](const Decision& decision) {
    for (const auto& mutation : decision.mutations) apply(state, mutation);
    return decision.mutations;
  };
  const Timestamp now{1000s};
  for (int node = 0; node < 16; ++node) {
    take(decide(state, settings,
                AgentConnected{.connection = 1,
                               .node = "n" + std::to_string(node),
                               .host = "h",
                               .agent_version = {},
                               .resources = {.cpus = 4, .memory_bytes = 0, .gpus = {}},
                               .free_ports = {1, 2, 3, 4, 5, 6, 7, 8},
                               .tasks = {}},
                now));
  }
  const auto spec = document(workers(4));
  const auto submit = [&] {
    const auto mutations = take(
        decide(state, settings,
               SubmitJob{.request = 1, .document = spec, .idempotency_key = {}, .user = {}}, now));
    take(follow_up(state, settings, mutations, now));
    take(schedule(state, settings, mutations, now));
  };
  const auto submit_many = [&](int count) {
    return time_of([&] {
             for (int i = 0; i < count; ++i) submit();
           }) /
           count;
  };
  submit_many(20);  // 16 run, the 17th blocks.
  REQUIRE((state.blocked == TrialId{JobId{17}, 1}));
  submit_many(1000);
  submit_many(98'000);
  const auto long_queue = submit_many(1000);
  CHECK(state.index.queue.size() > 100'000 - 20);
  WARN("a submit behind 100,000 queued jobs takes " << long_queue.count() << " ns");
  // Twenty times the usual: only growth with the length of the queue would exceed it.
  CHECK(long_queue < 100us);
}

}  // namespace
}  // namespace dl::coordinator
