// User runs dlctl in this process as one user would, in a home folder and at a time of its own.

#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "cmd/dlctl/run.h"

namespace dl::dlctl {

// The user's clock stands still.
inline constexpr std::int64_t kNow = 1'700'000'000;

struct Output {
  int code = 0;
  std::string out;
  std::string err;
};

// One user's environment, in a folder of its own.
class User {
 public:
  User() {
    std::string name = (std::filesystem::temp_directory_path() / "dlctl-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    home = name;
    setenv("TZ", "UTC", 1);
    env = {{"HOME", home.string()}, {"USER", "anna"}};
  }
  ~User() { std::filesystem::remove_all(home); }

  Output run(std::vector<std::string> arguments, const std::string& input = "") {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    Host host{.in = in,
              .out = out,
              .err = err,
              .env = [this](std::string_view name) -> std::optional<std::string> {
                const auto found = env.find(std::string(name));
                return found == env.end() ? std::nullopt : std::optional(found->second);
              },
              .now = [] { return Timestamp(std::chrono::seconds(kNow)); },
              .out_tty = columns > 0,
              .err_tty = false,
              .size = {columns, 50},
              .program = "/nowhere/dlctl"};
    const int code = run_dlctl(std::move(arguments), host);
    return {code, out.str(), err.str()};
  }

  std::filesystem::path home;
  std::map<std::string, std::string> env;
  std::size_t columns = 0;  // Of a terminal; 0: a pipe.
};

}  // namespace dl::dlctl
