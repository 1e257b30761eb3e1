// The loops of the compressors, on memory of one rank.
//
// Plain loops, compiled twice: for any x86-64 and for AVX2 with F16C; the machine's kind is looked
// up once. Both give the same bits: sums are made in lanes whose number is fixed, and no product
// is fused with a sum.

#pragma once

#include <cstddef>
#include <cstdint>

namespace dl::worker::train::kernels {

// A row-major matrix and the number of columns of its factors, which are stored column after
// column.
struct Factored {
  const float* matrix;
  std::size_t rows;
  std::size_t columns;
  std::size_t rank;
};

// A float's magnitude has the order of its bits without the sign: a histogram over the upper ones,
// the exponent and three more.
inline constexpr std::uint32_t kBinShift = 20;
inline constexpr std::size_t kBins = std::size_t{1} << (31 - kBinShift);

// So large that sums of larger ones might not be finite.
inline constexpr float kHuge = 0x1p120f;

struct Table {
  // Rounded to nearest even; and back.
  void (*to_float16)(const float* from, std::uint16_t* to, std::size_t count);
  void (*to_bfloat16)(const float* from, std::uint16_t* to, std::size_t count);
  void (*from_float16)(const std::uint16_t* from, float* to, std::size_t count);
  void (*from_bfloat16)(const std::uint16_t* from, float* to, std::size_t count);

  // to[i] += from[i].
  void (*add)(const float* from, float* to, std::size_t count);
  bool (*finite)(const float* values, std::size_t count);
  // to[i] = to[i] × factor + from[i], where from[i] counts as 0 if it is not finite or has a
  // magnitude from kHuge; false when there was any such.
  bool (*decay_and_add)(const float* from, float factor, float* to, std::size_t count);

  // to[i] += from[i]; histogram[b], of kBins, is how many sums' magnitudes have the upper bits b.
  // What is not finite, or has a magnitude from kHuge, is not added; false when there was any.
  bool (*add_and_count)(const float* from, float* to, std::size_t count, std::uint32_t* histogram);
  // to[i] −= from[i], but for what add_and_count does not add.
  void (*subtract)(const float* from, float* to, std::size_t count);
  // The indices, in order, of the values whose magnitude bits are at least `least`.
  void (*indices_from)(const float* values, std::size_t count, std::uint32_t least,
                       std::uint32_t* indices);

  // codes[i] = values[i] ÷ scale, rounded to nearest even, from −127 to 127. Returns the scale: the
  // largest magnitude ÷ 127, or NaN, with codes of 0, where a value is not finite.
  float (*quantize)(const float* values, std::size_t count, std::int8_t* codes);
  // to[i] += codes[i] × scale.
  void (*add_codes)(const std::int8_t* codes, float scale, float* to, std::size_t count);

  // p = M q, and q = Mᵀ p. `q` is columns × rank, `p` rows × rank.
  void (*project)(const Factored& m, const float* q, float* p);
  void (*project_back)(const Factored& m, const float* p, float* q);
  // product = p qᵀ, rest = M − share × p qᵀ. `product` may be M.
  void (*reconstruct)(const Factored& m, const float* p, const float* q, float share, float* rest,
                      float* product);
};

const Table& baseline();
const Table& avx2();   // Only where the machine has AVX2 and F16C.
const Table& table();  // The better of them that this machine can run.

}  // namespace dl::worker::train::kernels
