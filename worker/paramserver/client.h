// A worker's line to the parameter servers. It lives on the mesh of the whole gang: workers are
// ranks 0 … workers − 1, servers the ranks after them.
//
//   auto client = Client::join(mesh, {.workers = 4, .tables = tables});   // On every worker.
//   client->init({values});                  // Rank 0's values, or the servers' own.
//   for (…) client->push_pull(0, gradient, {.learning_rate = 0.1f}, values);
//   client->finish();
//
// Every call waits until it is done, by one thread at a time. What a worker waits for may be a
// slow peer: the servers say so now and then, so only silence is an error (kDeadlineExceeded).
//
// Each push of a table has a clock, one more than that of the push before. In a job with several
// tables every worker pushes to each of them at every clock, if only no rows at all: the slowest
// worker of a table is found by its clock.
//
// Errors: kInvalidArgument for what is wrong with the arguments; nothing was sent, the client is
// as it was. Everything else is the end of the client: let go of the mesh, so that no peer waits.
//   kUnavailable         a peer is gone; names it.
//   kFailedPrecondition  the workers do not agree (names rank and tensor), or a server refused.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "worker/paramserver/options.h"
#include "worker/paramserver/table.h"
#include "worker/transport/mesh.h"

namespace dl::worker::paramserver {

struct ClientOptions {
  std::uint32_t workers = 1;
  Tables tables;
  // No byte from any server for this long, though one is due, is an error.
  std::chrono::milliseconds silence_timeout{60'000};
};

enum class PushKind : std::uint8_t {
  kGradient = 1,  // The servers' optimizer makes a step of it.
  kDelta = 2,     // Is added.
};

struct PushOptions {
  PushKind kind = PushKind::kGradient;
  float learning_rate = 0;  // kGradient. In synchronous mode rank 0's counts.
  // Where in its run the worker is with this push: for whoever goes on after it.
  std::uint64_t position = 0;
};

// What the servers know of this worker from before, when it joins.
struct Standing {
  bool restored = false;  // The servers have values; nobody needs to give them any.
  Clock clock = 0;        // The last push that was acknowledged to this worker. Go on after it.
  std::uint64_t position = 0;  // That push's. In synchronous mode rank 0's counts.
  Consistency consistency = Consistency::kSynchronous;  // As the servers were told.
  std::int64_t staleness = 0;
};

struct Statistics {
  static constexpr std::size_t kBins = 65;
  // Of each push: how many pushes of others its ranges had seen since this worker's pull, the most
  // of any range. The last bin has all that is above it.
  std::vector<std::uint64_t> push_staleness = std::vector<std::uint64_t>(kBins);
  // Of each pull: how many clocks this worker was ahead of the slowest.
  std::vector<std::uint64_t> clock_gap = std::vector<std::uint64_t>(kBins);
  std::uint64_t pushes = 0;
  std::uint64_t pulls = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::chrono::nanoseconds busy{0};     // In calls of this client, waiting included.
  std::chrono::nanoseconds waiting{0};  // Of that, until the first byte of an answer came.
};

class Client {
 public:
  // Agrees with all servers on the tables; waits until all workers have come. `mesh` outlives the
  // client.
  static Result<std::unique_ptr<Client>> join(transport::Mesh& mesh, ClientOptions options);

  virtual ~Client() = default;

  virtual const Standing& standing() const = 0;
  virtual const Statistics& statistics() const = 0;

  // Once, right after join(), on all workers. `dense` has the values of each dense table in turn:
  // the servers take rank 0's unless they have been restored. On return all workers have the
  // servers' values there. `sparse` has those of each sparse table, row after row, which are taken
  // likewise, and left as they are; without it the servers make them themselves.
  using FirstRows = std::span<const std::span<const float>>;
  virtual Result<void> init(std::span<const std::span<float>> dense, FirstRows sparse) = 0;
  Result<void> init(std::span<const std::span<float>> dense) { return init(dense, {}); }

  // `update` and `into` are as long as the table. A push returns when all servers have
  // acknowledged it (and their replicas have it).
  virtual Result<void> push(TableId table, std::span<const float> update,
                            const PushOptions& options) = 0;
  // Waits, as the mode says, for the other workers.
  virtual Result<void> pull(TableId table, std::span<float> into) = 0;
  // A push, then a pull, in one round trip: values travel back while the update travels there.
  // `update` and `into` must not overlap.
  virtual Result<void> push_pull(TableId table, std::span<const float> update,
                                 const PushOptions& options, std::span<float> into) = 0;

  // Row ids[i] goes to into[i × columns …]. Ids may repeat; each row travels once.
  virtual Result<void> pull_rows(TableId table, std::span<const std::uint64_t> ids,
                                 std::span<float> into) = 0;
  // The rows of `updates` for the same id are summed first, in their order. No ids is a push too.
  virtual Result<void> push_rows(TableId table, std::span<const std::uint64_t> ids,
                                 std::span<const float> updates, const PushOptions& options) = 0;

  // Every server writes what it has, as of now, as its checkpoint `clock`; returns when all of
  // them are on disk. One worker calls it. In synchronous mode no other may be pushing.
  virtual Result<void> checkpoint(Clock clock) = 0;

  // The last call. The servers wait for this worker no longer; they end when all have finished.
  virtual Result<void> finish() = 0;
};

}  // namespace dl::worker::paramserver
