#include "model/spec/native/read_parameter.h"

#include <algorithm>
#include <cmath>

#include "model/spec/native/read_search.h"
#include "model/spec/values.h"

namespace dl::spec::native {
namespace {

using Words = std::vector<std::string_view>;

constexpr std::uint32_t kPointsMax = 10'000;

// Of these a parameter has exactly one.
const Words kDomains = {"double", "int",        "log",    "reverse_log",
                        "values", "categories", "normal", "lognormal"};
const Words kBeside = {"scale",   "step",   "ceiling", "low", "high",
                       "weights", "points", "default", "when"};

Words all_words() {
  Words words = kDomains;
  words.insert(words.end(), kBeside.begin(), kBeside.end());
  return words;
}

std::optional<double> real_of(const Node& node) {
  return node.kind == Node::Kind::kScalar && !node.quoted ? parse_real(node.text) : std::nullopt;
}

// Reads whole numbers as ranges have them; 1e3 is one.
bool is_whole(double value) { return std::trunc(value) == value && std::abs(value) <= 0x1p53; }

class ParameterReader {
 public:
  ParameterReader(const Entry& entry, std::string path, Problems& problems)
      : node_(entry.value), path_(std::move(path)), problems_(problems) {
    parameter_.name = entry.key;
  }

  std::optional<Parameter> read() {
    if (!read_domain()) return std::nullopt;
    read_points();
    read_default();
    return ok_ ? std::optional(std::move(parameter_)) : std::nullopt;
  }

 private:
  bool fail(const Mark& mark, std::string_view key, std::string message) {
    problems_.add(mark, place_in(path_, key), std::move(message));
    return ok_ = false;
  }

  bool read_domain() {
    if (node_.kind == Node::Kind::kNull) {
      return fail(node_.mark, "", "has no values; write {double: [low, high]}, {values: [a, b]} …");
    }
    if (node_.kind == Node::Kind::kScalar) return read_constant();
    if (node_.kind == Node::Kind::kList) return read_values(node_, "", false);
    const Entry* domain = find_domain();
    if (domain == nullptr) return false;
    const std::string& word = domain->key;
    if (word == "values" || word == "categories")
      return read_values(domain->value, word, word == "categories") && refuse_beside(word);
    if (word == "normal" || word == "lognormal") return read_normal(*domain) && refuse_beside(word);
    return read_range(*domain) && refuse_beside(word);
  }

  bool read_constant() {
    parameter_.domain = Choices{{*read_parameter_value(node_)}, {}};
    return true;
  }

  const Entry* find_domain() {
    const Entry* found = nullptr;
    for (const Entry& entry : node_.entries) {
      if (entry.key == "<<") continue;
      if (std::find(kDomains.begin(), kDomains.end(), entry.key) != kDomains.end()) {
        if (found != nullptr) {
          fail(entry.mark, entry.key,
               "stands beside " + found->key + "; a parameter has one of them");
        }
        found = &entry;
      } else if (std::find(kBeside.begin(), kBeside.end(), entry.key) == kBeside.end()) {
        fail(entry.mark, entry.key,
             "unknown key " + quoted(entry.key) + advice(entry.key, all_words()));
      }
    }
    if (found == nullptr && ok_) {
      fail(node_.mark, "",
           "says no values; give one of double, int, log, reverse_log, values, "
           "categories, normal, lognormal");
    }
    return ok_ ? found : nullptr;
  }

  // Two numbers of a list; nullopt with a problem when they are not.
  std::optional<std::pair<double, double>> read_pair(const Entry& entry, std::string_view meaning,
                                                     std::string_view example) {
    const Node& list = entry.value;
    if (list.kind == Node::Kind::kList && list.items.size() == 2) {
      const auto low = real_of(list.items[0]), high = real_of(list.items[1]);
      if (low && high) return std::pair(*low, *high);
      const Node& wrong = low ? list.items[1] : list.items[0];
      const bool in_quotes = wrong.quoted && parse_real(wrong.text);
      fail(wrong.mark, entry.key,
           "must be a number, not " + show(wrong) + (in_quotes ? "; remove the quotes" : ""));
      return std::nullopt;
    }
    fail(list.mark, entry.key,
         "must be " + std::string(meaning) + ", such as " + std::string(example) + ", not " +
             show(list));
    return std::nullopt;
  }

