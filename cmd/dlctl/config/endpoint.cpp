#include "cmd/dlctl/config/endpoint.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "cmd/dlctl/config/contexts.h"
#include "cmd/dlctl/host.h"

namespace dl::dlctl {
namespace {

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path);
  if (!in) return errno_error("cannot read " + path, errno);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string trimmed(std::string text) {
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  text.erase(std::find_if_not(text.rbegin(), text.rend(), is_space).base(), text.end());
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  return text;
}

std::string value_of(const Environment& env, std::string_view name) {
  return env(name).value_or("");
}

std::string with_port(std::string address) {
  const auto colon = address.rfind(':');
  const bool bracketed = !address.empty() && address.back() == ']';
  if (colon == std::string::npos || bracketed) address += ":7400";
  return address;
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address.starts_with("localhost:") ||
         address.starts_with("[::1]:") || address.starts_with("unix:");
}

Result<ContextEntry> find_context(const Contexts& contexts, const std::string& name,
                                  const Environment& env) {
  const auto found = contexts.entries.find(name);
  if (found != contexts.entries.end()) return found->second;
  std::string known;
  for (const auto& [other, entry] : contexts.entries) known += (known.empty() ? "" : ", ") + other;
  return not_found("there is no context \"" + name + "\" in " + contexts_file(env) +
                   (known.empty() ? "; make one with `dlctl context set NAME --server HOST:PORT`"
                                  : "; there are: " + known));
}

std::string address_of_dev_cluster(const Environment& env) {
  const auto address = read_file(dev_dir(env) + "/address");
  return address ? trimmed(*address) : "";
}

// Files that a coordinator of this machine leaves its token in.
Result<void> find_local_token(Endpoint& endpoint, const Environment& env) {
  if (!is_loopback(endpoint.address)) return {};
  const std::string dev = dev_dir(env) + "/coordinator/token";
  const std::string usual = state_dir(env) + "/coordinator/token";
  const bool dev_first = endpoint.address == with_port(address_of_dev_cluster(env));
  for (const auto& file : dev_first ? std::array{dev, usual} : std::array{usual, dev}) {
    if (const auto token = read_file(file)) {
      endpoint.token = trimmed(*token);
      endpoint.token_source = file;
      return {};
    }
  }
  return {};
}

Result<void> find_token(Endpoint& endpoint, const ContextEntry& entry, const Environment& env) {
  if (const auto token = value_of(env, "DL_TOKEN"); !token.empty()) {
    endpoint.token = trimmed(token);
    endpoint.token_source = "DL_TOKEN";
  } else if (!entry.token.empty()) {
    endpoint.token = entry.token;
    endpoint.token_source = contexts_file(env);
  } else if (!entry.token_file.empty()) {
    DL_TRY(const std::string text, read_file(entry.token_file));
    endpoint.token = trimmed(text);
    endpoint.token_source = entry.token_file;
  } else {
    return find_local_token(endpoint, env);
  }
  return {};
}

}  // namespace

std::string dev_dir(const Environment& env) { return state_dir(env) + "/dev"; }

Result<Endpoint> resolve_endpoint(const std::string& server, const std::string& context,
                                  const Environment& env) {
  Endpoint endpoint;
  endpoint.address = server;
  endpoint.context = context;
  // A flag is stronger than the environment, whichever of the two it names.
  if (server.empty() && context.empty()) {
    endpoint.address = value_of(env, "DL_SERVER");
    endpoint.context = value_of(env, "DL_CONTEXT");
  }
  // A context that was named gives the token even when the address comes from elsewhere.
  ContextEntry entry;
  if (endpoint.address.empty() || !endpoint.context.empty()) {
    DL_TRY(const Contexts contexts, load_contexts(env));
    if (endpoint.context.empty()) endpoint.context = contexts.current;
    if (!endpoint.context.empty()) {
      DL_TRY(entry, find_context(contexts, endpoint.context, env));
    }
  }
  if (endpoint.address.empty()) endpoint.address = entry.server;
  if (endpoint.address.empty()) endpoint.address = address_of_dev_cluster(env);
  if (endpoint.address.empty()) endpoint.address = kDefaultAddress;
  endpoint.address = with_port(endpoint.address);
  DL_CHECK(find_token(endpoint, entry, env));
  if (!entry.tls_ca.empty()) {
    DL_TRY(endpoint.tls_ca, read_file(entry.tls_ca));
  }
  return endpoint;
}

}  // namespace dl::dlctl
