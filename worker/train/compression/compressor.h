// A compressor sums gradients over the ranks with fewer bytes on the wire than an all-reduce of
// them takes, at the price of some error and some arithmetic.
//
// Those that leave much out keep what they left (error feedback): it is added to the next step's
// gradient, so that everything arrives in the end. What comes out is the same bits on every rank.
// docs/compression.md has each one's source, bytes and errors.
//
// A gradient that is not finite is never kept. Its tensor comes out as NaN on all ranks, where
// whoever looks for bad steps finds it, and what is remembered stays as it was before the step.
//
// Works on spans; used by one thread, the one that has the communicator.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/compression_spec.h"
#include "worker/train/compression/wire.h"

namespace dl::worker::train {

// A parameter's gradient, row-major: a matrix of its first dimension by all the others. What has
// one dimension is one row.
struct GradientShape {
  std::string name;  // The parameter's.
  std::size_t rows = 1;
  std::size_t columns = 0;

  std::size_t size() const { return rows * columns; }
};

// The gradients of a bucket lie one after the other.
using BucketShape = std::vector<GradientShape>;

// Something remembered between steps, about one parameter.
struct CompressorState {
  std::string name;  // "residual.<parameter>".
  std::span<float> values;
  bool of_rank = true;  // Each rank has its own; else it is the same on all.
};

class Compressor {
 public:
  virtual ~Compressor() = default;

  // Replaces this rank's gradients of bucket number `bucket` by the sum over the ranks. Errors are
  // those of the collectives.
  virtual Result<void> sum(Wire& wire, std::size_t bucket, std::span<float> gradients) = 0;

  // Adds to `gradients` what this rank still owes of the bucket, and forgets it: for a step
  // that is not compressed. Where gradients are not finite, nothing is done.
  virtual void pay(std::size_t bucket, std::span<float> gradients);

  // The spans live as long as the compressor. Names do not depend on the buckets.
  virtual std::vector<CompressorState> state() { return {}; }
};

// For `buckets` in their order; the same on all ranks. Null for "none". A `momentum` above 0 is
// the optimizer's, which top_k is to have in its place: what comes out is not the gradients but the
// step along them.
std::unique_ptr<Compressor> make_compressor(const CompressionSpec& spec,
                                            const std::vector<BucketShape>& buckets,
                                            double momentum = 0);

// Copies the states of `from` into those of `to` that have the same name: for new buckets.
void move_state(Compressor& from, Compressor& to);

}  // namespace dl::worker::train
