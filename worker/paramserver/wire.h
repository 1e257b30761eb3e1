// Small things as bytes: little-endian numbers, and text with its length before it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace dl::worker::paramserver {

class Writer {
 public:
  template <class T>
  void number(T value) {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    const auto at = bytes_.size();
    bytes_.resize(at + sizeof value);
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    const auto raw = std::as_bytes(std::span(value));
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
  }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  // kDataLoss when the bytes end before the value does.
  template <class T>
  Result<T> number() {
    if (bytes_.size() < sizeof(T)) return ended();
    T value;
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_ = bytes_.subspan(sizeof value);
    return value;
  }
  Result<std::string> text(std::size_t bytes_max) {
    DL_TRY(const auto size, number<std::uint32_t>());
    if (size > bytes_max || size > bytes_.size()) return ended();
    std::string value(reinterpret_cast<const char*>(bytes_.data()), size);
    bytes_ = bytes_.subspan(size);
    return value;
  }

 private:
  static Error ended() {
    return {Code::kDataLoss, "a message between worker and parameter server is damaged"};
  }
  std::span<const std::byte> bytes_;
};

}  // namespace dl::worker::paramserver
