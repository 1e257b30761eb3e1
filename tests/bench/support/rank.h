// What every program that is one rank of a bench does: it is told who its peers are, finds them,
// and says at its end what went wrong.

#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "worker/transport/tcp/connect.h"

namespace dl::bench {

// Which rank a program is, and where all of them listen: --rank and --peers.
struct RankOptions {
  worker::transport::Rank rank = 0;
  std::vector<std::string> peers;  // "host:port", by rank.

  void add_to(CLI::App& app);
};

// With the same secret for all ranks of a bench.
//   kInvalidArgument  a peer is not "host:port"; names it.
Result<worker::transport::tcp::ConnectOptions> connect_options(const RankOptions& options);

// What main() returns; an error goes to standard error, after the program and the rank.
int exit_code(const char* program, const RankOptions& options, const Result<void>& done);

}  // namespace dl::bench
