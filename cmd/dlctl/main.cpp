// dlctl: submit, watch, explain, compare, stop.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "cmd/dlctl/run.h"

int main(int argc, char** argv) {
  using dl::dlctl::Host;
  // gRPC's own remarks about connections are said again in our words.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  std::error_code ignored;
  const bool out_tty = isatty(STDOUT_FILENO) == 1;
  const bool err_tty = isatty(STDERR_FILENO) == 1;
  Host host{
      .in = std::cin,
      .out = std::cout,
      .err = std::cerr,
      .env = [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
      },
      .now = [] { return std::chrono::floor<dl::Duration>(std::chrono::system_clock::now()); },
      .out_tty = out_tty,
      .err_tty = err_tty,
      .size = dl::dlctl::terminal_size(out_tty ? STDOUT_FILENO : STDERR_FILENO),
      .program = std::filesystem::read_symlink("/proc/self/exe", ignored).string(),
  };
  return dl::dlctl::run_dlctl({argv + 1, argv + argc}, host);
}
