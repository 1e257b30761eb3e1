// The arithmetic of an update, on memory of one server.
//
// Plain loops, compiled twice: for any x86-64 and for AVX2; the machine's kind is looked up once.
// Both give the same bits, and so does cutting a span in pieces.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "worker/paramserver/options.h"
#include "worker/paramserver/update/step.h"

namespace dl::worker::paramserver {

// How many floats a rule remembers for each value: 0, 1 or 2.
std::uint32_t slots_of(const UpdateOptions& options);

// What a push does, ready to be run over its elements. `count` is the number of the step among
// those of these elements, from 1: Adam's correction of its means needs it.
class Update {
 public:
  static Update delta(float factor);
  static Update gradient(const UpdateOptions& options, float factor, float learning_rate,
                         std::uint64_t count);

  // values, first and second are each as long as `push`; `first` and `second` are the rule's slots,
  // and may be null where it has none.
  void run(float* values, float* first, float* second, std::span<const float> push) const {
    step_(values, first, second, push.data(), push.size(), constants_);
  }

 private:
  StepFn step_ = nullptr;
  StepConstants constants_;
};

// into[i] += from[i].
void add(float* into, std::span<const float> from);

// The first element that is NaN or infinite.
std::optional<std::size_t> find_not_finite(std::span<const float> values);

}  // namespace dl::worker::paramserver
