// One rank of the compression bench: meets its peers, then does what standard input says, a line a
// measurement, until it ends.
//
//   NAME COUNT   the gradients of ResNet-18, bucket after bucket, compressed by NAME, or "none"
//
// Rank 0 answers each with "NAME BYTES SECONDS": what it sent in a step, and the median time of
// COUNT steps, each after a barrier, one more step before the first.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/bench/support/rank.h"
#include "worker/collective/barrier.h"
#include "worker/train/compression/compressor.h"
#include "worker/train/data/random.h"

namespace dl::bench {
namespace {

using std::chrono::duration;
using std::chrono::steady_clock;
using worker::collective::Communicator;
using worker::train::BucketShape;
using worker::train::GradientShape;
using worker::train::Wire;
using worker::transport::Rank;

// As c10d::Reducer cuts them: from the last layer to the first.
constexpr std::size_t kFirstBucketBytes = 1 << 20;
constexpr std::size_t kBucketBytes = 25 << 20;
// top_k has it in the place of an optimizer.
constexpr double kMomentum = 0.9;

// He et al. 2016: 11.7 million parameters in convolutions of 3 × 3 and 1 × 1, batch normalisation
// and one linear layer.
BucketShape resnet18() {
  BucketShape shapes;
  const auto add = [&shapes](std::size_t rows, std::size_t columns) {
    shapes.push_back({"gradient" + std::to_string(shapes.size()), rows, columns});
  };
  const auto convolution = [&add](std::size_t out, std::size_t in, std::size_t side) {
    add(out, in * side * side);
    add(1, out);
    add(1, out);
  };
  convolution(64, 3, 7);
  std::size_t in = 64;
  for (const std::size_t out : {64, 128, 256, 512}) {
    for (int block = 0; block < 2; ++block) {
      convolution(out, block == 0 ? in : out, 3);
      convolution(out, out, 3);
      if (block == 0 && in != out) convolution(out, in, 1);
    }
    in = out;
  }
  add(1000, 512);
  add(1, 1000);
  return shapes;
}

std::vector<BucketShape> buckets_of(BucketShape shapes) {
  std::ranges::reverse(shapes);
  std::vector<BucketShape> buckets(1);
  std::size_t bytes = 0;
  for (const GradientShape& shape : shapes) {
    buckets.back().push_back(shape);
    bytes += shape.size() * sizeof(float);
    if (bytes < (buckets.size() == 1 ? kFirstBucketBytes : kBucketBytes)) continue;
    buckets.emplace_back();
    bytes = 0;
  }
  if (buckets.back().empty()) buckets.pop_back();
  return buckets;
}

// Most gradients are small and some are large: products of random numbers are so too.
std::vector<std::vector<float>> gradients_of(const std::vector<BucketShape>& buckets, Rank rank) {
  worker::train::Random random(rank + 1);
  std::vector<std::vector<float>> gradients;
  for (const BucketShape& bucket : buckets) {
    std::size_t size = 0;
    for (const GradientShape& shape : bucket) size += shape.size();
    std::vector<float>& values = gradients.emplace_back(size);
    for (float& value : values) {
      value = 0.01f * random.symmetric() * random.symmetric() * random.symmetric();
    }
  }
  return gradients;
}

struct Measured {
  std::uint64_t bytes = 0;
  std::vector<double> seconds;
};

Result<Measured> measure(Communicator& communicator, const CompressionSpec& spec, int count) {
  const std::vector<BucketShape> buckets = buckets_of(resnet18());
  const auto compressor = worker::train::make_compressor(spec, buckets, kMomentum);
  const std::vector<std::vector<float>> fresh = gradients_of(buckets, communicator.rank());
  std::vector<std::vector<float>> gradients = fresh;
  Measured measured;
  for (int i = -1; i < count; ++i) {
    for (std::size_t b = 0; b < fresh.size(); ++b)
      std::ranges::copy(fresh[b], gradients[b].begin());
    DL_CHECK(barrier(communicator));
    Wire wire(communicator);
    const auto begin = steady_clock::now();
    for (std::size_t b = 0; b < gradients.size(); ++b) {
      DL_CHECK(compressor ? compressor->sum(wire, b, gradients[b]) : wire.sum(gradients[b]));
    }
    if (i < 0) continue;
    measured.seconds.push_back(duration<double>(steady_clock::now() - begin).count());
    measured.bytes = wire.bytes_sent();
  }
  return measured;
}

Result<void> run(const RankOptions& self) {
  DL_TRY(const auto options, connect_options(self));
  DL_TRY(auto mesh, worker::transport::tcp::connect(options));
  Communicator communicator(std::move(mesh));
  std::string line;
  while (std::getline(std::cin, line)) {
    CompressionSpec spec;
    int count = 0;
    std::istringstream(line) >> spec.name >> count;
    if (count < 1) return invalid_argument("not an order: " + line);
    DL_TRY(auto measured, measure(communicator, spec, count));
    if (communicator.rank() != 0) continue;
    std::ranges::sort(measured.seconds);
    std::printf("%s %llu %.9f\n", spec.name.c_str(),
                static_cast<unsigned long long>(measured.bytes),
                measured.seconds[measured.seconds.size() / 2]);
    std::fflush(stdout);
  }
  return {};
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
  dl::bench::RankOptions self;
  CLI::App app{"One rank of the compression bench; compression_bench.py starts it"};
  self.add_to(app);
  CLI11_PARSE(app, argc, argv);
  return exit_code("compression_bench", self, dl::bench::run(self));
}
