#include "cmd/dlctl/config/contexts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cmd/dlctl/host.h"

namespace dl::dlctl {
namespace {

Error wrong(const std::string& file, const YAML::Mark& mark, const std::string& what) {
  return invalid_argument(file + ":" + std::to_string(mark.line + 1) + ":" +
                          std::to_string(mark.column + 1) + ": " + what);
}

Result<ContextEntry> parse_entry(const YAML::Node& node, const std::string& file) {
  if (!node.IsMap()) {
    return wrong(file, node.Mark(), "a context is a map of server, token or token_file, tls_ca");
  }
  ContextEntry entry;
  const std::map<std::string, std::string*> fields = {{"server", &entry.server},
                                                      {"token", &entry.token},
                                                      {"token_file", &entry.token_file},
                                                      {"tls_ca", &entry.tls_ca}};
  for (const auto& pair : node) {
    const auto field = fields.find(pair.first.Scalar());
    if (field == fields.end()) {
      return wrong(file, pair.first.Mark(),
                   "unknown key \"" + pair.first.Scalar() +
                       "\"; a context has server, token, token_file, tls_ca");
    }
    if (!pair.second.IsScalar()) {
      return wrong(file, pair.second.Mark(), "\"" + field->first + "\" is a text");
    }
    *field->second = pair.second.Scalar();
  }
  return entry;
}

Result<Contexts> parse_document(const YAML::Node& root, const std::string& file) {
  Contexts contexts;
  if (root.IsNull()) return contexts;
  if (!root.IsMap()) return wrong(file, root.Mark(), "expected a map with current and contexts");
  for (const auto& pair : root) {
    if (pair.first.Scalar() == "current") {
      contexts.current = pair.second.Scalar();
    } else if (pair.first.Scalar() == "contexts" && pair.second.IsMap()) {
      for (const auto& context : pair.second) {
        DL_TRY(contexts.entries[context.first.Scalar()], parse_entry(context.second, file));
      }
    } else {
      return wrong(file, pair.first.Mark(), "expected \"current: NAME\" and \"contexts: {…}\"");
    }
  }
  return contexts;
}

}  // namespace

Result<Contexts> parse_contexts(const std::string& yaml, const std::string& file) {
  try {
    return parse_document(YAML::Load(yaml), file);
  } catch (const YAML::Exception& e) {
    return wrong(file, e.mark, e.msg);
  }
}

std::string to_yaml(const Contexts& contexts) {
  YAML::Emitter out;
  out << YAML::BeginMap;
  if (!contexts.current.empty()) out << YAML::Key << "current" << YAML::Value << contexts.current;
  out << YAML::Key << "contexts" << YAML::Value << YAML::BeginMap;
  for (const auto& [name, entry] : contexts.entries) {
    out << YAML::Key << name << YAML::Value << YAML::BeginMap;
    for (const auto& [key, value] :
         {std::pair("server", entry.server), std::pair("token", entry.token),
          std::pair("token_file", entry.token_file), std::pair("tls_ca", entry.tls_ca)}) {
      if (!value.empty()) out << YAML::Key << key << YAML::Value << value;
    }
    out << YAML::EndMap;
  }
  out << YAML::EndMap << YAML::EndMap;
  return std::string(out.c_str()) + "\n";
}

std::string contexts_file(const Environment& env) { return config_dir(env) + "/config.yaml"; }

Result<Contexts> load_contexts(const Environment& env) {
  const std::string file = contexts_file(env);
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return Contexts{};
  std::ifstream in(file);
  if (!in) return errno_error("cannot read " + file, errno);
  std::ostringstream text;
  text << in.rdbuf();
  return parse_contexts(text.str(), file);
}

Result<void> save_contexts(const Environment& env, const Contexts& contexts) {
  const std::string file = contexts_file(env);
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), failed);
  const std::string fresh = file + ".new";
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return errno_error("cannot write " + fresh, errno);
  const std::string text = to_yaml(contexts);
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const bool closed = close(fd) == 0;
  if (!written || !closed || rename(fresh.c_str(), file.c_str()) != 0) {
    return errno_error("cannot write " + file, errno);
  }
  return {};
}

}  // namespace dl::dlctl
