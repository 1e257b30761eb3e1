#include "base/crc32c.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

namespace {

std::uint32_t crc_of(std::string_view text, std::uint32_t before = 0) {
  return dl::crc32c(std::as_bytes(std::span(text)), before);
}

}  // namespace

TEST_CASE("crc32c gives the check values of RFC 3720", "[base]") {
  CHECK(crc_of("123456789") == 0xe3069283u);
  CHECK(crc_of("") == 0u);
  CHECK(crc_of(std::string(32, '\0')) == 0x8a9136aau);
  CHECK(crc_of(std::string(32, '\xff')) == 0x62a8ab43u);
}

TEST_CASE("crc32c of a stream does not depend on where it is cut", "[base]") {
  const std::string text = "the quick brown fox jumps over the lazy dog, twice";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::string_view view = text;
    CHECK(crc_of(view.substr(cut), crc_of(view.substr(0, cut))) == crc_of(text));
  }
}
