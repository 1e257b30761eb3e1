// Integers as bytes on the wire: little-endian, whatever the machine is.

#pragma once

#include <concepts>
#include <cstddef>

namespace dl::worker::transport {

// Writes sizeof(T) bytes from `at` on.
template <std::unsigned_integral T>
void put_little_endian(std::byte* at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<std::byte>(value >> (8 * i));
}

template <std::unsigned_integral T>
T get_little_endian(const std::byte* at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | std::to_integer<T>(at[i]) << (8 * i));
  }
  return value;
}

}  // namespace dl::worker::transport
