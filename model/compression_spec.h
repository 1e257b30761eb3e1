// What a job wants of its gradients on the wire: fewer bytes. docs/compression.md has the price of
// each way.

#pragma once

#include <cstdint>
#include <string>

namespace dl {

struct CompressionSpec {
  std::string name = "none";     // none, fp16, bf16, top_k, power_sgd, int8.
  double ratio = 0.01;           // top_k: share of the elements that is sent in a step.
  std::uint32_t rank = 2;        // power_sgd: columns of the factors.
  std::uint64_t start_step = 0;  // The steps before it are not compressed.
  bool automatic = true;         // Measures in the first steps, and stops where it is slower.

  friend bool operator==(const CompressionSpec&, const CompressionSpec&) = default;
};

}  // namespace dl
