#include "worker/train/compression/compressor.h"

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "worker/train/compression/power_sgd.h"
#include "worker/train/data/random.h"
#include "worker/transport/testing/gang.h"

namespace dl::worker::train {
namespace {

using collective::Communicator;
using transport::Mesh;
using transport::testing::expect;
using transport::testing::must;
using transport::testing::must_fail;
using transport::testing::spawn;
using Floats = std::vector<float>;
using namespace std::string_literals;

// Two buckets with matrices that PowerSGD compresses, small ones, and a size that is no multiple
// of anything.
const std::vector<BucketShape> kBuckets = {
    {{"conv", 24, 46}, {"bias", 1, 24}, {"tall", 302, 8}},
    {{"odd", 1, 1031}, {"wide", 16, 300}},
};

// top_k that has the optimizer's momentum.
const std::string kCorrected = "top_k with momentum";
constexpr double kMomentum = 0.9;

CompressionSpec spec_of(const std::string& name) {
  CompressionSpec spec;
  spec.name = name;
  spec.ratio = 0.05;
  return spec;
}

std::unique_ptr<Compressor> compressor_of(const std::string& name,
                                          const std::vector<BucketShape>& buckets) {
  if (name == kCorrected) return make_compressor(spec_of("top_k"), buckets, kMomentum);
  return make_compressor(spec_of(name), buckets);
}

std::size_t size_of_bucket(std::size_t bucket) {
  std::size_t size = 0;
  for (const GradientShape& shape : kBuckets[bucket]) size += shape.size();
  return size;
}

// The gradient of a rank in a step: a part that is the same in all steps, and noise.
Floats gradient_of(std::uint32_t rank, std::uint64_t step, std::size_t bucket) {
  Random steady(bucket + 1);
  Random noise(mix(mix(rank, step), bucket));
  Floats gradient(size_of_bucket(bucket));
  for (float& value : gradient) value = 0.01f * steady.symmetric() + 0.005f * noise.symmetric();
  return gradient;
}

// One rank's compressor, and what it gave.
class Rank {
 public:
  // Everything takes the ring, whatever its size, for the bytes to be those of the ring.
  Rank(const std::string& name, std::unique_ptr<Mesh> mesh)
      : communicator_(std::move(mesh), {.direct_bytes_max = 0}),
        wire(communicator_),
        compressor(compressor_of(name, kBuckets)) {}

  Floats step(std::uint64_t step, std::size_t bucket) {
    Floats gradient = gradient_of(wire.rank(), step, bucket);
    must(compressor->sum(wire, bucket, gradient));
    return gradient;
  }

 private:
  Communicator communicator_;

