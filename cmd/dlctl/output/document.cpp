#include "cmd/dlctl/output/document.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>

#include "base/assert.h"

namespace dl::dlctl {
namespace {

namespace json = boost::json;

// The shortest text that reads back as the same number: 0.8931, not 8.931E-1.
std::string leaf_text(const json::value& value) {
  const auto* number = value.if_double();
  if (number == nullptr || !std::isfinite(*number)) return json::serialize(value);
  std::array<char, 32> text{};
  const auto written = std::to_chars(text.data(), text.data() + text.size(), *number);
  return {text.data(), written.ptr};
}

void write_json(const json::value& value, const std::string& indent, std::string& out) {
  const std::string deeper = indent + "  ";
  if (const auto* object = value.if_object(); object && !object->empty()) {
    const char* separator = "{\n";
    for (const auto& [key, member] : *object) {
      out += separator + deeper + json::serialize(json::string(key)) + ": ";
      write_json(member, deeper, out);
      separator = ",\n";
    }
    out += "\n" + indent + "}";
  } else if (const auto* array = value.if_array(); array && !array->empty()) {
    const char* separator = "[\n";
    for (const auto& element : *array) {
      out += separator + deeper;
      write_json(element, deeper, out);
      separator = ",\n";
    }
    out += "\n" + indent + "]";
  } else {
    out += leaf_text(value);
  }
}

// A text that YAML 1.1 and 1.2 both read as this very text when it stands bare.
bool is_plain(std::string_view text) {
  static constexpr std::string_view kWords[] = {"true", "false", "yes", "no", "on",
                                                "off",  "null",  "y",   "n",  "~"};
  if (text.empty() || text.size() > 200) return false;
  const auto is_letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  const auto is_inner = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_-./ ()").find(c) != std::string_view::npos;
  };
  if (!(is_letter(text[0]) || text[0] == '/') || text.back() == ' ') return false;
  if (!std::all_of(text.begin(), text.end(), is_inner)) return false;
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(std::begin(kWords), std::end(kWords), lower) == std::end(kWords);
}

bool is_block(std::string_view text) {
  if (text.size() < 2 || text.find('\n') == std::string_view::npos || text[0] == ' ' ||
      text[0] == '\n' || text.back() != '\n' || text[text.size() - 2] == '\n') {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  });
}

std::string scalar(const json::value& value, const std::string& indent) {
  const auto* text = value.if_string();
  if (text == nullptr) return leaf_text(value);  // [] and {} of YAML are those of JSON.
  if (is_block(*text)) {
    std::string block = "|";
    std::size_t at = 0;
    while (at < text->size()) {
      const std::size_t end = std::string_view(*text).find('\n', at);
      block += "\n";
      if (end > at) block += indent + std::string(text->subview(at, end - at));
      at = end + 1;
    }
    return block;
  }
  return is_plain(*text) ? std::string(*text) : json::serialize(value);
}

bool is_nested(const json::value& value) {
  return (value.is_object() && !value.get_object().empty()) ||
         (value.is_array() && !value.get_array().empty());
}

// `inline_first`: the first member stands behind "- ", not on a line of its own.
void write_yaml(const json::value& value, const std::string& indent, bool inline_first,
                std::string& out) {
  if (const auto* object = value.if_object(); object && !object->empty()) {
    for (const auto& [key, member] : *object) {
      if (!inline_first) out += indent;
      inline_first = false;
      out += scalar(json::value(json::string(key)), "") + ":";
      if (is_nested(member)) {
        out += "\n";
        write_yaml(member, indent + "  ", false, out);
      } else {
        out += " " + scalar(member, indent + "  ") + "\n";
      }
    }
  } else if (const auto* array = value.if_array(); array && !array->empty()) {
    for (const auto& element : *array) {
      if (!inline_first) out += indent;
      inline_first = false;
      out += "- ";
      write_yaml(element, indent + "  ", true, out);
    }
  } else {
    out += scalar(value, indent) + "\n";
  }
}

}  // namespace

json::value to_document(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  DL_ASSERT(status.ok(), "a message that was received can be written");
  return json::parse(text);
}

std::string to_json_text(const json::value& value) {
  std::string text;
  write_json(value, "", text);
  return text + "\n";
}

std::string to_yaml_text(const json::value& value) {
  std::string text;
  write_yaml(value, "", false, text);
  return text;
}

}  // namespace dl::dlctl
