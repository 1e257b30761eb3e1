#include "cmd/dlctl/run.h"

#include "cmd/dlctl/command_line.h"
#include "cmd/dlctl/complete.h"
#include "cmd/dlctl/help.h"

namespace dl::dlctl {
namespace {

// Spellings people try first.
void normalize(std::vector<std::string>& arguments) {
  if (arguments.empty()) return;
  if (arguments.front() == "help") {
    arguments.erase(arguments.begin());
    arguments.push_back("--help");
  } else if (arguments.front() == "--version") {
    arguments.front() = "version";
  }
}

int fail(Invocation& run, const Error& error) {
  run.host().err << error_line(error, run.err_terminal()) << std::flush;
  return static_cast<int>(exit_code_of(error));
}

}  // namespace

int run_dlctl(std::vector<std::string> arguments, Host& host) {
  CommandLine line;
  if (!arguments.empty() && arguments.front() == "__complete") {
    host.out << complete(line, {arguments.begin() + 1, arguments.end()}, host);
    return 0;
  }
  if (!arguments.empty() && arguments.front() == "__reference") {
    host.out << reference_markdown(line);
    return 0;
  }
  normalize(arguments);
  const auto parsed = line.parse(arguments);
  Invocation run(host, line.flags());
  if (!parsed) return fail(run, parsed.error());
  if (parsed->verb == nullptr) {
    host.out << parsed->help;
    return 0;
  }
  const auto done = parsed->action(run);
  host.out << std::flush;
  return done ? static_cast<int>(*done) : fail(run, done.error());
}

}  // namespace dl::dlctl
