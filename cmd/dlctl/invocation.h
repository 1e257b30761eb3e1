// Invocation is one run of dlctl: the flags all verbs share, the connection, and the way to
// stdout (data) and stderr (messages).

#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "cmd/dlctl/client/client.h"
#include "cmd/dlctl/exit_code.h"
#include "cmd/dlctl/host.h"
#include "cmd/dlctl/terminal/table.h"

namespace dl::dlctl {

struct GlobalFlags {
  std::string output = "table";  // table, wide, json, yaml
  std::string color = "auto";    // auto, always, never
  std::string context;
  std::string server;
  std::string timeout = "10s";
  bool no_headers = false;
};

class Invocation {
 public:
  Invocation(Host& host, GlobalFlags flags) : host_(host), flags_(std::move(flags)) {}

  Host& host() { return host_; }
  const GlobalFlags& flags() const { return flags_; }
  Terminal out_terminal() const { return terminal(host_.out_tty); }
  Terminal err_terminal() const { return terminal(host_.err_tty); }
  TableOptions table_options() const;
  bool structured() const { return flags_.output == "json" || flags_.output == "yaml"; }

  // Connects on first use.
  Result<Client*> client();

  // The document as -o json or -o yaml wants it.
  std::string document_text(const boost::json::value& value) const;
  void print(const boost::json::value& value) { host_.out << document_text(value); }
  // A line for people, to stderr.
  void say(const std::string& message) { host_.err << message << std::endl; }

  // Prints what `render` returns; with `watch` again each second, until Ctrl-C. While watching, a
  // coordinator that cannot be reached is said in place of the picture, and tried again.
  Result<ExitCode> show(bool watch, const std::function<Result<std::string>()>& render);

 private:
  Terminal terminal(bool tty) const;

  Host& host_;
  GlobalFlags flags_;
  std::optional<Client> client_;
};

// "dlctl: <message>", for stderr.
std::string error_line(const Error& error, const Terminal& terminal);

// Waits, at most so long; false as soon as Ctrl-C was pressed.
bool wait_for(std::chrono::milliseconds time);

}  // namespace dl::dlctl
