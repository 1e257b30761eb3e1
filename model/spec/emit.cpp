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

// A word that was written without quotes, as JSON has it: numbers in JSON's own form, and what is
// neither number nor truth as text.
std::string json_word(const std::string& word) {
  if (const auto truth = parse_bool(word)) return *truth ? "true" : "false";
  if (const auto whole = parse_whole(word)) return std::to_string(*whole);
  if (const auto real = parse_real(word)) return format_real(*real);
  return in_quotes(word);
}

bool is_word(const Node& node) {
  return !node.quoted && (parse_bool(node.text) || parse_whole(node.text) || parse_real(node.text));
}

// Durations and sizes begin with a digit, and their unit keeps them text.
std::string yaml_scalar(const Node& node) {
  const bool has_unit = parse_duration(node.text).has_value() || parse_bytes(node.text).has_value();
  const bool plain = is_word(node) || is_plain_text(node.text) ||
                     (has_unit && !parse_whole(node.text) && !parse_real(node.text));
  return plain ? node.text : in_quotes(node.text);
}

std::string yaml_key(const Entry& entry) {
  return (is_plain_text(entry.key) ? entry.key : in_quotes(entry.key)) + ":";
}

// In one line: "{log: [0.0001, 0.1]}".
std::string in_flow(const Node& node) {
  std::string out;
  const char* separator = "";
  switch (node.kind) {
    case Node::Kind::kNull: return "null";
    case Node::Kind::kScalar: return yaml_scalar(node);
    case Node::Kind::kList:
      for (const Node& item : node.items) {
        out += separator + in_flow(item);
        separator = ", ";
      }
      return "[" + out + "]";
    case Node::Kind::kMap:
      for (const Entry& entry : node.entries) {
        out += separator + yaml_key(entry) + " " + in_flow(entry.value);
        separator = ", ";
      }
      return "{" + out + "}";
  }
  return out;
}

// Whether a list reads better with an item a line.
bool is_tall(const Node& list) {
  return std::any_of(list.items.begin(), list.items.end(), [](const Node& item) {
    return item.is_map() ||
           (item.kind == Node::Kind::kScalar && !is_word(item) && !is_plain_text(item.text));
  });
}

void print_yaml(const Node& map, std::size_t indent, std::string& out) {
  for (const Entry& entry : map.entries) {
    out.append(indent, ' ');
    out += yaml_key(entry);
    const Node& value = entry.value;
    if (value.is_map() && !value.flow && !value.entries.empty()) {
      out += "\n";
      print_yaml(value, indent + 2, out);
    } else if (value.kind == Node::Kind::kList && is_tall(value)) {
      out += "\n";
      for (const Node& item : value.items) {
        out.append(indent + 2, ' ');
        out += "- " + in_flow(item) + "\n";
      }
    } else {
      out += " " + in_flow(value) + "\n";
    }
  }
}

void print_json(const Node& node, std::string& out) {
  const char* separator = "";
  switch (node.kind) {
    case Node::Kind::kNull: out += "null"; break;
    case Node::Kind::kScalar:
      out += node.quoted ? in_quotes(node.text) : json_word(node.text);
      break;
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

constexpr std::size_t kFlowColumnsMax = 80;

// Whether a map is quickly read in one line: few entries, no map of several inside, and
// not a table of maps.
bool is_simple(const Node& map) {
  const bool only_maps = std::all_of(map.entries.begin(), map.entries.end(),
                                     [](const Entry& entry) { return entry.value.is_map(); });
  return map.entries.size() <= 5 && !only_maps &&
         std::all_of(map.entries.begin(), map.entries.end(), [](const Entry& entry) {
           const auto& items = entry.value.items;
           return entry.value.entries.size() <= 1 &&
                  std::none_of(items.begin(), items.end(),
                               [](const Node& i) { return i.is_map(); });
         });
}

// Puts maps in one line where a person would.
void fold(Node& node, bool is_root) {
  for (Entry& entry : node.entries) {
    fold(entry.value, false);
    if (entry.value.is_map() && !entry.value.flow) {
      entry.value.flow = is_simple(entry.value) &&
                         in_flow(entry.value).size() + entry.key.size() < kFlowColumnsMax;
    }
  }
  if (is_root) node.flow = false;
}

// "0x10" is 16 where a key holds a number, and stays as it is where it holds a text.
void quote_texts(Node& root) {
  for (const char* key : {"name", "command", "workdir"}) {
    if (Entry* entry = root.find(key)) entry->value.quoted = true;
  }
  if (Entry* env = root.find("env")) {
    for (Entry& variable : env->value.entries) variable.value.quoted = true;
  }
  if (Entry* roles = root.find("roles")) {
    for (Entry& role : roles->value.entries) {
      if (Entry* command = role.value.find("command")) command->value.quoted = true;
    }
  }
}

}  // namespace

std::string print_document(const Node& root, Language language) {
  std::string out;
  if (language == Language::kJson) {
    Node copy = root;
    quote_texts(copy);
    print_json(copy, out);
  } else {
    Node folded = root;
    fold(folded, true);
    print_yaml(folded, 0, out);
  }
  return out;
}

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
