#include "model/task_context.h"

#include <catch2/catch.hpp>

namespace dl {
namespace {

TaskContext example() {
  TaskContext context;
  context.task = {{JobId{18'446'744'073'709'551'615u}, 3, 2}, Role::kWorker, 1};
  context.job_name = "fashion \"mnist\"\n\u00e9";
  context.cluster.members = {
      {.role = Role::kChief, .node = "a", .host = "10.0.0.1", .port = 65'535},
      {.role = Role::kWorker, .rank = 1, .node = "b", .host = "::1", .port = 1, .local_rank = 4}};
  context.cluster.master_port = 20'000;
  context.cluster.restarts = 1;
  context.cluster.max_restarts = 4'294'967'295u;
  context.cluster.run_id = "42.3";
  context.secret = std::string("\0\x01", 2);
  context.spec = R"({"name":"x"})";
  context.artifact_dir = "/a";
  context.control_socket = "/s";
  context.resume_checkpoint = "checkpoints/step-100";
  context.inherited_checkpoint = "/artifacts/1/2/checkpoints/step-50";
  return context;
}

TEST_CASE("a task's context reads back as it was", "[model]") {
  TaskContext bare;
  bare.task = {{JobId{1}, 1, 1}, Role::kPs, 0};
  CHECK(*task_context_from_json(to_json(example())) == example());
  CHECK(*task_context_from_json(to_json(bare)) == bare);
}

TEST_CASE("a context with fields of a newer coordinator is read", "[model]") {
  std::string text = to_json(example());
  text.insert(1, R"("later":[1],)");
  CHECK(*task_context_from_json(text) == example());
}

TEST_CASE("a context of an older coordinator has no checkpoint to inherit", "[model]") {
  std::string text = to_json(example());
  const auto at = text.find(",\"inherited_checkpoint\"");
  REQUIRE(at != std::string::npos);
  text.resize(at);
  const auto context = task_context_from_json(text + "}");
  REQUIRE(context.has_value());
  CHECK(context->inherited_checkpoint.empty());
  CHECK(context->resume_checkpoint == "checkpoints/step-100");
}

// `text` with the first `from` replaced.
std::string edited(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_CASE("the error of a context names the field", "[model]") {
  struct Row {
    std::string from, to, field;
  };
  const auto row = GENERATE(values<Row>({
      {R"("secret":)", R"("secrets":)", R"("secret" is missing)"},
      {R"("job_name":"fashion)", R"("job_name":7,"x":"fashion)", R"("job_name" must be a string)"},
      {"18446744073709551615.3.2/worker:1", "1.3/worker:1",
       R"("task" "1.3/worker:1" is not a task)"},
      {R"("port":65535)", R"("port":65536)",
       R"("cluster.members[0].port" must be a whole number from 0 to 65535)"},
      {R"("port":65535)", R"("port":-1)", R"("cluster.members[0].port" must be a whole number)"},
      {R"("port":65535)", R"("port":1.5)", R"("cluster.members[0].port" must be a whole number)"},
      {R"("role":"worker")", R"("role":"boss")", R"("cluster.members[1].role" is "boss")"},
      {R"("members":[)", R"("members":{},"x":[)", R"("cluster.members" must be a list)"},
      {R"("members":[)", R"("members":[1,)", R"("cluster.members[0]" must be an object)"},
      {R"("cluster":{)", R"("cluster":1,"x":{)", R"("cluster" must be an object)"},
      {R"({"task")", R"([{"task")", "it is not JSON"},
  }));
  const auto result = task_context_from_json(edited(to_json(example()), row.from, row.to));
  REQUIRE(result.has_error());
  CHECK(result.error().code == Code::kInvalidArgument);
  CHECK_THAT(result.error().message, Catch::Contains(row.field));
}

}  // namespace
}  // namespace dl
