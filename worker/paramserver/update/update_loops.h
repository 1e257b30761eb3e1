// The loops of update.cpp. Included once for each instruction set, by update_<set>.cpp.
//
// Everything is in an unnamed namespace and nothing of the standard library that could stay out of
// line is called: else the linker might give the baseline a function that needs AVX2.

#pragma once

#include <cstddef>
#include <cstdint>

#include "worker/paramserver/update/step.h"

namespace dl::worker::paramserver {
namespace {

using Constants = StepConstants;

void add_loop(float* __restrict w, float*, float*, const float* __restrict g, std::size_t n,
              const Constants& constants) {
  const float factor = constants.factor;
  for (std::size_t i = 0; i < n; ++i) w[i] += factor * g[i];
}

void sgd_loop(float* __restrict w, float*, float*, const float* __restrict g, std::size_t n,
              const Constants& constants) {
  const Constants c = constants;
  for (std::size_t i = 0; i < n; ++i) {
    w[i] -= c.learning_rate * (c.factor * g[i] + c.weight_decay * w[i]);
  }
}

template <bool kNesterov>
void momentum_loop(float* __restrict w, float* __restrict m, float*, const float* __restrict g,
                   std::size_t n, const Constants& constants) {
  const Constants c = constants;
  for (std::size_t i = 0; i < n; ++i) {
    const float gradient = c.factor * g[i] + c.weight_decay * w[i];
    m[i] = c.momentum * m[i] + gradient;
    w[i] -= c.learning_rate * (kNesterov ? gradient + c.momentum * m[i] : m[i]);
  }
}

void adagrad_loop(float* __restrict w, float* __restrict sum, float*, const float* __restrict g,
                  std::size_t n, const Constants& constants) {
  const Constants c = constants;
  for (std::size_t i = 0; i < n; ++i) {
    const float gradient = c.factor * g[i] + c.weight_decay * w[i];
    sum[i] += gradient * gradient;
    w[i] -= c.learning_rate * gradient / (__builtin_sqrtf(sum[i]) + c.epsilon);
  }
}

template <bool kDecoupled>
void adam_loop(float* __restrict w, float* __restrict mean, float* __restrict square,
               const float* __restrict g, std::size_t n, const Constants& constants) {
  const Constants c = constants;
  for (std::size_t i = 0; i < n; ++i) {
    const float decayed = kDecoupled ? w[i] - c.learning_rate * c.weight_decay * w[i] : w[i];
    const float gradient = kDecoupled ? c.factor * g[i] : c.factor * g[i] + c.weight_decay * w[i];
    mean[i] = c.beta1 * mean[i] + (1.0f - c.beta1) * gradient;
    square[i] = c.beta2 * square[i] + (1.0f - c.beta2) * gradient * gradient;
    w[i] =
        decayed - c.step_size * mean[i] / (__builtin_sqrtf(square[i]) * c.root_factor + c.epsilon);
  }
}

void sum_loop(float* __restrict into, const float* __restrict from, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) into[i] += from[i];
}

bool finite_loop(const float* values, std::size_t n) {
  std::uint32_t bad = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto bits = __builtin_bit_cast(std::uint32_t, values[i]);
    bad |= (bits & 0x7f800000u) == 0x7f800000u ? 1u : 0u;
  }
  return bad == 0;
}

constexpr UpdateTable make_updates() {
  return {add_loop,     sgd_loop,         momentum_loop<false>, momentum_loop<true>,
          adagrad_loop, adam_loop<false>, adam_loop<true>,      sum_loop,
          finite_loop};
}

}  // namespace
}  // namespace dl::worker::paramserver
