// JSON (RFC 8259), with the places of its values: no parser at hand keeps them.

#include <cctype>

#include "model/spec/document.h"

namespace dl::spec {
namespace {

// Ends the reading of a document; never leaves this file.
struct Abort {
  Mark mark;
  std::string message;
};

class Reader {
 public:
  Reader(std::string_view text, Problems& problems) : text_(text), problems_(problems) {}

  Node document() {
    skip_space();
    Node root = value(1);
    skip_space();
    if (at_ < text_.size()) fail("text follows the end of the document");
    return root;
  }

 private:
  Node value(std::size_t depth) {
    if (depth > kDepthMax) {
      throw Abort{mark(),
                  "the document is nested deeper than " + std::to_string(kDepthMax) + " levels"};
    }
    count();
    Node node;
    node.mark = mark();
    switch (peek()) {
      case '{': read_map(node, depth); break;
      case '[': read_list(node, depth); break;
      case '"':
        node.kind = Node::Kind::kScalar;
        node.quoted = true;
        node.text = string();
        break;
      default: read_word(node); break;
    }
    return node;
  }

  void read_map(Node& node, std::size_t depth) {
    node.kind = Node::Kind::kMap;
    take('{');
    skip_space();
    if (try_take('}')) return;
    do {
      skip_space();
      const Mark key_mark = mark();
      if (peek() != '"') fail("a key in double quotes is expected");
      count();
      std::string key = string();
      skip_space();
      if (!try_take(':')) fail("\":\" is expected after the key " + quoted(key));
      skip_space();
      if (node.find(key) != nullptr) check_duplicate(node, path(), key, key_mark, problems_);
      path_.push_back(key);
      Node inner = value(depth + 1);
      path_.pop_back();
      node.entries.push_back({std::move(key), key_mark, std::move(inner)});
      skip_space();
    } while (try_take(','));
    if (!try_take('}')) fail("\",\" or \"}\" is expected");
  }

  void read_list(Node& node, std::size_t depth) {
    node.kind = Node::Kind::kList;
    take('[');
    skip_space();
    if (try_take(']')) return;
    do {
      skip_space();
      node.items.push_back(value(depth + 1));
      skip_space();
    } while (try_take(','));
    if (!try_take(']')) fail("\",\" or \"]\" is expected");
  }

  // true, false, null or a number.
  void read_word(Node& node) {
    const std::size_t start = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 ||
                                  text_[at_] == '-' || text_[at_] == '+' || text_[at_] == '.')) {
      ++at_;
    }
    const std::string_view word = text_.substr(start, at_ - start);
    if (word == "null") return;
    if (word != "true" && word != "false" && !is_number(word)) {
      at_ = start;
      fail(word.empty() ? "a value is expected"
                        : quoted(word) + " is no value; text stands in double quotes");
    }
    node.kind = Node::Kind::kScalar;
    node.text = word;
  }

  static bool is_number(std::string_view word) {
    const auto digits = [&word] {
      std::size_t count = 0;
      while (count < word.size() && word[count] >= '0' && word[count] <= '9') ++count;
      word.remove_prefix(count);
      return count;
    };
    const auto accept = [&word](std::string_view any_of) {
      const bool found = !word.empty() && any_of.find(word.front()) != std::string_view::npos;
      if (found) word.remove_prefix(1);
      return found;
    };
    accept("-");
    const bool leading_zero = !word.empty() && word.front() == '0';
    const std::size_t whole = digits();
    if (whole == 0 || (leading_zero && whole > 1)) return false;
    if (accept(".") && digits() == 0) return false;
    if (accept("eE")) {
      accept("+-");
      if (digits() == 0) return false;
    }
    return word.empty();
  }

  std::string string() {
    take('"');
    std::string out;
    while (true) {
      if (at_ == text_.size()) fail("the document ends inside a string");
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20)
        fail("a control character stands in a string; escape it");
      ++at_;
      if (c == '"') return out;
      if (c == '\\') {
        escape(out);
      } else {
        out += c;
      }
    }
  }

  void escape(std::string& out) {
    constexpr std::string_view kEscapes = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char c = peek();
    if (c == 'u') {
      ++at_;
      append_utf8(code_point(), out);
    } else if (const auto i = kEscapes.find(c); c != '\0' && i != std::string_view::npos) {
      ++at_;
      out += kMeanings[i];
    } else {
      fail("a backslash stands before what is no escape; write \\\\ for a backslash");
    }
  }

  std::uint32_t code_point() {
    const std::uint32_t unit = hex4();
    if (unit >= 0xDC00 && unit < 0xE000) fail("\\u names the second half of a surrogate pair");
    if (unit < 0xD800 || unit >= 0xDC00) {
      if (unit == 0) fail("\\u0000 cannot stand in a spec");
      return unit;
    }
    if (!try_take('\\') || !try_take('u')) fail("\\u names half of a surrogate pair");
    const std::uint32_t low = hex4();
    if (low < 0xDC00 || low >= 0xE000) fail("\\u names half of a surrogate pair");
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
  }

  std::uint32_t hex4() {
    std::uint32_t number = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = peek();
      if (std::isxdigit(static_cast<unsigned char>(c)) == 0)
        fail("\\u needs four hexadecimal digits");
      const auto letter = static_cast<char>(c | 0x20);
      number = number * 16 + static_cast<std::uint32_t>(c <= '9' ? c - '0' : letter - 'a' + 10);
      ++at_;
    }
    return number;
  }

  static void append_utf8(std::uint32_t code, std::string& out) {
    const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | (code >> 6));
      tail(0);
    } else if (code < 0x10000) {
      out += static_cast<char>(0xE0 | (code >> 12));
      tail(6), tail(0);
    } else {
      out += static_cast<char>(0xF0 | (code >> 18));
      tail(12), tail(6), tail(0);
    }
  }

  // Of the map being read.
  std::string path() const {
    std::string path;
    for (const std::string_view key : path_) path = join_path(path, key);
    return path;
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool try_take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void take(char c) {
    if (!try_take(c)) fail(std::string("\"") + c + "\" is expected");
  }

  void skip_space() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') {
        ++line_;
        line_start_ = at_ + 1;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        return;
      }
    }
  }

  Mark mark() const { return {line_, static_cast<std::uint32_t>(at_ - line_start_) + 1}; }

  void count() {
    if (++values_ > kValuesMax) {
      throw Abort{mark(), "the document has more than " + std::to_string(kValuesMax) +
                              " values; write less"};
    }
  }

  [[noreturn]] void fail(const std::string& message) const {
    throw Abort{mark(), "not valid JSON: " +
                            (at_ == text_.size() ? message + ", but the document ends" : message)};
  }

  std::string_view text_;
  Problems& problems_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  std::uint32_t line_ = 1;
  std::size_t values_ = 0;
  std::vector<std::string_view> path_;  // Keys that lead to the value being read.
};

}  // namespace

bool read_json(std::string_view text, Node& root, Problems& problems) {
  try {
    root = Reader(text, problems).document();
    return true;
  } catch (const Abort& abort) {
    problems.add(abort.mark, "", abort.message);
    return false;
  }
}

}  // namespace dl::spec
