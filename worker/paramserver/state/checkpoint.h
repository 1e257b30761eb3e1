// A server's part at some clock, in a .dlm file (docs/formats.md): whole or not there, checksummed.

#pragma once

#include <filesystem>
#include <set>
#include <vector>

#include "base/result.h"
#include "worker/paramserver/state/shard.h"

namespace dl::worker::paramserver {

// What a shard holds, apart from it, so that it can be written while the shard goes on.
struct Snapshot {
  Layout layout;
  Standpoint standpoint;
  std::vector<std::byte> content;
};
Snapshot snapshot_of(const Shard& shard);

// "FOLDER/server-0-of-2.clock-120.dlm".
std::filesystem::path checkpoint_path(const std::filesystem::path& folder, const Identity& identity,
                                      Clock clock);

// Returns when it is on disk. Older ones of this server stay, the newest `kept` of them.
Result<void> write_checkpoint(const std::filesystem::path& folder, Clock clock,
                              const Snapshot& snapshot, std::size_t kept = 2);

// The clocks of this server's checkpoints in `folder`.
std::set<Clock> checkpoints_in(const std::filesystem::path& folder, const Identity& identity);

// Makes `shard` what it was. kDataLoss, kFailedPrecondition (of other tables): names the file.
Result<void> load_checkpoint(const std::filesystem::path& folder, Clock clock, Shard& shard);

}  // namespace dl::worker::paramserver
