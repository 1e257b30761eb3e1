// CRC-32C (Castagnoli): the checksum of checkpoints and of TensorBoard's records.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dl {

// Checksum of `bytes`; `crc` is that of the bytes before them, so that a long stream can be
// summed piece by piece. crc32c("123456789") is 0xe3069283.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t crc = 0);

}  // namespace dl
