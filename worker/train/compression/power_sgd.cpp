#include "worker/train/compression/power_sgd.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/crc32c.h"
#include "worker/train/compression/kernels/kernels.h"
#include "worker/train/compression/scratch.h"
#include "worker/train/data/random.h"

namespace dl::worker::train {
namespace {

// Shorter than this is what rounding left of a column that has nothing of its own.
constexpr double kNegligible = 1e-6;

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

void scale(std::span<float> values, double by) {
  for (float& value : values) value = static_cast<float>(value * by);
}

// Anything that all ranks have alike and that is not orthogonal to the gradient will do.
std::vector<float> first_factor(const GradientShape& shape, std::size_t rank) {
  Random random(crc32c(std::as_bytes(std::span(shape.name))));
  std::vector<float> factor(shape.columns * rank);
  for (float& value : factor) value = random.symmetric();
  orthonormalize(factor, shape.columns);
  return factor;
}

bool is_whole(const GradientShape& shape, std::size_t rank) {
  const std::size_t small = std::min(shape.rows, shape.columns);
  const std::size_t factors = (shape.rows + shape.columns) * rank;
  return small <= rank || factors * PowerSgd::kGainMin >= shape.size();
}

}  // namespace

void orthonormalize(std::span<float> columns, std::size_t rows) {
  for (std::size_t j = 0; j < columns.size(); j += rows) {
    const std::span<float> column = columns.subspan(j, rows);
    const double before = std::sqrt(dot(column, column));
    for (std::size_t i = 0; i < j; i += rows) {
      const std::span<const float> other = columns.subspan(i, rows);
      const auto along = static_cast<float>(dot(column, other));
      for (std::size_t k = 0; k < rows; ++k) column[k] -= along * other[k];
    }
    const double length = std::sqrt(dot(column, column));
    scale(column, length > before * kNegligible && length > 0 ? 1 / length : 0);
  }
}

PowerSgd::PowerSgd(std::uint32_t rank, const std::vector<BucketShape>& buckets)
    : rank_(rank), residual_(buckets) {
  for (const BucketShape& shapes : buckets) {
    Bucket& bucket = buckets_.emplace_back();
    std::size_t begin = 0;
    for (const GradientShape& shape : shapes) {
      const bool whole = is_whole(shape, rank_);
      bucket.plans.push_back({.shape = shape,
                              .begin = begin,
                              .whole = whole,
                              .first = bucket.first_size,
                              .second = bucket.second_size,
                              .factor = whole ? std::vector<float>() : first_factor(shape, rank_)});
      begin += shape.size();
      bucket.first_size += whole ? shape.size() : shape.rows * rank_;
      bucket.second_size += whole ? 0 : shape.columns * rank_;
    }
  }
}

std::vector<CompressorState> PowerSgd::state() {
  std::vector<CompressorState> state = residual_.state();
  for (Bucket& bucket : buckets_) {
    for (Plan& plan : bucket.plans) {
      if (plan.whole) continue;
      state.push_back(
          {.name = "factor." + plan.shape.name, .values = plan.factor, .of_rank = false});
    }
  }
  return state;
}

std::span<float> PowerSgd::p_of(const Plan& plan) {
  const std::size_t size = plan.whole ? plan.shape.size() : plan.shape.rows * rank_;
  return std::span(first_).subspan(plan.first, size);
}

std::span<float> PowerSgd::q_of(const Plan& plan) {
  return std::span(second_).subspan(plan.second, plan.whole ? 0 : plan.shape.columns * rank_);
}

Result<void> PowerSgd::sum(Wire& wire, std::size_t index, std::span<float> gradients) {
  Bucket& bucket = buckets_.at(index);
  const std::span<float> residual = residual_.of(index);
  const std::span<float> first = scratch(first_, bucket.first_size);
  const std::span<float> second = scratch(second_, bucket.second_size);
  for (const Plan& plan : bucket.plans) {
    const std::span<float> gradient = plan.of(gradients);
    if (plan.whole) {
      std::ranges::copy(gradient, p_of(plan).begin());
      continue;
    }
    kernels::table().add(plan.of(residual).data(), gradient.data(), gradient.size());
    project(plan, gradient);
  }
  DL_CHECK(wire.sum(first));
  for (Plan& plan : bucket.plans) {
    if (!plan.whole) project_back(plan, plan.of(gradients));
  }
  DL_CHECK(wire.sum(second));
  for (Plan& plan : bucket.plans) {
    const std::span<float> gradient = plan.of(gradients);
    if (plan.whole) {
      std::ranges::copy(p_of(plan), gradient.begin());
    } else {
      finish(plan, wire.world_size(), gradient, plan.of(residual));
    }
  }
  return {};
}

void PowerSgd::project(const Plan& plan, std::span<const float> gradient) {
  kernels::table().project({.matrix = gradient.data(),
                            .rows = plan.shape.rows,
                            .columns = plan.shape.columns,
                            .rank = rank_},
                           plan.factor.data(), p_of(plan).data());
}

void PowerSgd::project_back(Plan& plan, std::span<const float> gradient) {
  const std::span<float> p = p_of(plan);
  const std::span<float> q = q_of(plan);
  // A gradient that is not finite makes its row of P so, on whichever rank it was.
  plan.finite = kernels::table().finite(p.data(), p.size());
  if (!plan.finite) {
    std::ranges::fill(q, 0.0f);
    return;
  }
  orthonormalize(p, plan.shape.rows);
  kernels::table().project_back({.matrix = gradient.data(),
                                 .rows = plan.shape.rows,
                                 .columns = plan.shape.columns,
                                 .rank = rank_},
                                p.data(), q.data());
}

void PowerSgd::finish(Plan& plan, std::uint32_t world, std::span<float> gradient,
                      std::span<float> residual) {
  const std::span<float> q = q_of(plan);
  if (!plan.finite || !kernels::table().finite(q.data(), q.size())) {
    std::ranges::fill(gradient, std::numeric_limits<float>::quiet_NaN());
    return;
  }
  kernels::table().reconstruct({.matrix = gradient.data(),
                                .rows = plan.shape.rows,
                                .columns = plan.shape.columns,
                                .rank = rank_},
                               p_of(plan).data(), q.data(), 1.0f / static_cast<float>(world),
                               residual.data(), gradient.data());
  for (std::size_t j = 0; j < rank_; ++j) {
    const std::span<const float> column = q.subspan(j * plan.shape.columns, plan.shape.columns);
    const double length = std::sqrt(dot(column, column));
    if (!(length > 0)) continue;  // Nothing in this direction now; the old one may find some later.
    const std::span<float> kept = std::span(plan.factor).subspan(j * column.size(), column.size());
    std::ranges::copy(column, kept.begin());
    scale(kept, 1 / length);
  }
}

}  // namespace dl::worker::train