  bool read_range(const Entry& entry) {
    Range range;
    range.whole = entry.key == "int";
    const auto ends = read_pair(entry, "the lowest and the highest value",
                                range.whole ? "[1, 10]" : "[1e-4, 1e-1]");
    if (!ends) return false;
    std::tie(range.low, range.high) = *ends;
    const Node& low = entry.value.items[0];
    const Node& high = entry.value.items[1];
    for (const Node* end : {&low, &high}) {
      if (range.whole && !is_whole(*real_of(*end)))
        return fail(end->mark, entry.key, "must be a whole number, not " + show(*end));
    }
    if (range.low > range.high) {
      return fail(
          low.mark, entry.key,
          "the lowest value, " + low.text + ", is above the highest, " + high.text + "; swap them");
    }
    if (range.low == range.high) {
      parameter_.domain = Choices{{*read_parameter_value(low)}, {}};
      return true;
    }
    read_scale(entry.key, range);
    read_step(range);
    check_scale(entry, range);
    parameter_.domain = range;
    return ok_;
  }

  void read_scale(std::string_view word, Range& range) {
    if (word == "log") range.scale = Scale::kLog;
    if (word == "reverse_log") range.scale = Scale::kReverseLog;
    const Entry* entry = node_.find("scale");
    if (entry == nullptr) return;
    const std::string& scale = entry->value.text;
    if (word != "int" && word != "double") {
      fail(entry->mark, "scale",
           "belongs to int and double; " + std::string(word) + " has its own");
    } else if (scale == "log") {
      range.scale = Scale::kLog;
    } else if (scale == "reverse_log") {
      range.scale = Scale::kReverseLog;
    } else if (scale != "linear") {
      fail(entry->value.mark, "scale",
           "must be one of linear, log, reverse_log, not " + show(entry->value) +
               advice(scale, {"linear", "log", "reverse_log"}, false));
    }
  }

  static std::string advice(std::string_view word, const Words& words, bool lists = true) {
    if (lists) return native::advice(word, words);
    const auto meant = nearest(word, words);
    return meant.empty() ? "" : "; did you mean " + quoted(meant) + "?";
  }

  void read_step(Range& range) {
    const Entry* entry = node_.find("step");
    if (range.whole) range.step = 1;
    if (entry == nullptr) return;
    const auto step = real_of(entry->value);
    if (!step || *step <= 0) {
      fail(entry->value.mark, "step", "must be a number above 0, not " + show(entry->value));
    } else if (range.whole && !is_whole(*step)) {
      fail(entry->value.mark, "step",
           "must be a whole number, for the values are, not " + show(entry->value));
    } else if (*step > range.high - range.low) {
      fail(entry->value.mark, "step",
           "is larger than the whole range, " + format_real(range.high - range.low));
    } else {
      range.step = *step;
    }
  }

  void check_scale(const Entry& entry, Range& range) {
    const Node& low = entry.value.items[0];
    if (range.scale == Scale::kLog && range.low <= 0) {
      fail(low.mark, entry.key,
           "a logarithmic range begins above 0, not at " + low.text + "; raise the lowest value");
    }
    if (range.scale != Scale::kReverseLog) return;
    range.ceiling = range.low + range.high;
    const Entry* ceiling = node_.find("ceiling");
    if (ceiling == nullptr && range.low <= 0) {
      fail(low.mark, entry.key,
           "a reverse logarithmic range begins above 0, not at " + low.text +
               "; raise the lowest value, or say what it approaches: ceiling: 1");
    } else if (ceiling != nullptr) {
      const auto value = real_of(ceiling->value);
      if (!value || *value <= range.high) {
        fail(ceiling->value.mark, "ceiling",
             "must be a number above the highest value, " + format_real(range.high) + ", not " +
                 show(ceiling->value));
      } else {
        range.ceiling = *value;
      }
    }
  }

  bool read_normal(const Entry& entry) {
    Normal normal;
    normal.log = entry.key == "lognormal";
    const auto pair = read_pair(
        entry, normal.log ? "mean and deviation of the logarithm" : "mean and deviation", "[0, 1]");
    if (!pair) return false;
    std::tie(normal.mean, normal.deviation) = *pair;
    if (normal.deviation <= 0) {
      return fail(entry.value.items[1].mark, entry.key,
                  "the deviation must be above 0, not " + entry.value.items[1].text);
    }
    const auto read_number = [this](std::string_view key, double& out) {
      const Entry* beside = node_.find(key);
      if (beside == nullptr) return;
      const auto value = real_of(beside->value);
      if (value) {
        out = *value;
      } else {
        fail(beside->value.mark, key, "must be a number, not " + show(beside->value));
      }
    };
    read_number("low", normal.low);
    read_number("high", normal.high);
    read_number("step", normal.step);
    if (ok_ && normal.low >= normal.high) {
      fail(node_.find("low") != nullptr ? node_.find("low")->value.mark : node_.mark, "low",
           "is not below high, " + format_real(normal.high));
    }
    if (normal.step < 0) fail(node_.find("step")->value.mark, "step", "must be above 0");
    parameter_.domain = normal;
    return ok_;
  }

