// The checksum of journal entries and snapshots: CRC-32, as zlib and gzip have it.

#pragma once

#include <zlib.h>

#include <cstdint>
#include <string_view>

namespace dl::runtime::journal {

inline std::uint64_t checksum(std::string_view text) {
  return crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size());
}

}  // namespace dl::runtime::journal
