#include "daemon/runtime/config/config_file.h"

#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

namespace dl::runtime {
namespace {

constexpr std::size_t kFileBytesMax = 1 << 20;

std::string place(const std::string& file, const YAML::Mark& mark) {
  if (mark.is_null()) return file;
  return file + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
}

// The text of a value as the command line would have it.
Result<std::string> text_of(const YAML::Node& node) {
  if (node.IsNull()) return std::string();
  if (node.IsScalar()) return node.Scalar();
  if (!node.IsSequence()) return invalid_argument("a value or a list of values goes here");
  std::string text;
  for (const YAML::Node& item : node) {
    if (!item.IsScalar()) return invalid_argument("an item of the list is not a plain value");
    text += (text.empty() ? "" : ",") + item.Scalar();
  }
  return text;
}

Result<void> read_mapping(Options& options, const std::string& file, const YAML::Node& root) {
  if (root.IsNull()) return {};
  if (!root.IsMap()) {
    return invalid_argument(place(file, root.Mark()) +
                            ": keys with values go here, like `lost_after: 30s`");
  }
  std::set<std::string> seen;
  for (const auto& entry : root) {
    const std::string at = place(file, entry.first.Mark());
    if (!entry.first.IsScalar()) return invalid_argument(at + ": a key is a plain word");
    const std::string& key = entry.first.Scalar();
    if (!seen.insert(key).second) return invalid_argument(at + ": " + key + " is there twice");
    const auto text = text_of(entry.second);
    if (!text) return with_context(at + ": " + key, text.error());
    if (const auto set = options.set(key, *text, OptionSource::kFile); !set) {
      return with_context(at, set.error());
    }
  }
  return {};
}

}  // namespace

Result<void> read_config_text(Options& options, const std::string& file, const std::string& text) {
  try {
    return read_mapping(options, file, YAML::Load(text));
  } catch (const YAML::Exception& error) {
    return invalid_argument(place(file, error.mark) + ": " + error.msg);
  }
}

Result<void> read_config_file(Options& options, const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return errno_error("read the configuration " + file.string(), errno);
  std::string text(kFileBytesMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return errno_error("read the configuration " + file.string(), EIO);
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > kFileBytesMax) {
    return invalid_argument(file.string() + ": a configuration has at most 1 MiB");
  }
  return read_config_text(options, file.string(), text);
}

Result<Startup> load_options(Options& options, std::span<const char* const> arguments) {
  for (const std::string_view argument : arguments) {
    if (argument == "--help" || argument == "-h") return Startup::kHelp;
    if (argument == "--version") return Startup::kVersion;
  }
  DL_TRY(const auto rest, options.parse_flags(arguments));
  if (!rest.empty()) {
    return invalid_argument("unexpected argument \"" + rest.front() + "\"; --help lists the flags");
  }
  DL_CHECK(options.read_environment([](const char* name) -> const char* { return getenv(name); }));
  if (const std::string& file = options.path("config"); !file.empty()) {
    DL_CHECK(read_config_file(options, file));
  }
  return Startup::kRun;
}

std::filesystem::path state_home() {
  const char* state = getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return std::filesystem::path(state) / "dl";
  const char* home = getenv("HOME");
  return std::filesystem::path(home != nullptr ? home : "/") / ".local/state/dl";
}

}  // namespace dl::runtime