  bool read_values(const Node& list, std::string_view key, bool unordered) {
    if (list.kind != Node::Kind::kList)
      return fail(list.mark, key, "must be a list, such as [32, 64, 128], not " + show(list));
    if (list.items.empty()) return fail(list.mark, key, "is empty; list at least one value");
    if (list.items.size() > kListedValuesMax) {
      return fail(list.mark, key,
                  "has " + std::to_string(list.items.size()) + " values; at most " +
                      std::to_string(kListedValuesMax) + " are read; write a range with a step");
    }
    std::vector<ParameterValue> values;
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      const Node& item = list.items[i];
      const std::string place = std::string(key) + "[" + std::to_string(i) + "]";
      auto value = read_parameter_value(item);
      if (!value) {
        fail(item.mark, place, "must be a number, a word, a truth or a list, not " + show(item));
      } else if (std::find(values.begin(), values.end(), *value) != values.end()) {
        fail(item.mark, place, dl::to_string(*value) + " stands twice; remove one of them");
      } else {
        values.push_back(std::move(*value));
      }
    }
    if (!ok_) return false;
    store_values(std::move(values), unordered);
    return true;
  }

  // Numbers have an order unless they are called categories.
  void store_values(std::vector<ParameterValue> values, bool unordered) {
    Numbers numbers{{}, true};
    for (const ParameterValue& value : values) {
      if (const auto number = as_number(value)) numbers.values.push_back(*number);
      numbers.whole = numbers.whole && std::holds_alternative<std::int64_t>(value);
    }
    if (unordered || values.size() == 1 || numbers.values.size() < values.size() ||
        node_.find("weights") != nullptr) {
      Choices choices{std::move(values), {}};
      read_weights(choices);
      parameter_.domain = std::move(choices);
    } else {
      std::sort(numbers.values.begin(), numbers.values.end());
      parameter_.domain = std::move(numbers);
    }
  }

  void read_weights(Choices& choices) {
    const Entry* entry = node_.find("weights");
    if (entry == nullptr) return;
    const Node& list = entry->value;
    double sum = 0;
    for (const Node& item : list.items) {
      const auto weight = real_of(item);
      if (!weight || *weight < 0) {
        fail(item.mark, "weights", "must be numbers of at least 0, not " + show(item));
        return;
      }
      choices.weights.push_back(*weight);
      sum += *weight;
    }
    if (list.kind != Node::Kind::kList || list.items.size() != choices.values.size()) {
      fail(list.mark, "weights",
           "must be a list of " + std::to_string(choices.values.size()) +
               ", one for each value, not " + show(list));
    } else if (sum <= 0) {
      fail(list.mark, "weights", "are all 0; some value must be possible");
    }
  }

  // What belongs to another kind of values than `word`.
  bool refuse_beside(std::string_view word) {
    const bool normal = word == "normal" || word == "lognormal";
    const bool listed = word == "values" || word == "categories";
    const auto refuse = [&](std::string_view key, bool fits) {
      const Entry* entry = node_.find(key);
      if (entry != nullptr && !fits)
        fail(entry->mark, key, "does not belong to " + std::string(word));
    };
    const auto* range = std::get_if<Range>(&parameter_.domain);
    refuse("low", normal);
    refuse("high", normal);
    refuse("step", !listed);
    refuse("weights", listed);
    refuse("ceiling", range == nullptr ? !normal && !listed : range->scale == Scale::kReverseLog);
    refuse("scale", !normal && !listed);
    refuse("points", !normal && !listed);
    return ok_;
  }

  void read_points() {
    const Entry* entry = node_.find("points");
    if (entry == nullptr || !node_.is_map()) return;
    const auto points = entry->value.quoted ? std::nullopt : parse_whole(entry->value.text);
    if (!points || *points == 0 || *points > kPointsMax) {
      fail(entry->value.mark, "points",
           "must be a whole number from 1 to " + std::to_string(kPointsMax) + ", not " +
               show(entry->value));
    } else if (std::holds_alternative<Range>(parameter_.domain)) {
      parameter_.points = static_cast<std::uint32_t>(*points);
    }
  }

  void read_default() {
    const Entry* entry = node_.find("default");
    if (entry == nullptr || !node_.is_map() || !ok_) return;
    const auto value = read_parameter_value(entry->value);
    parameter_.initial = value ? fitted(parameter_.domain, *value) : std::nullopt;
    if (!parameter_.initial)
      fail(entry->value.mark, "default", "is none of its values: " + show(entry->value));
  }

  const Node& node_;
  std::string path_;
  Problems& problems_;
  Parameter parameter_;
  bool ok_ = true;
};

}  // namespace

std::optional<Parameter> read_parameter(const Entry& entry, const std::string& path,
                                        Problems& problems) {
  return ParameterReader(entry, path, problems).read();
}

bool is_parameter_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && name.size() <= 200 && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-';
         });
}

}  // namespace dl::spec::native
