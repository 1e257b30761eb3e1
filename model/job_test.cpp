#include "model/job.h"

#include <catch2/catch.hpp>

#include "model/cluster.h"

namespace dl {
namespace {

TEST_CASE("a task's name reads back as the same task", "[model]") {
  const TaskId id{{JobId{42}, 3, 2}, Role::kPs, 7};
  CHECK(to_string(id) == "42.3.2/ps:7");
  CHECK(*task_id_from_string("42.3.2/ps:7") == id);
}

TEST_CASE("what is not a task's name is refused with an example", "[model]") {
  const auto* text =
      GENERATE("", "42", "42.3", "42.3.2", "42.3.2/", "42.3.2/ps", "42.3.2/ps:", "42.3.2/boss:0",
               "42.3.2/ps:0x", "-1.3.2/ps:0", "a.b.c/ps:0");
  const auto result = task_id_from_string(text);
  REQUIRE(result.has_error());
  CHECK(result.error().code == Code::kInvalidArgument);
  CHECK(result.error().message.find("42.1.2/worker:0") != std::string::npos);
}

TEST_CASE("words of states read back", "[model]") {
  CHECK(role_from_string("evaluator") == Role::kEvaluator);
  CHECK(role_from_string("Evaluator") == std::nullopt);
  CHECK(failure_kind_from_string(to_string(FailureKind::kNodeLost)) == FailureKind::kNodeLost);
  CHECK(job_state_from_string("stopping") == JobState::kStopping);
}

TEST_CASE("node names follow the grammar", "[model]") {
  CHECK(is_valid_node_id("gpu-07.rack2"));
  CHECK_FALSE(is_valid_node_id(""));
  CHECK_FALSE(is_valid_node_id("-a"));
  CHECK_FALSE(is_valid_node_id("a/../b"));
  CHECK_FALSE(is_valid_node_id("GPU"));
  CHECK_FALSE(is_valid_node_id(std::string(64, 'a')));
}

}  // namespace
}  // namespace dl
