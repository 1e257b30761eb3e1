#include "daemon/coordinator/explain.h"

#include "tests/support/coordinator_testbed.h"

namespace dl::coordinator {
namespace {

Explanation explained(const Testbed& bed, std::uint64_t job) {
  return explain(bed.state(), bed.settings, bed.job(job), bed.now);
}
std::string reason(const Testbed& bed, std::uint64_t job) { return explained(bed, job).reason; }

TEST_CASE("explain says that no node is there", "[explain]") {
  Testbed bed;
  (void)bed.submit(workers(1));
  CHECK(reason(bed, 1) == "waits for a node: none is connected");
  CHECK_FALSE(explained(bed, 1).next_step.empty());
}

TEST_CASE("explain says what a gang waits for, and what each node has", "[explain]") {
  Testbed bed;
  bed.connect("a", 4, 2);
  bed.connect("b", 4);
  (void)bed.submit(workers(7));
  (void)bed.submit(workers(2));
  (void)bed.drain("b");
  const auto out = explained(bed, 2);
  CHECK(out.reason == "waits for slots: needs 2 CPU slots; 1 is free");
  CHECK(out.evidence ==
        std::vector<std::string>{"node a: 2 of 2 GPUs and 1 of 4 CPU slots free",
                                 "node b: 0 of 4 CPU slots free, draining (repairs)"});
}

TEST_CASE("explain says behind whom a job waits, and for what that one waits", "[explain]") {
  Testbed bed;
  bed.connect("a", 4);
  (void)bed.submit(workers(2));
  (void)bed.submit(workers(4));
  (void)bed.submit(workers(1));
  const auto out = explained(bed, 3);
  CHECK(out.reason == "waits behind job 2");
  CHECK(out.evidence ==
        std::vector<std::string>{"job 2 (test) waits for slots: needs 4 CPU slots; 2 are free"});
  CHECK(out.next_step == "see `dlctl explain 2`");
}

TEST_CASE("explain says that a job is larger than the cluster", "[explain]") {
  Testbed bed;
  (void)bed.submit(workers(9));
  bed.connect("a", 4);
  CHECK(reason(bed, 1) == "is larger than the cluster: needs 9 CPU slots; the cluster has 4");
}

TEST_CASE("explain says how long a back-off lasts, and why", "[explain]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  bed.exits(worker(1), exit_code(3));
  const auto out = explained(bed, 1);
  CHECK(out.reason.find("before attempt 2, because attempt 1 failed (user_code)") !=
        std::string::npos);
  CHECK(out.evidence == std::vector<std::string>{
                            "worker:0 of job 1 exited with status 3; see `dlctl logs 1/worker:0`"});
}

TEST_CASE("explain follows a gang from its start to its end", "[explain]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(2));
  CHECK(reason(bed, 1) == "starts: waits for worker:0 on node a and 1 more");
  bed.runs(worker(1, 0));
  CHECK(reason(bed, 1) == "starts: waits for worker:1 on node a");
  bed.runs(worker(1, 1));
  CHECK(reason(bed, 1) == "runs");
  CHECK(why(bed.state(), bed.settings, bed.job(1), bed.now).empty());
  (void)bed.cancel(1);
  CHECK(reason(bed, 1) ==
        "stops because it was cancelled: waits for worker:0 on node a and 1 more to end");
  CHECK(explained(bed, 1).next_step == "`dlctl cancel --kill 1` does not wait");
}

TEST_CASE("explain says whose agent is away, and when it is given up", "[explain]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  bed.all_run(1);
  bed.disconnect("a");
  bed.now += 10s;
  CHECK(why(bed.state(), bed.settings, bed.job(1), bed.now) ==
        "waits for node a, whose agent is away; given up in 20s");
}

TEST_CASE("explain says why a job failed, from its record alone", "[explain]") {
  Testbed bed;
  bed.connect("a");
  auto spec = workers(1);
  spec.restarts.budget.fill(0);
  (void)bed.submit(spec);
  bed.exits(worker(1), exit_code(3));
  const auto out = explain(State{}, bed.settings, bed.ended(1), bed.now);
  CHECK(out.reason ==
        "failed (user_code): worker:0 of job 1 exited with status 3; see `dlctl logs 1/worker:0`");
}

TEST_CASE("explain names the tasks that keep a node from taking new ones", "[explain]") {
  Testbed bed;
  bed.connect("a", 4, 0, {Testbed::running(worker(9))});
  (void)bed.submit(workers(1));
  CHECK(explained(bed, 1).evidence.at(0) ==
        "node a: 4 of 4 CPU slots free, still ends 9.1.1/worker:0 of an attempt that is over");
}

}  // namespace
}  // namespace dl::coordinator
