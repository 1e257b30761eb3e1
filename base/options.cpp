#include "base/options.h"

#include <algorithm>

#include "base/assert.h"
#include "base/nearest.h"
#include "base/quantity.h"

namespace dl {
namespace {

std::string_view type_word(OptionType type) {
  switch (type) {
    case OptionType::kString: return "text";
    case OptionType::kBool: return "bool";
    case OptionType::kInteger: return "integer";
    case OptionType::kDuration: return "duration";
    case OptionType::kBytes: return "size";
    case OptionType::kPath: return "path";
    case OptionType::kList: return "list";
  }
  return "text";
}

Result<bool> parse_bool(std::string_view text) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
  if (text == "false" || text == "no" || text == "off" || text == "0") return false;
  return invalid_argument("\"" + std::string(text) + "\" is not true or false");
}

// A number that orders values of the type; values without an order are all 0.
Result<std::int64_t> measure(OptionType type, std::string_view text) {
  switch (type) {
    case OptionType::kInteger: return parse_integer(text);
    case OptionType::kDuration: {
      DL_TRY(const Duration duration, parse_duration(text));
      return duration.count();
    }
    case OptionType::kBytes: {
      DL_TRY(const std::uint64_t bytes, parse_bytes(text));
      return static_cast<std::int64_t>(bytes);
    }
    case OptionType::kBool: {
      DL_TRY(const bool value, parse_bool(text));
      return value ? 1 : 0;
    }
    case OptionType::kString:
    case OptionType::kPath:
    case OptionType::kList: return 0;
  }
  return 0;
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

// "1s to 1h", "at least 1s", "one of text, json"; empty without bounds.
std::string bounds_text(const Option& option) {
  if (!option.choices.empty()) return "one of " + joined(option.choices, ", ");
  if (!option.min.empty() && !option.max.empty()) return option.min + " to " + option.max;
  if (!option.min.empty()) return "at least " + option.min;
  if (!option.max.empty()) return "at most " + option.max;
  return "";
}

Result<void> check_value(const Option& option, std::string_view text) {
  const auto out_of_bounds = [&] {
    return invalid_argument("\"" + std::string(text) +
                            "\" is out of bounds: " + bounds_text(option));
  };
  if (text.find('\0') != text.npos) return invalid_argument("the value has a zero byte");
  if (!option.choices.empty() &&
      std::find(option.choices.begin(), option.choices.end(), text) == option.choices.end()) {
    return out_of_bounds();
  }
  DL_TRY(const std::int64_t value, measure(option.type, text));
  if (!option.min.empty() && value < measure(option.type, option.min).value()) {
    return out_of_bounds();
  }
  if (!option.max.empty() && value > measure(option.type, option.max).value()) {
    return out_of_bounds();
  }
  return {};
}

// How a source names the option to the user.
std::string shown_name(const Option& option, OptionSource source) {
  switch (source) {
    case OptionSource::kFlag: return flag_of(option.name);
    case OptionSource::kEnvironment: return option.environment;
    case OptionSource::kFile:
    case OptionSource::kDefault: return option.name;
  }
  return option.name;
}

}  // namespace

std::string flag_of(std::string_view name) {
  std::string flag = "--" + std::string(name);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string name_of_flag(std::string_view flag) {
  std::string name(flag);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

Options::Options(std::vector<Option> table) : table_(std::move(table)) {
  for (const Option& option : table_) {
    const auto checked = check_value(option, option.default_value);
    DL_ASSERT(checked, "the default of option " + option.name +
                           " is right: " + (checked ? "" : checked.error().message));
    const bool added = values_.emplace(option.name, Value{option.default_value}).second;
    DL_ASSERT(added, "option " + option.name + " is in the table once");
  }
}

const Option* Options::find(std::string_view name) const {
  const auto it = std::find_if(table_.begin(), table_.end(),
                               [&](const Option& option) { return option.name == name; });
  return it == table_.end() ? nullptr : &*it;
}

Result<void> Options::set(std::string_view name, std::string_view text, OptionSource source) {
  const Option* option = find(name);
  if (option == nullptr) {
    return invalid_argument("unknown option \"" + std::string(name) + "\"" +
                            did_you_mean(name, names()));
  }
  if (const auto checked = check_value(*option, text); !checked) {
    return with_context(shown_name(*option, source), checked.error());
  }
  Value& value = values_.find(name)->second;
  if (source < value.source) return {};
  const bool appends = option->type == OptionType::kList && source == OptionSource::kFlag &&
                       value.source == OptionSource::kFlag;
  value.text = appends ? value.text + "," + std::string(text) : std::string(text);
  value.source = source;
  return {};
}

Result<std::vector<std::string>> Options::parse_flags(std::span<const char* const> arguments) {
  std::vector<std::string> rest;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    if (!argument.starts_with("--") || argument == "--") {
      rest.emplace_back(argument);
      continue;
    }
    const std::size_t equals = argument.find('=');
    std::string name = name_of_flag(argument.substr(2, equals - 2));
    if (equals != argument.npos) {
      DL_CHECK(set(name, argument.substr(equals + 1), OptionSource::kFlag));
      continue;
    }
    const Option* option = find(name);
    const bool negated = option == nullptr && name.starts_with("no_");
    if (negated) option = find(name.substr(3));
    if (option != nullptr && option->type == OptionType::kBool) {
      DL_CHECK(set(option->name, negated ? "false" : "true", OptionSource::kFlag));
    } else if (option == nullptr || negated) {
      std::vector<std::string> flags;
      for (const Option& known : table_) flags.push_back(flag_of(known.name));
      return invalid_argument("unknown flag " + std::string(argument) +
                              did_you_mean(argument, flags) + "; --help lists them");
    } else if (i + 1 == arguments.size()) {
      return invalid_argument(std::string(argument) + " needs a value");
    } else {
      DL_CHECK(set(name, arguments[++i], OptionSource::kFlag));
    }
  }
  return rest;
}

Result<void> Options::read_environment(const std::function<const char*(const char*)>& lookup) {
  for (const Option& option : table_) {
    if (option.environment.empty()) continue;
    const char* text = lookup(option.environment.c_str());
    if (text != nullptr) DL_CHECK(set(option.name, text, OptionSource::kEnvironment));
  }
  return {};
}

const std::string& Options::text_of(std::string_view name, OptionType type) const {
  const Option* option = find(name);
  DL_ASSERT(option != nullptr, "options are read by the names of the table: " + std::string(name));
  DL_ASSERT(option->type == type, "options are read by their type: " + std::string(name));
  return values_.find(name)->second.text;
}

const std::string& Options::string(std::string_view name) const {
  return text_of(name, OptionType::kString);
}
bool Options::boolean(std::string_view name) const {
  return parse_bool(text_of(name, OptionType::kBool)).value();
}
std::int64_t Options::integer(std::string_view name) const {
  return parse_integer(text_of(name, OptionType::kInteger)).value();
}
Duration Options::duration(std::string_view name) const {
  return parse_duration(text_of(name, OptionType::kDuration)).value();
}
std::uint64_t Options::bytes(std::string_view name) const {
  return parse_bytes(text_of(name, OptionType::kBytes)).value();
}
const std::string& Options::path(std::string_view name) const {
  return text_of(name, OptionType::kPath);
}

std::vector<std::string> Options::list(std::string_view name) const {
  std::vector<std::string> items;
  std::string_view text = text_of(name, OptionType::kList);
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) items.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return items;
}

bool Options::is_set(std::string_view name) const {
  const auto it = values_.find(name);
  return it != values_.end() && it->second.source != OptionSource::kDefault;
}

std::vector<std::string> Options::names() const {
  std::vector<std::string> names;
  for (const Option& option : table_) names.push_back(option.name);
  return names;
}

std::string help_text(std::string_view usage, std::span<const Option> table) {
  std::string text = std::string(usage) + "\n\nOptions:\n";
  for (const Option& option : table) {
    text += "  " + flag_of(option.name);
    if (option.type != OptionType::kBool) text += " <" + std::string(type_word(option.type)) + ">";
    text += "\n      " + option.help;
    std::string facts;
    if (!option.default_value.empty()) facts = "default " + option.default_value;
    if (const std::string bounds = bounds_text(option); !bounds.empty()) {
      facts += (facts.empty() ? "" : "; ") + bounds;
    }
    if (!option.environment.empty()) {
      facts += (facts.empty() ? "" : "; ") + ("environment " + option.environment);
    }
    text += (facts.empty() ? "" : " (" + facts + ")") + "\n";
  }
  return text;
}

std::string options_markdown(std::span<const Option> table) {
  std::string text =
      "| key | flag | type | default | bounds | environment | meaning |\n"
      "| --- | --- | --- | --- | --- | --- | --- |\n";
  const auto code = [](const std::string& word) { return word.empty() ? "" : "`" + word + "`"; };
  for (const Option& option : table) {
    text += "| `" + option.name + "` | `" + flag_of(option.name) + "` | " +
            std::string(type_word(option.type)) + " | " + code(option.default_value) + " | " +
            bounds_text(option) + " | " + code(option.environment) + " | " + option.help + " |\n";
  }
  return text;
}

}  // namespace dl
