// How the servers of a gang begin: they hear from all workers what tables there are, then settle
// among themselves whose copy of each part is the newest, and bring it to where it belongs.
//
// Every server tells every other what it has: its own part, the replica of the part before it, and
// its checkpoints. All look at the same table then, so all come to the same plan and nobody asks.

#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "base/result.h"
#include "worker/paramserver/options.h"
#include "worker/paramserver/state/checkpoint.h"
#include "worker/paramserver/state/shard.h"
#include "worker/transport/mesh.h"

namespace dl::worker::paramserver {

// What one server has, as it tells the others. Of parts that it does not have, nothing.
struct Inventory {
  std::optional<Standpoint> own;
  std::optional<Standpoint> replica;  // Of the part of the server before.
  bool own_can_go_back = false;       // By one clock.
  bool replica_can_go_back = false;
  std::set<Clock> checkpoints;
};

// What is to be done about one part. Pure, and so the same on every server.
struct PartPlan {
  enum class Source : std::uint8_t { kNothing, kOwn, kReplica, kCheckpoint };
  Source source = Source::kNothing;
  bool go_back = false;  // The source, by one clock, before it is used.
  Clock checkpoint = 0;  // kCheckpoint.
};
struct StartPlan {
  bool restored = false;
  std::uint64_t epoch = 1;
  std::vector<PartPlan> parts;  // By server.
};
//   kDataLoss   some part is nowhere, though workers have pushed to it.
//   kNotFound   `options.resume_clock` names a checkpoint that not all servers have.
Result<StartPlan> make_plan(const std::vector<Inventory>& inventories,
                            const ServerOptions& options);

struct Started {
  Tables tables;
  Identity identity;
  Shard shard;
  std::optional<Shard> replica;  // Of the server before, when replication is on.
  bool restored = false;
};

// "FOLDER/server-0-of-2" and "FOLDER/replica-0-of-2", of part 0.
std::filesystem::path own_stem(const ServerOptions& options, const Identity& identity);
std::filesystem::path replica_stem(const ServerOptions& options, const Identity& identity);

// Waits for the hello of each worker; no answer has been sent to them yet.
Result<Started> start(transport::Mesh& mesh, const ServerOptions& options);

// Sends `shard` as it is to the next server, and receives that of the one before into `replica`;
// all servers do this together. Nothing else is under way between them.
Result<void> exchange_replicas(transport::Mesh& mesh, const ServerOptions& options,
                               const Shard& shard, Shard& replica);

}  // namespace dl::worker::paramserver
