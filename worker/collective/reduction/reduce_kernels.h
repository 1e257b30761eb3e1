// The loops of reduce.cpp. Included once for each instruction set, by reduce_<set>.cpp.
//
// Everything is in an unnamed namespace and nothing of the standard library that could stay out of
// line is called: else the linker might give the baseline a function that needs AVX2.

#pragma once

#include <cstddef>
#include <cstdint>

#include "worker/collective/reduction/reduce_table.h"

namespace dl::worker::collective {
namespace {

template <class T>
struct Float {
  using Value = T;
  using Stored = T;
  static T load(T stored) { return stored; }
  static T store(T value) { return value; }
  static T add(T a, T b) { return a + b; }
};

// Sums of int wrap, so they are made unsigned.
template <class T, class Unsigned>
struct Integer {
  using Value = T;
  using Stored = T;
  static T load(T stored) { return stored; }
  static T store(T value) { return value; }
  static T add(T a, T b) {
    return static_cast<T>(static_cast<Unsigned>(a) + static_cast<Unsigned>(b));
  }
};

struct Half {
  using Value = float;
  using Stored = _Float16;
  static float load(_Float16 stored) { return static_cast<float>(stored); }
  static _Float16 store(float value) { return static_cast<_Float16>(value); }
  static float add(float a, float b) { return a + b; }
};

struct Bfloat {
  using Value = float;
  using Stored = std::uint16_t;
  static float load(std::uint16_t stored) {
    return __builtin_bit_cast(float, static_cast<std::uint32_t>(stored) << 16);
  }
  static std::uint16_t store(float value) {
    const auto bits = __builtin_bit_cast(std::uint32_t, value);
    const auto rounded = static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
    const auto quiet_nan = static_cast<std::uint16_t>((bits >> 16) | 0x40u);
    return value != value ? quiet_nan : rounded;
  }
  static float add(float a, float b) { return a + b; }
};

struct Sum {
  template <class Element, class Value>
  static Value of(Value a, Value b) {
    return Element::add(a, b);
  }
};
struct Min {
  template <class Element, class Value>
  static Value of(Value a, Value b) {
    return (b < a || b != b) ? b : a;
  }
};
struct Max {
  template <class Element, class Value>
  static Value of(Value a, Value b) {
    return (b > a || b != b) ? b : a;
  }
};

template <class Element, class Op>
void reduce(void* into, const void* from, std::size_t count) {
  auto* __restrict a = static_cast<typename Element::Stored*>(into);
  const auto* __restrict b = static_cast<const typename Element::Stored*>(from);
  for (std::size_t i = 0; i < count; ++i) {
    a[i] = Element::store(Op::template of<Element>(Element::load(a[i]), Element::load(b[i])));
  }
}

template <class Element>
void average(void* values, std::size_t count, std::uint32_t divisor) {
  auto* a = static_cast<typename Element::Stored*>(values);
  const auto by = static_cast<typename Element::Value>(divisor);
  for (std::size_t i = 0; i < count; ++i) a[i] = Element::store(Element::load(a[i]) / by);
}

template <class Element>
constexpr ReduceRow make_row(bool average_too) {
  return {reduce<Element, Sum>, average_too ? reduce<Element, Sum> : nullptr, reduce<Element, Min>,
          reduce<Element, Max>};
}

constexpr KernelTable make_table() {
  return {{make_row<Float<double>>(true), make_row<Float<float>>(true), make_row<Half>(true),
           make_row<Bfloat>(true), make_row<Integer<std::int64_t, std::uint64_t>>(false),
           make_row<Integer<std::int32_t, std::uint32_t>>(false),
           make_row<Integer<std::uint8_t, unsigned>>(false),
           make_row<Integer<std::int8_t, unsigned>>(false)},
          {average<Float<double>>, average<Float<float>>, average<Half>, average<Bfloat>}};
}

}  // namespace
}  // namespace dl::worker::collective
