#include "model/spec/document.h"

#include <algorithm>
#include <tuple>

namespace dl::spec {
namespace {

constexpr std::size_t kQuotedBytesMax = 60;

// The length of the UTF-8 character at the front of `text`, or 0 when there is none: overlong
// forms, surrogates and values above U+10FFFF are none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first < 0xC2   ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate = first == 0xED && byte(1) >= 0xA0;
  const bool too_large = first == 0xF4 && byte(1) >= 0x90;
  return overlong || surrogate || too_large ? 0 : length;
}

Mark mark_of_offset(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const auto line_start = before.rfind('\n') + 1;  // npos + 1 is 0.
  return {static_cast<std::uint32_t>(lines) + 1,
          static_cast<std::uint32_t>(offset - line_start) + 1};
}

std::string hex_byte(char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return {kDigits[byte >> 4], kDigits[byte & 15]};
}

// What no document may hold, before any language is considered.
bool check_bytes(std::string_view text, Problems& problems) {
  if (text.size() > kDocumentBytesMax) {
    problems.add({1, 1}, "",
                 "the document has " + std::to_string(text.size()) + " bytes; at most " +
                     std::to_string(kDocumentBytesMax) + " (1 MiB) are read");
    return false;
  }
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text.substr(at));
    if (length == 0) {
      problems.add(mark_of_offset(text, at), "",
                   "byte 0x" + hex_byte(text[at]) + " at offset " + std::to_string(at) +
                       " is not UTF-8; save the document as UTF-8");
      return false;
    }
    if (text[at] == '\0') {
      problems.add(mark_of_offset(text, at), "",
                   "a NUL byte stands at offset " + std::to_string(at) +
                       "; a spec is text, not a binary file");
      return false;
    }
    at += length;
  }
  return true;
}

std::string_view without_leading_space(std::string_view text) {
  const auto start = text.find_first_not_of(" \t\r\n");
  return start == std::string_view::npos ? std::string_view{} : text.substr(start);
}

// JSON begins with a brace and a quoted key; what else begins with a brace is YAML's flow style.
bool looks_like_json(std::string_view text) {
  text = without_leading_space(text);
  if (text.empty() || text.front() != '{') return false;
  text = without_leading_space(text.substr(1));
  return text.empty() || text.front() == '"' || text.front() == '}';
}

}  // namespace

const Entry* Node::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

Entry* Node::find(std::string_view key) {
  return const_cast<Entry*>(static_cast<const Node*>(this)->find(key));
}

void Problems::add(const Mark& mark, std::string key, std::string message) {
  if (problems_.size() == kProblemsMax) {
    ++left_out_;
    return;
  }
  if (mark.override_number > 0) {
    message = "override " + quoted(overrides_[mark.override_number - 1]) + ": " + message;
    problems_.push_back({0, 0, std::move(key), std::move(message)});
  } else {
    problems_.push_back({mark.line, mark.column, std::move(key), std::move(message)});
  }
}

bool Problems::touch(std::string_view path) const {
  const auto is_within = [](std::string_view inner, std::string_view outer) {
    return inner.starts_with(outer) && (inner.size() == outer.size() ||
                                        inner[outer.size()] == '.' || inner[outer.size()] == '[');
  };
  if (std::find(excused_.begin(), excused_.end(), path) != excused_.end()) return true;
  return std::any_of(problems_.begin(), problems_.end(), [&](const Problem& problem) {
    return !problem.key.empty() && (is_within(problem.key, path) || is_within(path, problem.key));
  });
}

std::vector<Problem> Problems::sorted() const {
  std::vector<Problem> sorted = problems_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  if (left_out_ > 0) {
    sorted.push_back({0, 0, "", std::to_string(left_out_) + " more problems are not shown"});
  }
  return sorted;
}

bool read_document(std::string_view text, Node& root, Problems& problems) {
  if (!check_bytes(text, problems)) return false;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (!looks_like_json(text)) return read_yaml(text, root, problems);
  Problems of_json = problems;
  if (read_json(text, root, of_json)) {
    problems = std::move(of_json);
    return true;
  }
  // YAML's flow style may begin like JSON and have comments or plain words further on.
  Problems of_yaml = problems;
  const bool is_yaml = read_yaml(text, root = Node{}, of_yaml);
  problems = std::move(is_yaml ? of_yaml : of_json);
  return is_yaml;
}

void check_duplicate(const Node& map, const std::string& path, const std::string& key,
                     const Mark& mark, Problems& problems) {
  const Entry* earlier = map.find(key);
  if (earlier == nullptr) return;
  problems.add(mark, join_path(path, key),
               "stands twice, in line " + std::to_string(earlier->mark.line) + " and in line " +
                   std::to_string(mark.line) + "; remove one of them");
}

std::string join_path(std::string_view section, std::string_view key) {
  return section.empty() ? std::string(key) : std::string(section) + "." + std::string(key);
}

std::string place_in(std::string_view path, std::string_view key) {
  if (key.empty() || key.front() == '[') return std::string(path).append(key);
  return join_path(path, key);
}

std::string quoted(std::string_view text) {
  std::string shown = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = std::max<std::size_t>(1, utf8_length(text.substr(at)));
    if (at + length > kQuotedBytesMax) {
      shown += "…";
      break;
    }
    const char c = text[at];
    if (c == '\n') {
      shown += "\\n";
    } else if (c == '\t') {
      shown += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      shown += "\\x" + hex_byte(c);
    } else {
      shown += text.substr(at, length);
    }
    at += length;
  }
  return shown + "\"";
}

}  // namespace dl::spec
