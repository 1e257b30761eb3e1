// A whole job in one process, for tests: servers serve, and on each worker fn(client, rank) runs.

#pragma once

#include <cstdint>
#include <functional>

#include "worker/paramserver/client.h"
#include "worker/paramserver/server.h"
#include "worker/transport/testing/gang.h"

namespace dl::worker::paramserver::testing {

struct Job {
  transport::testing::Kind kind = transport::testing::Kind::kInproc;
  std::uint32_t workers = 2;
  std::uint32_t servers = 2;
  Tables tables;
  ServerOptions server;  // `workers` is filled in.
  std::chrono::milliseconds silence_timeout{10'000};
};

using WorkerFn = std::function<void(Client&, transport::Rank)>;

// All have joined and been initialised with zeros (or what was restored); finish() comes after fn.
// Throws what an fn, or a server, threw; the sum of the servers' reports is returned.
ServerReport run(const Job& job, const WorkerFn& fn);

}  // namespace dl::worker::paramserver::testing
