#include "worker/paramserver/options.h"

#include <catch2/catch.hpp>

#include "worker/paramserver/table.h"

namespace dl::worker::paramserver {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("what contradicts itself is refused with its name", "[paramserver]") {
  const auto refusal = [](auto change, std::uint32_t world = 4) {
    ServerOptions options{.workers = 2};
    change(options);
    const auto result = check(options, world);
    REQUIRE(result.has_error());
    CHECK(result.error().code == Code::kInvalidArgument);
    return result.error().message;
  };
  CHECK(check(ServerOptions{.workers = 2}, 4).has_value());
  CHECK_THAT(refusal([](auto& o) { o.staleness = -1; }), Contains("staleness is -1"));
  CHECK_THAT(refusal([](auto& o) { o.replicate = true; }, 3), Contains("one server"));
  CHECK_THAT(refusal([](auto&) {}, 2), Contains("no place for servers"));
  CHECK_THAT(refusal([](auto& o) { o.update.divide_by_staleness = true; }),
             Contains("synchronous"));
  CHECK_THAT(refusal([](auto& o) { o.update.momentum = 1.5f; }), Contains("momentum is 1.5"));
  CHECK_THAT(refusal([](auto& o) { o.update.beta2 = 1; }), Contains("beta2"));
  CHECK_THAT(refusal([](auto& o) { o.update.epsilon = 0; }), Contains("epsilon"));
  CHECK_THAT(refusal([](auto& o) { o.update.scale = 0; }), Contains("scale"));
  CHECK_THAT(refusal([](auto& o) { o.resume_clock = 3; }), Contains("folder"));
}

TEST_CASE("more servers than a table has keys are refused, with the table's name",
          "[paramserver]") {
  const Tables tiny{.dense = {{"bias", {{"b", 2}}}}};
  CHECK(check(tiny, 2).has_value());
  CHECK_THAT(check(tiny, 3).error().message,
             Contains("3 servers are more than the 2 elements of table \"bias\""));
  const Tables sparse{.sparse = {{.name = "words", .rows = 1, .columns = 8}}};
  CHECK_THAT(check(sparse, 2).error().message, Contains("1 rows of table \"words\""));
  CHECK_THAT(check(Tables{}, 1).error().message, Contains("no table"));
  CHECK_THAT(check(Tables{.dense = {{"none", {}}}}, 1).error().message, Contains("is empty"));
}

TEST_CASE("a difference between tables names the tensor", "[paramserver]") {
  const Tables ours{.dense = {{"model", {{"w", 10}, {"b", 2}}}},
                    .sparse = {{.name = "words", .rows = 9, .columns = 4}}};
  CHECK(difference(ours, ours) == std::nullopt);
  auto theirs = ours;
  theirs.dense[0].tensors[1].elements = 3;
  CHECK(difference(theirs, ours) == "tensor b of table \"model\" has 3 elements there and 2 here");
  theirs = ours;
  theirs.dense[0].tensors[0].name = "v";
  CHECK(difference(theirs, ours) == "tensor 0 of table \"model\" is v there and w here");
  theirs = ours;
  theirs.dense[0].tensors.pop_back();
  CHECK(difference(theirs, ours) == "table \"model\" has 1 tensors there and 2 here");
  theirs = ours;
  theirs.sparse[0].columns = 8;
  CHECK(difference(theirs, ours) == "table \"words\" has 8 columns there and 4 here");
}

TEST_CASE("tables survive the wire, and a torn message is no table", "[paramserver]") {
  const Tables tables{.dense = {{"model", {{"w", 10}, {"b", 2}}}},
                      .sparse = {{"words", 9, 4, 0.5f, 7}}};
  const auto bytes = encode(tables);
  CHECK(*decode_tables(bytes) == tables);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK(decode_tables(std::span(bytes).first(size)).has_error());
  }
}

}  // namespace
}  // namespace dl::worker::paramserver
