#include "daemon/runtime/journal/json_reader.h"

namespace dl::runtime::journal {
namespace {

constexpr std::size_t kDepthMax = 64;

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

}  // namespace

void JsonReader::fail(std::string_view expected) {
  if (std::exchange(failed_, true)) return;
  error_ = {Code::kDataLoss, "byte " + std::to_string(place_) + ": expected " +
                                 std::string(expected) + ", found \"" +
                                 std::string(text_.substr(std::min(place_, text_.size()), 20)) +
                                 "\""};
}

void JsonReader::skip_blanks() {
  while (place_ < text_.size() && (text_[place_] == ' ' || text_[place_] == '\n')) ++place_;
}

bool JsonReader::take(char c) {
  skip_blanks();
  if (failed_ || place_ >= text_.size() || text_[place_] != c) return false;
  ++place_;
  return true;
}

bool JsonReader::take_null() {
  skip_blanks();
  if (failed_ || text_.substr(place_, 4) != "null") return false;
  place_ += 4;
  return true;
}

void JsonReader::expect(char c) {
  if (!take(c)) fail(std::string("'") + c + "'");
}

void JsonReader::expect_end() {
  skip_blanks();
  if (place_ != text_.size()) fail("the end");
}

void JsonReader::read(ParameterValue& value) {
  skip_blanks();
  const char first = place_ < text_.size() ? text_[place_] : '\0';
  if (first == '"') return read(value.emplace<std::string>());
  if (first == 't' || first == 'f') return read(value.emplace<bool>());
  const auto end = std::min(text_.find_first_not_of("+-0123456789", place_), text_.size());
  const bool whole =
      end == text_.size() || std::string_view(".eE").find(text_[end]) == std::string_view::npos;
  if (whole) return read(value.emplace<std::int64_t>());
  read(value.emplace<double>());
}

void JsonReader::read(bool& value) {
  skip_blanks();
  for (const bool candidate : {true, false}) {
    const std::string_view word = candidate ? "true" : "false";
    if (failed_ || text_.substr(place_, word.size()) != word) continue;
    place_ += word.size();
    value = candidate;
    return;
  }
  fail("true or false");
}

void JsonReader::read(double& value) {
  skip_blanks();
  if (place_ < text_.size() && text_[place_] == '"') {
    std::string word;
    read(word);
    if (word == "nan") {
      value = std::numeric_limits<double>::quiet_NaN();
    } else if (word == "inf" || word == "-inf") {
      value = std::numeric_limits<double>::infinity() * (word == "inf" ? 1 : -1);
    } else {
      fail("a number");
    }
    return;
  }
  const auto [end, error] = std::from_chars(here(), text_.data() + text_.size(), value);
  if (failed_ || error != std::errc{}) return fail("a number");
  place_ = static_cast<std::size_t>(end - text_.data());
}

void JsonReader::read(std::string& value) {
  value.clear();
  expect('"');
  while (!failed_) {
    const std::size_t stop = text_.find_first_of("\"\\", place_);
    if (stop == std::string_view::npos) return fail("the string's end");
    value.append(text_, place_, stop - place_);
    place_ = stop + 1;
    if (text_[stop] == '"') return;
    read_escape(value);
  }
}

void JsonReader::read_escape(std::string& value) {
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  if (place_ >= text_.size()) return fail("an escaped character");
  const char c = text_[place_++];
  if (c == 'u') return append_utf8(value, read_hex());
  const std::size_t which = kLetters.find(c);
  if (which == std::string_view::npos) return fail("an escape that JSON knows");
  value += kMeanings[which];
}

std::uint32_t JsonReader::read_hex() {
  std::uint32_t code = 0;
  if (place_ + 4 > text_.size()) {
    fail("four hexadecimal digits");
    return 0;
  }
  const auto [end, error] = std::from_chars(here(), here() + 4, code, 16);
  if (error != std::errc{} || end != here() + 4) fail("four hexadecimal digits");
  place_ += 4;
  return code;
}

void JsonReader::members(const std::function<void(const std::string&)>& each) {
  expect('{');
  if (++depth_ > kDepthMax) fail("fewer levels");
  std::string name;
  for (bool first = true; !failed_ && !take('}'); first = false) {
    if (!first) expect(',');
    read(name);
    expect(':');
    if (!failed_) each(name);
  }
  --depth_;
}

void JsonReader::elements(const std::function<void()>& each) {
  expect('[');
  if (++depth_ > kDepthMax) fail("fewer levels");
  for (bool first = true; !failed_ && !take(']'); first = false) {
    if (!first) expect(',');
    if (!failed_) each();
  }
  --depth_;
}

void JsonReader::skip() {
  skip_blanks();
  const char next = place_ < text_.size() ? text_[place_] : '\0';
  if (next == '{') {
    members([this](const std::string&) { skip(); });
  } else if (next == '[') {
    elements([this] { skip(); });
  } else if (next == '"') {
    std::string ignored;
    read(ignored);
  } else if (next == 't' || next == 'f') {
    bool ignored = false;
    read(ignored);
  } else if (!take_null()) {
    double ignored = 0;
    read(ignored);
  }
}

}  // namespace dl::runtime::journal
