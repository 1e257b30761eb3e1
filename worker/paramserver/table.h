// What the parameter servers hold: tables of float32, declared alike by every worker.
//
// A dense table is one vector, the tensors of a model one after another; it is pushed and pulled
// whole. A sparse table is a matrix of which only the rows that a batch touches are pushed and
// pulled: an embedding.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace dl::worker::paramserver {

struct Tensor {
  std::string name;  // As messages call it: "conv1.weight".
  std::uint64_t elements = 0;

  friend bool operator==(const Tensor&, const Tensor&) = default;
};

struct DenseTable {
  std::string name;
  std::vector<Tensor> tensors;

  std::uint64_t elements() const;
  // "tensor conv1.weight, element 7": what is at `element` of the table.
  std::string describe(std::uint64_t element) const;

  friend bool operator==(const DenseTable&, const DenseTable&) = default;
};

struct SparseTable {
  std::string name;
  std::uint64_t rows = 0;
  std::uint32_t columns = 0;
  // The servers make the first values themselves: uniform in [−bound, bound], a function of seed,
  // row and column alone.
  float initial_bound = 0;
  std::uint64_t seed = 0;

  friend bool operator==(const SparseTable&, const SparseTable&) = default;
};

struct Tables {
  std::vector<DenseTable> dense;
  std::vector<SparseTable> sparse;

  friend bool operator==(const Tables&, const Tables&) = default;
};

// A table by its number: the dense ones first, then the sparse ones, each in their order.
using TableId = std::uint32_t;

inline constexpr std::size_t kTablesMax = 1024;
inline constexpr std::size_t kNameBytesMax = 512;
inline constexpr std::uint32_t kColumnsMax = 16384;

// kInvalidArgument: no table at all, an empty one, more servers than a table has elements or rows,
// a name or a size beyond the limits. Names the table.
Result<void> check(const Tables& tables, std::uint32_t servers);

std::vector<std::byte> encode(const Tables& tables);
Result<Tables> decode_tables(std::span<const std::byte> bytes);

// Where `theirs` is unlike `ours`, in words: "tensor conv1.weight has 500 elements there and 600
// here". Nothing when they are equal.
std::optional<std::string> difference(const Tables& theirs, const Tables& ours);

}  // namespace dl::worker::paramserver
