#include "daemon/runtime/wire/agent_messages.h"

#include <catch2/catch.hpp>

namespace dl::runtime::wire {
namespace {

TaskId task_id() { return {{JobId{42}, 3, 2}, Role::kEvaluator, 1}; }

StartTask sample_order() {
  StartTask order;
  order.node = "gpu-07";
  order.context.task = task_id();
  order.context.job_name = "resnet";
  order.context.cluster.members = {{Role::kWorker, 0, 0, "gpu-07", "10.0.0.7", 20001, 0}};
  order.context.cluster.run_id = "42.3";
  order.context.secret = "s3cret";
  order.context.spec = "{}";
  order.slots = {"gpu-07", {1, 3}, 4, 1u << 30};
  order.gpu_uuids = {"GPU-1", "GPU-3"};
  order.ports = {20001, 32767};
  order.warm = true;
  order.command = "python train.py";
  order.workdir = "/srv";
  order.env = {{"A", "1"}, {"B", ""}};
  order.grace = std::chrono::milliseconds(1500);
  return order;
}

}  // namespace

TEST_CASE("a task's order arrives as it was sent", "[wire]") {
  const StartTask order = sample_order();
  const auto back = from_wire(to_wire(order), "gpu-07");
  REQUIRE(back.has_value());
  CHECK(*back == order);
}

TEST_CASE("an order whose context is another task's is refused", "[wire]") {
  v1::StartTaskOrder wired = to_wire(sample_order());
  wired.mutable_task()->set_attempt(9);
  const auto back = from_wire(wired, "gpu-07");
  REQUIRE_FALSE(back.has_value());
  CHECK(back.error().message ==
        "the order for task 42.3.9/evaluator:1 has the context of task 42.3.2/evaluator:1");
}

TEST_CASE("a registration and a heartbeat arrive as they were sent", "[wire]") {
  const TaskStatus running{task_id(), TaskState::kRunning, 4711, std::nullopt};
  const TaskStatus exited{task_id(), TaskState::kExited, 4711,
                          TaskExit{0, 9, FailureKind::kOutOfMemory, "out of memory"}};
  const Registration registration{
      "gpu-07", "10.0.0.7", "0.1.0", {8, 1u << 30, {{0, "GPU-a", "H100", 80}}}, {20000}, {running}};
  const auto registration_back = from_wire(to_wire(registration));
  REQUIRE(registration_back.has_value());
  CHECK(*registration_back == registration);

  const Heartbeat heartbeat{7, {20000, 20001}, {running, exited}};
  const auto heartbeat_back = from_wire(to_wire(heartbeat));
  REQUIRE(heartbeat_back.has_value());
  CHECK(*heartbeat_back == heartbeat);
}

TEST_CASE("a worker's report arrives as it was sent", "[wire]") {
  ReportContents report{task_id(), 3, Progress{1, 5, 100, 500, 812.5, 0.25}, {}, std::nullopt};
  report.metrics = {{"train.loss", 100, 0.25, Timestamp(Duration(1'700'000'000'000'001))}};
  CHECK(*from_wire(to_wire(report)) == report);
  report.progress.reset();
  report.checkpoint = Checkpoint{"step-100", 100, 1};
  CHECK(*from_wire(to_wire(report)) == report);
}

TEST_CASE("what is not known on the wire is named, not guessed", "[wire]") {
  v1::TaskStatus status = to_wire(TaskStatus{task_id(), TaskState::kRunning, 1, std::nullopt});
  status.mutable_task()->set_role("boss");
  CHECK(from_wire(status).error().message ==
        "task.role is \"boss\", which this version does not know; upgrade the older side");

  status = to_wire(TaskStatus{task_id(), TaskState::kRunning, 1, std::nullopt});
  status.set_state("exited");
  CHECK(from_wire(status).error().message ==
        "task 42.3.2/evaluator:1 is exited and yet has no exit");

  v1::Heartbeat heartbeat;
  heartbeat.add_free_ports(70000);
  CHECK(from_wire(heartbeat).error().message == "port 70000 is not in 1 to 65535");

  v1::Registration registration;
  registration.set_node("GPU 7");
  CHECK(from_wire(registration).error().code == Code::kInvalidArgument);
}

}  // namespace dl::runtime::wire