 public:
  Wire wire;
  std::unique_ptr<Compressor> compressor;
};

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return std::ranges::equal(a, b, {}, std::bit_cast<std::uint32_t, float>,
                            std::bit_cast<std::uint32_t, float>);
}

std::vector<Floats> copy_of(std::vector<CompressorState> state) {
  std::vector<Floats> copies;
  for (const CompressorState& one : state)
    copies.emplace_back(one.values.begin(), one.values.end());
  return copies;
}

const std::vector<std::string> kAll = {"fp16", "bf16", "top_k", kCorrected, "power_sgd", "int8"};
const std::vector<std::string> kWithFeedback = {"top_k", "power_sgd", "int8"};

TEST_CASE("every compressor leaves the same bits on all ranks, in every run", "[compression]") {
  const auto world = GENERATE(1u, 2u, 3u, 4u);
  for (const std::string& name : kAll) {
    std::vector<std::vector<Floats>> sums(2 * world);  // Of two runs, by rank.
    for (std::uint32_t run = 0; run < 2; ++run) {
      spawn({.world_size = world}, [&](std::unique_ptr<Mesh> mesh) {
        Rank rank(name, std::move(mesh));
        for (std::uint64_t step = 0; step < 4; ++step) {
          for (std::size_t bucket : {1, 0}) {
            sums[run * world + rank.wire.rank()].push_back(rank.step(step, bucket));
          }
        }
      });
    }
    INFO(name << " on " << world << " ranks");
    for (const auto& of_rank : sums) {
      REQUIRE(of_rank.size() == 8);
      for (std::size_t i = 0; i < of_rank.size(); ++i) CHECK(same_bits(of_rank[i], sums[0][i]));
    }
  }
}

// After n steps: what came out, and what the ranks still keep, is what went in.
TEST_CASE("with error feedback, nothing of a gradient is lost", "[compression]") {
  const std::uint32_t world = 3;
  const std::uint64_t steps = 40;
  for (const std::string& name : kWithFeedback) {
    std::vector<double> in(size_of_bucket(0));
    std::vector<double> out(in.size());
    std::vector<Floats> kept(world);
    spawn({.world_size = world}, [&](std::unique_ptr<Mesh> mesh) {
      Rank rank(name, std::move(mesh));
      for (std::uint64_t step = 0; step < steps; ++step) {
        const Floats sum = rank.step(step, 0);
        if (rank.wire.rank() != 0) continue;
        for (std::size_t i = 0; i < sum.size(); ++i) out[i] += sum[i];
      }
      for (const CompressorState& state : rank.compressor->state()) {
        const bool here = std::ranges::any_of(kBuckets[0], [&](const GradientShape& shape) {
          return state.name == "residual." + shape.name;
        });
        if (!here) continue;
        expect(state.of_rank, "each rank has left out something else");
        Floats& residual = kept[rank.wire.rank()];
        residual.insert(residual.end(), state.values.begin(), state.values.end());
      }
    });
    double left = 0;
    double error = 0;
    for (std::size_t i = 0; i < in.size(); ++i) {
      for (std::uint32_t rank = 0; rank < world; ++rank) {
        out[i] += kept[rank][i];
        left += std::abs(kept[rank][i]);
      }
    }
    for (std::uint32_t rank = 0; rank < world; ++rank) {
      for (std::uint64_t step = 0; step < steps; ++step) {
        const Floats gradient = gradient_of(rank, step, 0);
        for (std::size_t i = 0; i < in.size(); ++i) in[i] += gradient[i];
      }
    }
    for (std::size_t i = 0; i < in.size(); ++i) error = std::max(error, std::abs(in[i] - out[i]));
    INFO(name);
    CHECK(left > 0);      // There was something to keep.
    CHECK(error < 2e-5);  // Of sums of up to 1.
  }
}

TEST_CASE("16-bit floats and 8-bit integers come close to the sum in one step", "[compression]") {
  const std::uint32_t world = 4;
  const auto [name, error] =
      GENERATE(table<std::string, double>({{"fp16", 1e-4}, {"bf16", 8e-4}, {"int8", 5e-4}}));
  Floats sum;
  spawn({.world_size = world}, [&, name = name](std::unique_ptr<Mesh> mesh) {
    Rank rank(name, std::move(mesh));
    const Floats mine = rank.step(0, 0);
    if (rank.wire.rank() == 0) sum = mine;
  });
  double largest = 0;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    double exact = 0;
    for (std::uint32_t rank = 0; rank < world; ++rank) exact += gradient_of(rank, 0, 0)[i];
    largest = std::max(largest, std::abs(sum[i] - exact));
  }
  INFO(name);
  CHECK(largest > 0);
  CHECK(largest < error);  // Of sums of up to 0.06.
}

// What one rank sends for one bucket, without the calls' headers.
std::uint64_t bytes_of(const std::string& name, std::uint32_t world, std::size_t bucket,
                       std::uint64_t calls) {
  std::uint64_t bytes = 0;
  spawn({.world_size = world}, [&](std::unique_ptr<Mesh> mesh) {
    Rank rank(name, std::move(mesh));
    rank.step(0, bucket);
    if (rank.wire.rank() == 0) bytes = rank.wire.bytes_sent() - calls * collective::kCallBytes;
  });
  return bytes;
}

