#include "model/spec/native/read_value.h"

#include <algorithm>
#include <cctype>

#include "model/spec/native/read_search.h"
#include "model/spec/values.h"

namespace dl::spec::native {
namespace {

constexpr std::size_t kNameLengthMax = 63;
constexpr std::size_t kListLengthMax = 64;

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_job_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameLengthMax && is_alnum(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && (name.front() < '0' || name.front() > '9') &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_alnum(c) || c == '_'; });
}

bool is_valid_text(const Rule& rule, std::string_view text) {
  if (!rule.words.empty())
    return std::find(rule.words.begin(), rule.words.end(), text) != rule.words.end();
  switch (rule.form) {
    case Form::kName: return is_job_name(text);
    case Form::kAbsolutePath: return text.empty() || text.front() == '/';
    case Form::kAny: return true;
  }
  return true;
}

// Reads into the member that the key's field names; one overload a type.
class ValueReader {
 public:
  ValueReader(const Key& key, const Node& node, const std::string& path, Target target,
              Problems& problems)
      : key_(key), node_(node), path_(path), target_(target), problems_(problems) {}

  bool operator()(Member<bool> member) {
    const auto value = is_plain() ? parse_bool(node_.text) : std::nullopt;
    return value ? store(member, *value) : refuse(yes_or_no_hint());
  }

  bool operator()(Member<std::uint32_t> member) {
    const auto value = whole(node_, std::numeric_limits<std::uint32_t>::max());
    return value ? store(member, static_cast<std::uint32_t>(*value)) : refuse(number_hint());
  }

  bool operator()(Member<std::uint64_t> member) {
    const auto value = whole(node_, std::numeric_limits<std::uint64_t>::max());
    return value ? store(member, *value) : refuse(number_hint());
  }

  bool operator()(Member<double> member) {
    const Rule& rule = key_.rule;
    const auto value = is_plain() ? parse_real(node_.text) : std::nullopt;
    const bool fits = value && (rule.excludes_low ? *value > rule.low : *value >= rule.low) &&
                      (rule.excludes_high ? *value < rule.high : *value <= rule.high);
    return fits ? store(member, *value) : refuse(number_hint());
  }

  bool operator()(Member<std::string> member) {
    if (node_.kind != Node::Kind::kScalar || !is_valid_text(key_.rule, node_.text))
      return refuse(word_hint());
    return is_free_of_nul(node_.text) && store(member, node_.text);
  }

  bool operator()(Member<std::chrono::milliseconds> member) {
    const auto value = is_scalar() ? parse_duration(node_.text) : std::nullopt;
    const bool fits = value && static_cast<std::uint64_t>(value->count()) >= key_.rule.least &&
                      static_cast<std::uint64_t>(value->count()) <= key_.rule.most;
    return fits ? store(member, *value) : refuse(unit_hint());
  }

  bool operator()(Member<Sizes> member) {
    Sizes sizes;
    if (!read_list(sizes)) return false;
    return store(member, std::move(sizes));
  }

  bool operator()(Member<Shape> member) {
    Sizes sizes;
    if (!read_list(sizes)) return false;
    if (sizes.size() != 3) return refuse("");
    return store(member, Shape{sizes[0], sizes[1], sizes[2]});
  }

  bool operator()(Member<Texts> member) {
    if (!node_.is_map()) return refuse("");
    bool ok = true;
    Texts texts;
    for (const Entry& entry : node_.entries) {
      ok &= read_text(entry, texts);
    }
    return ok && store(member, std::move(texts));
  }

  bool operator()(Member<Goal> member) {
    const auto value = is_plain() ? parse_real(node_.text) : std::nullopt;
    return value ? store(member, value) : refuse(number_hint());
  }

  bool operator()(Member<Objectives> member) { return read_by(read_objectives, member); }
  bool operator()(Member<Parameters> member) { return read_by(read_parameters, member); }
  bool operator()(Member<Constraints> member) { return read_by(read_constraints, member); }
  bool operator()(Member<Points> member) { return read_by(read_points, member); }

 private:
  bool is_scalar() const { return node_.kind == Node::Kind::kScalar; }
  bool is_plain() const { return is_scalar() && !node_.quoted; }

  template <class Value>
  bool store(Member<Value> member, Value value) {
    member(target_) = std::move(value);
    return true;
  }

  template <class Value>
  bool read_by(bool (*reader)(const Node&, const std::string&, Value&, Problems&),
               Member<Value> member) {
    Value value;
    const bool ok = reader(node_, path_, value, problems_);
    return store(member, std::move(value)) && ok;  // What is right of it is checked further.
  }

