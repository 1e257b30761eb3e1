// What a key's value must be, in words.

#include <algorithm>

#include "model/spec/keys.h"
#include "model/spec/values.h"

namespace dl::spec {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string whole_range(const Rule& rule, std::uint64_t type_most) {
  return "a whole number from " + std::to_string(rule.least) + " to " +
         std::to_string(std::min(rule.most, type_most));
}

std::string real_range(const Rule& rule) {
  std::string range = rule.excludes_low ? "a number above " : "a number of at least ";
  range += format_real(rule.low);
  if (rule.high < kInfinity) {
    range += (rule.excludes_high ? " and below " : " and at most ") + format_real(rule.high);
  }
  return range;
}

std::string text_form(const Rule& rule) {
  if (!rule.words.empty()) {
    std::string words = rule.words.size() == 1 ? "" : "one of ";
    for (const auto word : rule.words)
      words += (word == rule.words.front() ? "" : ", ") + std::string(word);
    return words;
  }
  switch (rule.form) {
    case Form::kName:
      return "a name of at most 63 letters, digits, \".\", \"_\" and \"-\" that begins with a "
             "letter "
             "or digit";
    case Form::kAbsolutePath: return "an absolute path such as /data";
    case Form::kAny: break;
  }
  return "text";
}

struct Expectation {
  const Rule& rule;

  std::string operator()(Member<bool>) const { return "true or false"; }
  std::string operator()(Member<std::uint32_t>) const {
    return whole(std::numeric_limits<std::uint32_t>::max());
  }
  std::string operator()(Member<std::uint64_t>) const {
    return whole(std::numeric_limits<std::uint64_t>::max());
  }
  std::string operator()(Member<double>) const { return real_range(rule); }
  std::string operator()(Member<std::string>) const { return text_form(rule); }
  std::string operator()(Member<std::chrono::milliseconds>) const {
    return "a duration with its unit, such as 15s or 500ms, of at most " +
           format_duration(std::chrono::milliseconds(rule.most));
  }
  std::string operator()(Member<Sizes>) const {
    return "a list such as [200, 200], each " + whole_range(rule, ~0u);
  }
  std::string operator()(Member<Shape>) const {
    return "a list of three such as [3, 224, 224], each " + whole_range(rule, ~0u);
  }
  std::string operator()(Member<Texts>) const { return "a mapping of names to texts"; }
  std::string operator()(Member<Goal>) const { return "a number"; }
  std::string operator()(Member<Objectives>) const {
    return "a list such as [{metric: loss, goal: minimize}]";
  }
  std::string operator()(Member<Parameters>) const {
    return "a mapping of names to values, such as lr: {log: [1e-4, 1e-1]}";
  }
  std::string operator()(Member<Constraints>) const { return "a list of comparisons"; }
  std::string operator()(Member<Points>) const {
    return "a list of mappings, such as [{lr: 0.01}]";
  }

  std::string whole(std::uint64_t type_most) const {
    if (!rule.bytes) return whole_range(rule, type_most);
    const std::string word = rule.zero.empty() ? "" : std::string(rule.zero) + " or ";
    return word + "a size from " + format_bytes(rule.least) + " to " + format_bytes(rule.most) +
           ", such as 512MiB or 4GiB";
  }
};

}  // namespace

std::string expected(const Key& key) { return std::visit(Expectation{key.rule}, key.field); }

}  // namespace dl::spec
