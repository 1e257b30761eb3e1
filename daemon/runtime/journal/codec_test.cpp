#include "daemon/runtime/journal/codec.h"

#include <catch2/catch.hpp>

#include "daemon/coordinator/derived.h"
#include "daemon/runtime/journal/json_reader.h"
#include "daemon/runtime/journal/testing/random_value.h"
#include "tests/support/search_testbed.h"

namespace dl::runtime::journal {
namespace {

using coordinator::Mutation;
using testing::RandomValue;

template <std::size_t I = 0>
Mutation random_mutation(RandomValue& random, std::size_t kind) {
  if constexpr (I + 1 < std::variant_size_v<Mutation>) {
    if (kind != I) return random_mutation<I + 1>(random, kind);
  }
  return Mutation(std::in_place_index<I>, random.make<std::variant_alternative_t<I, Mutation>>());
}

std::string text_of(const auto& value) {
  std::string text;
  encode(value, text);
  return text;
}

}  // namespace

TEST_CASE("every mutation is read as it was written", "[journal]") {
  RandomValue random(1);
  for (std::size_t i = 0; i < 2000; ++i) {
    const std::size_t kind = i % std::variant_size_v<Mutation>;
    const Mutation mutation = random_mutation(random, kind);
    const std::string text = text_of(mutation);
    const auto back = decode_mutation(text);
    INFO(text);
    REQUIRE((back ? "" : back.error().message) == "");
    CHECK(back->index() == kind);
    CHECK(text_of(*back) == text);
  }
}

TEST_CASE("every finished job is read as it was written", "[journal]") {
  RandomValue random(2);
  for (int i = 0; i < 300; ++i) {
    const auto job = random.make<coordinator::Job>();
    const auto back = decode_finished_job(text_of(job), Documents::kAll);
    INFO(text_of(job));
    REQUIRE((back ? "" : back.error().message) == "");
    CHECK(*back == job);
    CHECK(*back->document.parsed == *job.document.parsed);
  }
}

TEST_CASE("a mutation of an older version keeps defaults for what it did not know", "[journal]") {
  const auto back = decode_mutation(R"({"task_updated":{"task":{"attempt":{"job":42}},)"
                                    R"("colour":{"red":[1,"x",null,true]},"pid":7}})");
  REQUIRE((back ? "" : back.error().message) == "");
  const auto& update = std::get<coordinator::TaskUpdated>(*back);
  CHECK(update.task == TaskId{{JobId{42}, 1, 1}, Role::kWorker, 0});
  CHECK(update.pid == 7);
  CHECK_FALSE(update.exit);
}

TEST_CASE("a search that was read suggests what it would have suggested", "[journal]") {
  for (const char* algorithm : {"random", "tpe", "gp", "cmaes", "asha"}) {
    CAPTURE(algorithm);
    coordinator::SearchBed bed(coordinator::search_text(
        "  algorithm: " + std::string(algorithm) +
        "\n  max_trials: 20\n  max_parallel: 3\n  tpe: {startup_trials: 4}\n"
        "  gp: {startup_trials: 4}\n  halving: {max_resource: 9, reduction: 3}\n"));
    for (int i = 0; i < 12; ++i) {
      const auto number = bed.in(TrialState::kRunning).front();
      bed.loss(number, 1.0 / 3 + number % 5);
      bed.end(number);
      // The journal entry by entry, and a snapshot.
      coordinator::State replayed;
      for (const auto& mutation : bed.journal.mutations) {
        const auto back = decode_mutation(text_of(mutation));
        REQUIRE((back ? "" : back.error().message) == "");
        coordinator::apply(replayed, *back);
      }
      const auto snapshot = decode_state(text_of(bed.state()));
      REQUIRE((snapshot ? "" : snapshot.error().message) == "");
      using States = std::initializer_list<const coordinator::State*>;
      for (const coordinator::State* state : States{&replayed, &*snapshot}) {
        CHECK(*state == bed.state());
        CHECK(coordinator::searcher_of(state->jobs.at(JobId{1})).suggest() ==
              coordinator::searcher_of(bed.job(1)).suggest());
      }
    }
  }
}

TEST_CASE("the values of parameters keep their kinds", "[journal]") {
  for (const ParameterValue& value :
       {ParameterValue(true), ParameterValue(std::int64_t{32}), ParameterValue(32.0),
        ParameterValue(1e-7), ParameterValue(1e300), ParameterValue(-0.5),
        ParameterValue(std::string("32"))}) {
    std::string text;
    JsonWriter(text).write(value);
    ParameterValue back;
    JsonReader(text).read(back);
    CAPTURE(text);
    CHECK(back == value);
  }
}

TEST_CASE("what cannot be read is an error with its place", "[journal]") {
  const auto message = [](std::string_view text) {
    const auto result = decode_mutation(text);
    return result ? std::string("read") : result.error().message;
  };
  CHECK(message(R"({"job_ended":{"job":42,"state":"gone"}})") ==
        R"(byte 37: expected a word of its kind, not "gone", found "}}")");
  CHECK(message(R"({"job_melted":{}})") ==
        "byte 14: expected a kind of mutation that this version "
        "knows, not \"job_melted\", found \"{}}\"");
  CHECK(message(R"({"job_ended":{"job":42)") == "byte 22: expected ',', found \"\"");
  CHECK(message(R"({"job_ended":{"job":-1}})") ==
        "byte 20: expected an integer in range, found \"-1}}\"");
  CHECK(message("") == "byte 0: expected '{', found \"\"");
  CHECK(message("{}") == "byte 2: expected a mutation, found \"\"");
  CHECK(message(std::string(100, '[')) != "read");
  CHECK(message(R"({"job_ended":{"x":)" + std::string(100'000, '[')) != "read");
}

TEST_CASE("numbers that JSON does not have survive", "[journal]") {
  for (const double value :
       {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), -0.0}) {
    std::string text;
    JsonWriter(text).write(value);
    double back = 1;
    JsonReader(text).read(back);
    CHECK(back == value);
    CHECK(std::signbit(back) == std::signbit(value));
  }
  double back = 1;
  JsonReader("\"nan\"").read(back);
  CHECK(std::isnan(back));
}

TEST_CASE("a live job whose document is not valid any more is named", "[journal]") {
  const auto result = decode_mutation(
      R"({"job_submitted":{"job":42,"document":{"text":"nonsense: 1","overrides":[]}}})");
  REQUIRE(result.has_error());
  CHECK_THAT(result.error().message,
             Catch::StartsWith("job 42: its spec document is not valid any more: "));
  const auto finished =
      decode_finished_job(R"({"id":42,"document":{"text":"nonsense: 1"}})", Documents::kAll);
  REQUIRE(finished.has_value());
  CHECK(finished->document.text == "nonsense: 1");
}

}  // namespace dl::runtime::journal
