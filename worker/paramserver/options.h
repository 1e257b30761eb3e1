// How the servers of a gang work: who may be how far ahead, and what a push does to a table.
//
// Ranks 0 … workers − 1 of the mesh are workers, all others are servers.

#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace dl::worker::paramserver {

// Counts a worker's pushes of a table, from 1; 0 is the time before the first.
using Clock = std::uint64_t;

enum class Consistency : std::uint8_t {
  // The pushes of all workers at one clock are summed in the order of ranks and applied at once;
  // a pull gives the state after the worker's last clock. The same bits on every run.
  kSynchronous = 1,
  // A push is applied when it comes. No pull sees half of a push within a range.
  kAsynchronous = 2,
  // As asynchronous, without that promise: ranges are read and written in passing, as Hogwild!
  // does (Niu et al., 2011). Saves a copy on either way.
  kHogwild = 3,
  // As asynchronous, but a pull waits until no worker is more than `staleness` clocks behind the
  // one that pulls (stale synchronous parallel, Ho et al., 2013).
  kBoundedStaleness = 4,
};
std::string_view to_string(Consistency consistency);

enum class Rule : std::uint8_t {
  kSgd = 1,      // w −= lr · g, with momentum and Nesterov's if set: PyTorch's SGD.
  kAdagrad = 2,  // Duchi et al., 2011.
  kAdam = 3,     // Kingma and Ba, 2015.
  kAdamW = 4,    // Loshchilov and Hutter, 2019.
};
std::string_view to_string(Rule rule);

// What happens to a table when it is pushed to.
struct UpdateOptions {
  // Multiplies every push, or in synchronous mode their sum: 1/workers averages, 1/window is
  // ADAG's.
  float scale = 1;
  // Divides each push by its staleness + 1, the pushes of others to the same range since the
  // worker pulled it: DynSGD (Jiang et al., 2017). Not in synchronous mode, where there is none.
  bool divide_by_staleness = false;

  // For pushes of gradients. Deltas are added as they are.
  Rule rule = Rule::kSgd;
  float momentum = 0;  // kSgd.
  bool nesterov = false;
  float beta1 = 0.9f;  // kAdam, kAdamW.
  float beta2 = 0.999f;
  float epsilon = 1e-8f;  // kAdagrad, kAdam, kAdamW.
  float weight_decay = 0;

  friend bool operator==(const UpdateOptions&, const UpdateOptions&) = default;
};

struct ServerOptions {
  std::uint32_t workers = 1;
  Consistency consistency = Consistency::kSynchronous;
  std::int64_t staleness = 0;  // kBoundedStaleness: in clocks.
  UpdateOptions update;
  // Workers look at what they push, and refuse to send NaN and infinity.
  bool refuse_not_finite = false;

  // Where this server keeps its state while it runs, and its checkpoints; empty: nowhere, a killed
  // server has lost everything. On a local disk, or one that all servers share.
  std::filesystem::path folder;
  // Whose state it is ("42.3"): that of another run is refused, not overwritten.
  std::string run;
  // Every push is also with the next server before it is acknowledged, so that a machine may be
  // lost with its disk. Takes two servers or more.
  bool replicate = false;
  // Starts from the checkpoint of this clock, and forgets what came after it; 0: from the newest
  // state there is.
  Clock resume_clock = 0;

  // A worker that has to wait for others hears of it this often.
  std::chrono::milliseconds heartbeat{1000};
  // A server gives up when others wait for a worker that has been silent for so long.
  std::chrono::milliseconds patience{600'000};
};

// kInvalidArgument, with the option's name and what it may be: a staleness below 0, no server or no
// worker in the world, replication with one server, …
Result<void> check(const ServerOptions& options, std::uint32_t world_size);

}  // namespace dl::worker::paramserver
