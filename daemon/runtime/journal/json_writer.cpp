#include "daemon/runtime/journal/json_writer.h"

namespace dl::runtime::journal {

void JsonWriter::write(double value) {
  if (!std::isfinite(value)) {
    return write(std::isnan(value) ? std::string_view("nan")
                                   : std::string_view(value > 0 ? "inf" : "-inf"));
  }
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out_.append(digits.data(), end);
}

void JsonWriter::write(const ParameterValue& value) {
  const std::size_t begin = out_.size();
  std::visit([this](const auto& kind) { write(kind); }, value);
  if (std::holds_alternative<double>(value) &&
      out_.find_first_not_of("-0123456789", begin) == std::string::npos) {
    out_ += ".0";
  }
}

void JsonWriter::write(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out_ += '"';
  std::size_t plain = 0;  // From here on `text` is not yet written.
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out_.append(text, plain, i - plain);
    plain = i + 1;
    if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += text[i];
    } else if (c == '\n') {
      out_ += "\\n";
    } else {
      out_.append("\\u00").append(1, kHex[c >> 4]).append(1, kHex[c & 15]);
    }
  }
  out_.append(text, plain);
  out_ += '"';
}

}  // namespace dl::runtime::journal
