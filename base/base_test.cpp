#include <catch2/catch.hpp>
#include <cerrno>

#include "base/result.h"
#include "base/time.h"

namespace dl {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return invalid_argument(std::to_string(n) + " is odd");
  return n / 2;
}

Result<int> quarter(int n) {
  DL_TRY(const int h, half(n));
  DL_TRY(const int q, half(h));
  return q;
}

TEST_CASE("DL_TRY hands on the first error", "[base]") {
  CHECK(*quarter(8) == 2);
  CHECK(quarter(6).error() == invalid_argument("3 is odd"));
  CHECK_THROWS_AS(quarter(5).value(), std::logic_error);
}

TEST_CASE("a full disk is RESOURCE_EXHAUSTED and says what was being done", "[base]") {
  const Error error = errno_error("write /tmp/x", ENOSPC);
  CHECK(error.code == Code::kResourceExhausted);
  CHECK(error.message == "write /tmp/x: No space left on device");
}

TEST_CASE("times read as people write them", "[base]") {
  using namespace std::chrono_literals;
  CHECK(to_rfc3339(Timestamp{1'700'000'000'120ms}) == "2023-11-14T22:13:20.120Z");
  CHECK(to_short_string(850ms) == "850ms");
  CHECK(to_short_string(12s) == "12s");
  CHECK(to_short_string(300s) == "5m");
  CHECK(to_short_string(12000s) == "3h20m");
  CHECK(to_short_string(4h + 48h) == "2d4h");
}

}  // namespace
}  // namespace dl
