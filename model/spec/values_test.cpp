#include "model/spec/values.h"

#include <array>
#include <catch2/catch.hpp>

namespace dl::spec {
namespace {

TEST_CASE("whole numbers are YAML's, and doubles that are whole", "[spec]") {
  CHECK(parse_whole("0") == 0u);
  CHECK(parse_whole("+10") == 10u);
  CHECK(parse_whole("010") == 10u);
  CHECK(parse_whole("0x1F") == 31u);
  CHECK(parse_whole("0o17") == 15u);
  CHECK(parse_whole("1e6") == 1'000'000u);
  CHECK(parse_whole("5.0") == 5u);
  CHECK(parse_whole("18446744073709551615") == 18'446'744'073'709'551'615u);
  const auto* none = GENERATE("", "-1", "1.5", "1e-3", "18446744073709551616", "0x", "0xg", "1_000",
                              "1 ", " 1", "++1", "1e17", "inf", "five", "0b1");
  CAPTURE(none);
  CHECK_FALSE(parse_whole(none));
}

TEST_CASE("real numbers are finite", "[spec]") {
  CHECK(parse_real("1e-4") == 1e-4);
  CHECK(parse_real(".5") == 0.5);
  CHECK(parse_real("-2") == -2.0);
  CHECK(parse_real("+1.") == 1.0);
  const auto* none =
      GENERATE("", ".", "inf", ".inf", "nan", ".nan", "1e999", "0x1p3", "1,5", "1e", "--1", "1 ");
  CAPTURE(none);
  CHECK_FALSE(parse_real(none));
}

TEST_CASE("durations have units, in falling order", "[spec]") {
  using std::chrono::milliseconds;
  CHECK(parse_duration("500ms") == milliseconds(500));
  CHECK(parse_duration("1h1m1s1ms") == milliseconds(3'661'001));
  CHECK(parse_duration("90s") == milliseconds(90'000));
  CHECK(parse_duration("0") == milliseconds(0));
  const auto* none = GENERATE("", "15", "s", "1s1m", "1s1s", "-1s", "1.5s", "1 s", "1d",
                              "99999999999999999999s", "18446744073709551615h");
  CAPTURE(none);
  CHECK_FALSE(parse_duration(none));
  CHECK(format_duration(milliseconds(90'000)) == "90s");
  CHECK(format_duration(milliseconds(3'600'000)) == "1h");
  CHECK(format_duration(milliseconds(1'001)) == "1001ms");
}

TEST_CASE("sizes have units or are bytes", "[spec]") {
  CHECK(parse_bytes("4GiB") == 4ull << 30);
  CHECK(parse_bytes("10MB") == 10'000'000u);
  CHECK(parse_bytes("100") == 100u);
  CHECK(parse_bytes("100B") == 100u);
  const auto* none = GENERATE("", "GiB", "4Gi", "4 GiB", "-1", "1.5GiB", "99999999TiB", "1GiB1MiB");
  CAPTURE(none);
  CHECK_FALSE(parse_bytes(none));
  CHECK(format_bytes(25u << 20) == "25MiB");
  CHECK(format_bytes(1000) == "1000");
}

TEST_CASE("the nearest word counts transposed letters as one slip", "[spec]") {
  CHECK(edit_distance("adma", "adam") == 1);
  CHECK(edit_distance("", "adam") == 4);
  CHECK(edit_distance("kitten", "sitting") == 3);
  const std::array<std::string_view, 3> words = {"sgd", "adam", "adamw"};
  CHECK(nearest("adma", words) == "adam");
  CHECK(nearest("adamww", words) == "adamw");
  CHECK(nearest("rmsprop", words).empty());
  CHECK(nearest("x", words).empty());
  CHECK(nearest(std::string(100, 'a'), words).empty());
}

}  // namespace
}  // namespace dl::spec
