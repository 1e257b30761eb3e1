#include "model/cluster_spec.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <sstream>

namespace dl {
namespace {

struct Seat {
  Role role;
  std::string node;
  std::string host;
};

// Numbers the seats as the coordinator does: ranks in order, indexes within a role, local ranks
// among the collective's members of a node.
ClusterSpec gang(const std::vector<Seat>& seats, std::uint32_t restarts = 0) {
  ClusterSpec spec{.members = {},
                   .master_port = 20'001,
                   .restarts = restarts,
                   .max_restarts = 10,
                   .run_id = "42.3"};
  std::map<Role, std::uint32_t> indexes;
  std::map<std::string, std::uint32_t> local_ranks;
  for (const Seat& seat : seats) {
    const auto rank = static_cast<std::uint32_t>(spec.members.size());
    const bool collective = seat.role == Role::kChief || seat.role == Role::kWorker;
    spec.members.push_back({.role = seat.role,
                            .index = indexes[seat.role]++,
                            .rank = rank,
                            .node = seat.node,
                            .host = seat.host,
                            .port = static_cast<std::uint16_t>(20'100 + rank),
                            .local_rank = collective ? local_ranks[seat.node]++ : 0});
  }
  return spec;
}

// Every variable of every member, as the golden files have them.
std::string describe(const ClusterSpec& spec) {
  std::ostringstream text;
  for (const Member& member : spec.members) {
    const TaskId id{{JobId{42}, 3, spec.restarts + 1}, member.role, member.index};
    text << "# " << to_string(id) << "\n";
    for (const auto& [name, value] : task_environment(spec, id))
      text << name << "=" << value << "\n";
  }
  return text.str();
}

ClusterSpec chief_and_ps() {
  return gang({{Role::kChief, "gpu-1", "10.0.0.1"},
               {Role::kWorker, "gpu-1", "10.0.0.1"},
               {Role::kWorker, "gpu-2", "10.0.0.2"},
               {Role::kWorker, "gpu-2", "10.0.0.2"},
               {Role::kPs, "gpu-1", "10.0.0.1"},
               {Role::kPs, "gpu-2", "10.0.0.2"},
               {Role::kEvaluator, "gpu-2", "10.0.0.2"}},
              1);
}

// The gangs of model/testdata/cluster_spec, by the name of their file.
std::map<std::string, ClusterSpec> golden_gangs() {
  return {
      {"one_worker.env", gang({{Role::kWorker, "gpu-1", "127.0.0.1"}})},
      {"two_workers_one_node.env",
       gang({{Role::kWorker, "gpu-1", "127.0.0.1"}, {Role::kWorker, "gpu-1", "127.0.0.1"}})},
      {"four_workers_uneven_nodes.env", gang({{Role::kWorker, "gpu-2", "gpu-2.example"},
                                              {Role::kWorker, "gpu-2", "gpu-2.example"},
                                              {Role::kWorker, "gpu-2", "gpu-2.example"},
                                              {Role::kWorker, "gpu-1", "gpu-1.example"}})},
      {"chief_workers_ps_evaluator.env", chief_and_ps()},
      {"ipv6.env", gang({{Role::kWorker, "gpu-1", "fd00::1"}, {Role::kPs, "gpu-2", "fd00::2"}})},
  };
}

std::string golden_path(const std::string& name) {
  return std::string(DL_SOURCE_DIR) + "/model/testdata/cluster_spec/" + name;
}

TEST_CASE("every task's variables are those of the golden files", "[model]") {
  INFO("write them anew with model_test [write-golden], and read the difference");
  for (const auto& [name, spec] : golden_gangs()) {
    std::ostringstream golden;
    golden << std::ifstream(golden_path(name)).rdbuf();
    INFO(name);
    CHECK(describe(spec) == golden.str());
  }
}

TEST_CASE("write the golden files", "[.][write-golden]") {
  for (const auto& [name, spec] : golden_gangs()) {
    std::ofstream(golden_path(name)) << describe(spec);
  }
}

TEST_CASE("TF_CONFIG differs between tasks in `task` alone", "[model]") {
  const ClusterSpec spec = chief_and_ps();
  const std::string cluster = R"({"cluster":{"chief":["10.0.0.1:20100"],)"
                              R"("worker":["10.0.0.1:20101","10.0.0.2:20102","10.0.0.2:20103"],)"
                              R"("ps":["10.0.0.1:20104","10.0.0.2:20105"]},)";
  CHECK(tf_config(spec, Role::kWorker, 2) == cluster + R"("task":{"type":"worker","index":2}})");
  CHECK(tf_config(spec, Role::kEvaluator, 0) ==
        cluster + R"("task":{"type":"evaluator","index":0}})");
}

TEST_CASE("only chief and workers get torchrun's variables", "[model]") {
  const ClusterSpec spec = chief_and_ps();
  CHECK(torchrun_environment(spec, Role::kPs, 0).empty());
  CHECK(torchrun_environment(spec, Role::kEvaluator, 0).empty());
  const Environment worker = torchrun_environment(spec, Role::kWorker, 1);
  CHECK(worker.at("RANK") == "2");
  CHECK(worker.at("GROUP_RANK") == "1");
  CHECK(worker.at("LOCAL_RANK") == "0");
  CHECK(worker.at("ROLE_WORLD_SIZE") == "3");
  CHECK(worker.at("TORCHELASTIC_RESTART_COUNT") == "1");
  CHECK(worker.count("OMP_NUM_THREADS") == 0);
}

TEST_CASE("every variable of a task is known by its name", "[model]") {
  const TaskId task{.attempt = {.job = JobId{42}, .trial = 3, .attempt = 2}, .role = Role::kWorker};
  for (const auto& [name, value] : task_environment(chief_and_ps(), task)) {
    INFO(name);
    CHECK(is_task_variable(name));
  }
  CHECK_FALSE(is_task_variable("OMP_NUM_THREADS"));
  CHECK_FALSE(is_task_variable("DL_TRANSPORT"));
}

}  // namespace
}  // namespace dl