  bool refuse(const std::string& hint) {
    const std::string not_this =
        node_.kind == Node::Kind::kNull ? "has no value; it must be " : "must be ";
    const std::string shown = node_.kind == Node::Kind::kNull ? "" : ", not " + show(node_);
    problems_.add(node_.mark, path_, not_this + expected(key_) + shown + hint);
    return false;
  }

  std::optional<std::uint64_t> whole(const Node& node, std::uint64_t type_most) const {
    if (node.kind != Node::Kind::kScalar || (node.quoted && !key_.rule.bytes)) return std::nullopt;
    if (!key_.rule.zero.empty() && node.text == key_.rule.zero) return 0;
    const auto value = key_.rule.bytes ? parse_bytes(node.text) : parse_whole(node.text);
    const bool fits =
        value && *value >= key_.rule.least && *value <= std::min(key_.rule.most, type_most);
    return fits ? value : std::nullopt;
  }

  bool read_list(Sizes& sizes) {
    if (node_.kind != Node::Kind::kList || node_.items.size() > kListLengthMax) return refuse("");
    for (std::size_t i = 0; i < node_.items.size(); ++i) {
      const Node& item = node_.items[i];
      const auto value = whole(item, std::numeric_limits<std::uint32_t>::max());
      if (!value) {
        problems_.add(item.mark, path_ + "[" + std::to_string(i) + "]",
                      "must be a whole number from " + std::to_string(key_.rule.least) + " to " +
                          std::to_string(key_.rule.most) + ", not " + show(item));
        return false;
      }
      sizes.push_back(static_cast<std::uint32_t>(*value));
    }
    return true;
  }

  bool read_text(const Entry& entry, Texts& texts) {
    const std::string name = path_ + "." + entry.key;
    if (entry.key == "<<") return false;  // Reported when the document was read.
    if (!is_variable_name(entry.key)) {
      problems_.add(entry.mark, path_,
                    quoted(entry.key) +
                        " is no name of a variable; use letters, digits and \"_\", "
                        "the first no digit");
      return false;
    }
    if (entry.value.kind == Node::Kind::kNull) {
      problems_.add(entry.value.mark, name, "has no value; write \"\" for an empty one");
      return false;
    }
    if (entry.value.kind != Node::Kind::kScalar) {
      problems_.add(entry.value.mark, name, "must be text, not " + show(entry.value));
      return false;
    }
    texts[entry.key] = entry.value.text;
    return is_free_of_nul(entry.value.text);
  }

  bool is_free_of_nul(const std::string& text) {
    if (text.find('\0') == std::string::npos) return true;
    problems_.add(node_.mark, path_,
                  "holds a NUL character, which no program can be given; remove it");
    return false;
  }

  std::string number_hint() const {
    if (key_.rule.bytes) {
      return is_scalar() && !parse_bytes(node_.text) && parse_bytes(node_.text + "B")
                 ? "; write " + node_.text + "B"
                 : "";
    }
    const bool was_number =
        node_.kind == Node::Kind::kScalar && node_.quoted && parse_real(node_.text);
    return was_number ? "; remove the quotes" : "";
  }

  std::string yes_or_no_hint() const {
    constexpr std::array<std::string_view, 8> kWords = {"yes", "no", "on", "off",
                                                        "Yes", "No", "On", "Off"};
    const bool is_one = std::find(kWords.begin(), kWords.end(), node_.text) != kWords.end();
    const bool is_yes = is_one && (node_.text.back() == 's' || node_.text.back() == 'n');
    return is_one ? std::string("; write ") + (is_yes ? "true" : "false") : quoted_bool_hint();
  }

  std::string quoted_bool_hint() const {
    return node_.quoted && parse_bool(node_.text) ? "; remove the quotes" : "";
  }

  std::string unit_hint() const {
    return is_scalar() && parse_whole(node_.text) ? "; write " + node_.text + "s for seconds" : "";
  }

  std::string word_hint() const {
    const std::string_view meant =
        is_scalar() ? nearest(node_.text, key_.rule.words) : std::string_view{};
    return meant.empty() ? "" : "; did you mean " + quoted(meant) + "?";
  }

  const Key& key_;
  const Node& node_;
  const std::string& path_;
  Target target_;
  Problems& problems_;
};

}  // namespace

bool read_value(const Key& key, const Node& node, const std::string& path, Target target,
                Problems& problems) {
  return std::visit(ValueReader(key, node, path, target, problems), key.field);
}

}  // namespace dl::spec::native
