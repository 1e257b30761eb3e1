#include "model/spec/parse.h"

#include <catch2/catch.hpp>
#include <chrono>

namespace dl::spec {
namespace {

constexpr const char* kTenLines = R"(name: fashion-mnist
model: {name: lenet, classes: 10}
data:
  format: idx
  path: /usr/share/datasets/fashion-mnist
train:
  epochs: 5
  batch_size: 128
  optimizer: sgd
  learning_rate: 0.05
strategy: {name: ring, workers: 4}
resources: {gpus: 1}
)";

TEST_CASE("ten lines are a distributed job", "[spec]") {
  const ParseResult result = parse(kTenLines);
  INFO(to_string(result.problems, "fashion.yaml"));
  REQUIRE(result.spec);
  CHECK(result.spec->name == "fashion-mnist");
  CHECK(result.spec->model->name == "lenet");
  CHECK(result.spec->train.learning_rate == 0.05);
  REQUIRE(result.spec->roles.size() == 1);
  CHECK(result.spec->roles[0].count == 4);
  CHECK(result.spec->roles[0].resources == Resources{.gpus = 1, .cpus = 0, .memory_bytes = 0});
  CHECK(result.spec->task_count() == 4);
}

TEST_CASE("a spec written out reads back as the same spec", "[spec]") {
  const JobSpec spec = *parse(kTenLines).spec;
  INFO(to_yaml(spec) << to_json(spec));
  const ParseResult yaml = parse(to_yaml(spec));
  INFO(to_string(yaml.problems, "yaml"));
  CHECK(yaml.spec == spec);
  const ParseResult json = parse(to_json(spec));
  INFO(to_string(json.problems, "json"));
  CHECK(json.spec == spec);
}

}  // namespace
}  // namespace dl::spec
