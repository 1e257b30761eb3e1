// Gradients as products of two thin matrices (Vogels, Karimireddy and Jaggi 2019, PowerSGD).
//
// A gradient M of rows × columns is sent as P = MQ (rows × rank), summed and made orthonormal, and
// Q = MᵀP (columns × rank), summed: one step of power iteration towards the best
// approximation of that rank. Q is where the next step begins, so that the steps add up to the
// iteration. PQᵀ comes out; each rank keeps what its own gradient has
// besides its share of that.
//
// A gradient of one dimension, or too small for it to pay, is summed as it is. All of a bucket's
// travel together: two all-reduces a bucket.

#pragma once

#include "worker/train/compression/residual.h"

namespace dl::worker::train {

class PowerSgd final : public Compressor {
 public:
  // rank ≥ 1. A gradient is compressed where that makes it at least kGainMin times smaller.
  PowerSgd(std::uint32_t rank, const std::vector<BucketShape>& buckets);
  static constexpr std::size_t kGainMin = 2;

  Result<void> sum(Wire& wire, std::size_t bucket, std::span<float> gradients) override;
  void pay(std::size_t bucket, std::span<float> gradients) override {
    residual_.pay(bucket, gradients);
  }
  std::vector<CompressorState> state() override;

 private:
  // A gradient in its bucket, and where its two messages are among the bucket's.
  struct Plan {
    GradientShape shape;
    std::size_t begin;  // In the bucket.
    bool whole;         // Not compressed: it is its own first message.
    std::size_t first;
    std::size_t second;
    std::vector<float> factor;  // Q, one column after the other, each of length 1.
    bool finite = true;         // In the step under way; the same on all ranks.

    std::span<float> of(std::span<float> gradients) const {
      return gradients.subspan(begin, shape.size());
    }
  };
  struct Bucket {
    std::vector<Plan> plans;
    std::size_t first_size = 0;
    std::size_t second_size = 0;
  };

  std::span<float> p_of(const Plan& plan);
  std::span<float> q_of(const Plan& plan);
  void project(const Plan& plan, std::span<const float> gradient);
  void project_back(Plan& plan, std::span<const float> gradient);
  void finish(Plan& plan, std::uint32_t world, std::span<float> gradient,
              std::span<float> residual);

  const std::size_t rank_;
  Residual residual_;
  std::vector<Bucket> buckets_;
  std::vector<float> first_;
  std::vector<float> second_;
};

// Makes the columns of the matrix, stored one after the other, orthogonal to each other and of
// length 1, by the modified Gram-Schmidt process; a column that is a sum of those before it becomes
// 0. One order of additions on all machines.
void orthonormalize(std::span<float> columns, std::size_t rows);

}  // namespace dl::worker::train
