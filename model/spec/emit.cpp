// A spec's tree as text.

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "model/spec/document.h"
#include "model/spec/native/write.h"
#include "model/spec/values.h"

namespace dl::spec {
namespace {

std::string in_quotes(std::string_view text) {
  return boost::json::serialize(boost::json::string(text));
}

// Whether YAML reads the word back as this text and nothing else.
bool is_plain_text(std::string_view text) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/';
  };
  const auto is_inner = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  constexpr std::array<std::string_view, 9> kWords = {"true", "false", "null", "yes", "no",
                                                      "on",   "off",   "y",    "n"};
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return !text.empty() && is_letter(text.front()) &&
         std::all_of(text.begin(), text.end(), is_inner) &&
         std::find(kWords.begin(), kWords.end(), lower) == kWords.end();
}

// Durations and sizes begin with a digit, and their unit keeps them text.
std::string yaml_scalar(const Node& node) {
  const bool has_unit = parse_duration(node.text).has_value() || parse_bytes(node.text).has_value();
  const bool plain = !node.quoted || is_plain_text(node.text) ||
                     (has_unit && !parse_whole(node.text) && !parse_real(node.text));
  return plain ? node.text : in_quotes(node.text);
}

void print_yaml(const Node& map, std::size_t indent, std::string& out) {
  for (const Entry& entry : map.entries) {
    out.append(indent, ' ');
    out += is_plain_text(entry.key) ? entry.key : in_quotes(entry.key);
    out += ":";
    const Node& value = entry.value;
    if (value.is_map()) {
      out += "\n";
      print_yaml(value, indent + 2, out);
    } else if (value.kind == Node::Kind::kList) {
      out += " [";
      for (const Node& item : value.items)
        out += (&item == &value.items.front() ? "" : ", ") + item.text;
      out += "]\n";
    } else {
      out += " " + yaml_scalar(value) + "\n";
    }
  }
}

void print_json(const Node& node, std::string& out) {
  const char* separator = "";
  switch (node.kind) {
    case Node::Kind::kNull: out += "null"; break;
    case Node::Kind::kScalar: out += node.quoted ? in_quotes(node.text) : node.text; break;
    case Node::Kind::kList:
      out += "[";
      for (const Node& item : node.items) {
        out += separator;
        print_json(item, out);
        separator = ",";
      }
      out += "]";
      break;
    case Node::Kind::kMap:
      out += "{";
      for (const Entry& entry : node.entries) {
        out += separator + in_quotes(entry.key) + ":";
        print_json(entry.value, out);
        separator = ",";
      }
      out += "}";
      break;
  }
}

}  // namespace

std::string to_yaml(const JobSpec& spec) {
  std::string out;
  print_yaml(native::write_job(spec), 0, out);
  return out;
}

std::string to_json(const JobSpec& spec) {
  std::string out;
  print_json(native::write_job(spec), out);
  return out;
}

}  // namespace dl::spec