// docs/compression.md: the bytes of each. 4 divides all that is cut into chunks here.
TEST_CASE("each compressor sends the bytes that its page says", "[compression]") {
  const std::uint32_t world = 4;
  const std::uint64_t n = size_of_bucket(0);
  const std::uint64_t calls = 2 * 3;  // Of an all-reduce, in two shots.
  const auto around = [](std::uint64_t bytes) { return 2 * 3 * bytes / 4; };  // 2(P − 1)/P.
  CHECK(bytes_of("fp16", world, 0, calls) == around(2 * n));
  CHECK(bytes_of("bf16", world, 0, calls) == around(2 * n));
  const auto count = static_cast<std::uint64_t>(std::ceil(0.05 * static_cast<double>(n)));
  CHECK(bytes_of("top_k", world, 0, 1) == 3 * (4 + 8 * count));
  // Rank 2: the factors of "conv" and "tall", and the bias as it is.
  CHECK(bytes_of("power_sgd", world, 0, 2 * calls) ==
        around(4 * (2 * (24 + 302) + 24)) + around(4 * 2 * (46 + 8)));
  const std::uint64_t blocks = (n + 255) / 256;
  const std::uint64_t part = (blocks + 3) / 4 * (256 + 4);
  CHECK(bytes_of("int8", world, 0, 3 + 1) == 3 * part + 3 * part);
}

TEST_CASE("a gradient that is not finite reaches all ranks as NaN and is not kept",
          "[compression]") {
  const auto bad =
      GENERATE(std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity());
  const std::uint32_t world = 3;
  const std::size_t place = 24 * 46 + 24 + 100;  // In "tall".
  for (const std::string& name : kAll) {
    std::vector<Floats> after(2 * world);  // A step later, without the bad step and with it.
    for (const bool with_bad : {false, true}) {
      spawn({.world_size = world}, [&](std::unique_ptr<Mesh> mesh) {
        Rank rank(name, std::move(mesh));
        rank.step(0, 0);
        if (with_bad) {
          const std::vector<Floats> before = copy_of(rank.compressor->state());
          // The other tensors' gradients are 0, and what they keep is not in question.
          Floats gradient(size_of_bucket(0));
          if (rank.wire.rank() == 1) gradient[place] = bad;
          must(rank.compressor->sum(rank.wire, 0, gradient));
          expect(!std::isfinite(gradient[place]), "the bad value is seen");
          for (const CompressorState& state : rank.compressor->state()) {
            expect(std::ranges::all_of(state.values, [](float v) { return std::isfinite(v); }),
                   "what is kept is finite");
          }
          const std::vector<Floats> state = copy_of(rank.compressor->state());
          for (std::size_t i = 0; i < state.size(); ++i) {
            // int8 goes by blocks, and keeps on with those that are finite; top-k takes back what
            // it has added, up to a rounding.
            if (!rank.compressor->state()[i].name.ends_with(".tall") || name == "int8") continue;
            for (std::size_t k = 0; k < state[i].size(); ++k) {
              expect(std::abs(state[i][k] - before[i][k]) <= 1e-9f, "what was kept is as before");
            }
          }
        }
        after[(with_bad ? world : 0) + rank.wire.rank()] = rank.step(1, 0);
      });
    }
    INFO(name);
    for (std::uint32_t rank = 0; rank < world; ++rank) {
      const Floats& sum = after[world + rank];
      CHECK(std::ranges::all_of(sum, [](float v) { return std::isfinite(v); }));
      CHECK(same_bits(sum, after[world]));
    }
  }
}

TEST_CASE("a step that is not compressed pays what was owed", "[compression]") {
  for (const std::string& name : kWithFeedback) {
    spawn({.world_size = 2}, [&](std::unique_ptr<Mesh> mesh) {
      Rank rank(name, std::move(mesh));
      rank.step(0, 0);
      const std::vector<Floats> owed = copy_of(rank.compressor->state());
      Floats bad(size_of_bucket(0), std::numeric_limits<float>::infinity());
      rank.compressor->pay(0, bad);
      expect(copy_of(rank.compressor->state()) == owed, "not with a step that will be dropped");
      Floats zeros(size_of_bucket(0));
      rank.compressor->pay(0, zeros);
      expect(std::ranges::equal(std::span(zeros).first(owed[0].size()), owed[0]), "what was owed");
      Floats again(size_of_bucket(0));
      rank.compressor->pay(0, again);
      expect(again == Floats(again.size()), "once");
    });
  }
}

