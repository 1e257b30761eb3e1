#include "daemon/runtime/http/rest/uri.h"

#include <algorithm>
#include <cstdint>

namespace dl::runtime::http {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> decode(std::string_view text, bool plus_is_blank) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_blank) c = ' ';
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return invalid_argument("\"" + std::string(text.substr(i, 3)) +
                                "\" is not an escape; write % as %25");
      }
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return invalid_argument("a zero byte cannot be part of an address");
    decoded += c;
  }
  return decoded;
}

// The bytes of the character that begins with `lead`, and the bounds of its second byte; 0 bytes
// when none begins so. The narrower bounds keep out overlong forms, surrogates and what is beyond
// U+10FFFF.
struct Form {
  std::size_t bytes = 0;
  std::uint8_t second_min = 0x80;
  std::uint8_t second_max = 0xBF;
};

Form form_of(std::uint8_t lead) {
  if (lead < 0x80) return {1};
  if (lead >= 0xC2 && lead <= 0xDF) return {2};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead >= 0xE1 && lead <= 0xEF) return {3};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead >= 0xF1 && lead <= 0xF3) return {4};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

}  // namespace

Result<std::string> percent_decode(std::string_view text) { return decode(text, false); }

Result<Query> parse_query(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    DL_TRY(std::string name, decode(pair.substr(0, equals), true));
    std::string value;
    if (equals != pair.npos) {
      DL_TRY(value, decode(pair.substr(equals + 1), true));
    }
    query.emplace_back(std::move(name), std::move(value));
  }
  return query;
}

std::size_t find_invalid_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const Form form = form_of(byte(i));
    if (form.bytes == 0 || i + form.bytes > text.size()) return i;
    for (std::size_t k = 1; k < form.bytes; ++k) {
      const std::uint8_t min = k == 1 ? form.second_min : 0x80;
      const std::uint8_t max = k == 1 ? form.second_max : 0xBF;
      if (byte(i + k) < min || byte(i + k) > max) return i;
    }
    i += form.bytes;
  }
  return std::string_view::npos;
}

}  // namespace dl::runtime::http
