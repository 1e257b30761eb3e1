// What a user sees of a document that asks for an exchange of gradients that there is not.

#include <catch2/catch.hpp>

#include "model/spec/parse.h"

namespace dl::spec {
namespace {

struct BadDocument {
  std::string what;
  std::string document;
  std::string shown;
};

// clang-format off
const std::vector<BadDocument> kBadDocuments = {
    {"an unknown compression",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {compression: {name: topk}}\n",
     "job.yaml:3:32: strategy.compression.name: must be one of none, fp16, bf16, top_k, "
     "power_sgd, int8, not \"topk\"; did you mean \"top_k\"?\n"},
    {"a ratio and a rank out of range",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy:\n"
     "  compression:\n"
     "    name: top_k\n"
     "    ratio: 0\n"
     "    rank: 0\n",
     "job.yaml:6:12: strategy.compression.ratio: must be a number above 0 and at most 0.5, not "
     "\"0\"\n"
     "job.yaml:7:11: strategy.compression.rank: must be a whole number from 1 to 256, not \"0\"\n"},
    {"more than half of the elements",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {compression: {name: top_k, ratio: 0.6}}\n",
     "job.yaml:3:46: strategy.compression.ratio: must be a number above 0 and at most 0.5, not "
     "\"0.6\"\n"},
    {"compression on GPUs",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {compression: {name: fp16}}\n"
     "resources: {gpus: 1}\n",
     "job.yaml:3:26: strategy.compression.name: is fp16, which works on CPUs, and resources.gpus "
     "asks for GPUs; their gradients travel by NCCL. Remove one of them\n"},
    {"compression of what is no gradient",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {name: local_sgd, workers: 2, compression: {name: fp16}}\n",
     "job.yaml:3:41: strategy.compression: belongs to ring; this job's strategy is local_sgd\n"},
    {"a size of buckets that is a word",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {bucket_bytes: large}\n",
     "job.yaml:3:26: strategy.bucket_bytes: must be auto or a size from 1KiB to 1GiB, such as "
     "512MiB or 4GiB, not \"large\"\n"},
};
// clang-format on

TEST_CASE("an exchange of gradients that there is not is refused with the way out", "[spec]") {
  for (const BadDocument& bad : kBadDocuments) {
    INFO(bad.what << ":\n" << bad.document);
    const ParseResult result = parse(bad.document);
    CHECK_FALSE(result.spec);
    CHECK(to_string(result.problems, "job.yaml") == bad.shown);
  }
}

TEST_CASE("the keys of compression are read", "[spec]") {
  const ParseResult result = parse(
      "model: {name: lenet}\ndata: {format: synthetic}\nstrategy: {compression: "
      "{name: top_k, ratio: 0.02, rank: 4, start_step: 5, auto: false}}\n");
  REQUIRE(result.spec);
  CHECK(result.spec->strategy.compression ==
        CompressionSpec{
            .name = "top_k", .ratio = 0.02, .rank = 4, .start_step = 5, .automatic = false});
}

TEST_CASE("the size of buckets can be left to be found out", "[spec]") {
  const ParseResult result =
      parse("model: {name: lenet}\ndata: {format: synthetic}\nstrategy: {bucket_bytes: auto}\n");
  REQUIRE(result.spec);
  CHECK(result.spec->strategy.bucket_bytes == 0);
  CHECK(to_yaml(*result.spec).find("bucket_bytes: auto\n") != std::string::npos);
}

}  // namespace
}  // namespace dl::spec