TEST_CASE("what a compressor keeps follows its parameters into other buckets", "[compression]") {
  const std::vector<BucketShape> joined = {{kBuckets[1][1], kBuckets[0][2], kBuckets[0][0]},
                                           {kBuckets[0][1], kBuckets[1][0]}};
  for (const std::string& name : {"top_k"s, kCorrected, "power_sgd"s, "int8"s}) {
    spawn({.world_size = 2}, [&](std::unique_ptr<Mesh> mesh) {
      Rank rank(name, std::move(mesh));
      for (const std::size_t bucket : {0, 1}) rank.step(0, bucket);
      const auto moved = compressor_of(name, joined);
      move_state(*rank.compressor, *moved);
      std::vector<CompressorState> before = rank.compressor->state();
      std::vector<CompressorState> after = moved->state();
      std::ranges::sort(before, {}, &CompressorState::name);
      std::ranges::sort(after, {}, &CompressorState::name);
      expect(before.size() == after.size(), "the same names");
      for (std::size_t i = 0; i < before.size(); ++i) {
        expect(before[i].name == after[i].name, "the same names");
        expect(same_bits(before[i].values, after[i].values), "the same values");
      }
    });
  }
}

TEST_CASE("top-k sends the largest elements, and of equal ones the first", "[compression]") {
  CompressionSpec spec = spec_of("top_k");
  spec.ratio = 0.3;
  spawn({.world_size = 1}, [&](std::unique_ptr<Mesh> mesh) {
    Communicator communicator(std::move(mesh));
    Wire wire(communicator);
    const auto compressor = make_compressor(spec, {{{"x", 1, 10}}});
    Floats gradient = {1, -3, 0.5f, 3, 1, -7, 0, 3, 3, 1e-30f};
    must(compressor->sum(wire, 0, gradient));
    expect(gradient == Floats{0, -3, 0, 3, 0, -7, 0, 0, 0, 0}, "three of ten");
    Floats next(10);
    must(compressor->sum(wire, 0, next));
    expect(next == Floats{1, 0, 0, 0, 0, 0, 0, 3, 3, 0}, "then those that were left out");
    Floats zeros(10);
    must(compressor->sum(wire, 0, zeros));
    must(compressor->sum(wire, 0, zeros));
    Floats none(10);
    must(compressor->sum(wire, 0, none));
    expect(none == Floats(10), "at last there is nothing left");
  });
}

TEST_CASE("top-k with a momentum sends the velocity, which starts anew where it was sent",
          "[compression]") {
  CompressionSpec spec = spec_of("top_k");
  spec.ratio = 0.5;
  spawn({.world_size = 1}, [&](std::unique_ptr<Mesh> mesh) {
    Communicator communicator(std::move(mesh));
    Wire wire(communicator);
    const auto compressor = make_compressor(spec, {{{"x", 1, 4}}}, 0.5);
    const auto step = [&](Floats gradient) {
      must(compressor->sum(wire, 0, gradient));
      return gradient;
    };
    expect(step({4, 1, 0, 3}) == Floats{4, 0, 0, 3}, "at first it is the gradient");
    // Of the second element 1 waits, and its velocity is 0.5 × 1 + 1.
    expect(step({1, 1, 0, 0}) == Floats{1, 2.5f, 0, 0}, "then what came together");
    expect(step(Floats(4)) == Floats(4), "nothing is left to go on by itself");
  });
}

