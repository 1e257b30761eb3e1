// Contexts: which coordinator dlctl talks to, by name.
//
//   # $XDG_CONFIG_HOME/dl/config.yaml
//   current: lab
//   contexts:
//     lab: {server: "gpu-01:7400", token_file: /home/anna/.dl-token, tls_ca: /etc/dl/ca.pem}

#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "cmd/dlctl/terminal/terminal.h"

namespace dl::dlctl {

// Empty fields were not given.
struct ContextEntry {
  std::string server;
  std::string token;
  std::string token_file;
  std::string tls_ca;  // A file of PEM certificates. With it the connection is by TLS.

  friend bool operator==(const ContextEntry&, const ContextEntry&) = default;
};

struct Contexts {
  std::string current;
  std::map<std::string, ContextEntry> entries;
};

// Errors name the file, the line and what was expected.
Result<Contexts> parse_contexts(const std::string& yaml, const std::string& file);
std::string to_yaml(const Contexts& contexts);

std::string contexts_file(const Environment& env);

// No file is no contexts.
Result<Contexts> load_contexts(const Environment& env);
// Replaces the file as a whole, readable by its owner only: there may be tokens in it.
Result<void> save_contexts(const Environment& env, const Contexts& contexts);

}  // namespace dl::dlctl