TEST_CASE("a step that is not compressed is one of an optimizer with momentum", "[compression]") {
  const auto compressor = make_compressor(spec_of("top_k"), {{{"x", 1, 4}}}, 0.5);
  Floats velocity(4);
  for (const Floats& gradient : {Floats{4, 1, 0, 3}, Floats{4, 1, 0, 3}, Floats{0, -2, 1, 0}}) {
    for (std::size_t i = 0; i < 4; ++i) velocity[i] = 0.5f * velocity[i] + gradient[i];
    Floats step = gradient;
    compressor->pay(0, step);
    CHECK(step == velocity);
  }
}

TEST_CASE("PowerSGD of a gradient of its rank is exact, and Q's columns keep length 1",
          "[compression]") {
  CompressionSpec spec = spec_of("power_sgd");
  const std::vector<BucketShape> buckets = {{{"x", 40, 60}}};
  Floats gradient(40 * 60);
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const auto row = static_cast<float>(i / 60);
    const auto column = static_cast<float>(i % 60);
    gradient[i] =
        std::sin(row) * std::cos(column) + 0.1f * std::cos(3 * row) * std::sin(2 * column);
  }
  spawn({.world_size = 2}, [&](std::unique_ptr<Mesh> mesh) {
    Communicator communicator(std::move(mesh));
    Wire wire(communicator);
    const auto compressor = make_compressor(spec, buckets);
    Floats sum = gradient;
    must(compressor->sum(wire, 0, sum));
    for (std::size_t i = 0; i < sum.size(); ++i) {
      expect(std::abs(sum[i] - 2 * gradient[i]) < 1e-5f, "the sum of two equal gradients");
    }
    const std::span<const float> factor = compressor->state()[1].values;
    expect(compressor->state()[1].name == "factor.x", "the warm start");
    for (std::size_t j = 0; j < 2; ++j) {
      double square = 0;
      for (std::size_t i = 0; i < 60; ++i) square += std::pow(factor[j * 60 + i], 2);
      expect(std::abs(square - 1) < 1e-5, "length 1");
    }
    // Nothing to see in a step: the next begins where the last good one ended.
    Floats zeros(gradient.size());
    for (int i = 0; i < 3; ++i) must(compressor->sum(wire, 0, zeros));
    sum = gradient;
    must(compressor->sum(wire, 0, sum));
    expect(std::abs(sum[61] - 2 * gradient[61]) < 1e-5f, "a step of zeros spoils nothing");
  });
}

TEST_CASE("orthonormalize makes columns orthonormal, and what has nothing of its own 0",
          "[compression]") {
  Random random(7);
  const std::size_t rows = 100;
  Floats columns(4 * rows);
  for (float& value : columns) value = random.symmetric();
  // The third is a sum of the first two.
  for (std::size_t i = 0; i < rows; ++i) {
    columns[2 * rows + i] = 2 * columns[i] - 3 * columns[rows + i];
  }
  orthonormalize(columns, rows);
  for (std::size_t a = 0; a < 4; ++a) {
    for (std::size_t b = 0; b < 4; ++b) {
      const double product = std::inner_product(columns.begin() + static_cast<long>(a * rows),
                                                columns.begin() + static_cast<long>((a + 1) * rows),
                                                columns.begin() + static_cast<long>(b * rows), 0.0);
      CHECK(product == Approx(a == b && a != 2 ? 1.0 : 0.0).margin(1e-6));
    }
  }
}

TEST_CASE("ranks whose buckets differ find out", "[compression]") {
  for (const std::string& name : kAll) {
    spawn({.world_size = 2}, [&](std::unique_ptr<Mesh> mesh) {
      Communicator communicator(std::move(mesh));
      Wire wire(communicator);
      const std::size_t columns = communicator.rank() == 0 ? 3000 : 5000;
      const auto compressor = compressor_of(name, {{{"x", 10, columns}}});
      Floats gradient(10 * columns, 1.0f);
      const Error error = must_fail(compressor->sum(wire, 0, gradient));
      expect(error.code == Code::kFailedPrecondition || error.code == Code::kUnavailable,
             "not the same call");
    });
  }
}

}  // namespace
}  // namespace dl::worker::train
