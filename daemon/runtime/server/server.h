// The coordinator as a whole: journal, control thread, gRPC services, started and stopped as one.
//
// start() recovers the state, so it takes as long as the journal is long; once it returns, clients
// and agents are served. Destroying it without stop() is what a crash looks like to the agents.

#pragma once

#include <grpcpp/channel.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "daemon/coordinator/state.h"
#include "daemon/runtime/security/credentials.h"
#include "daemon/runtime/security/listen.h"
#include "daemon/runtime/server/stats.h"
#include "dl/v1/cluster.pb.h"

namespace dl::runtime::server {

struct ServerOptions {
  coordinator::Settings settings;
  std::filesystem::path state_dir;  // Locked: one coordinator a directory.
  Address listen;                   // Port 0: the system chooses.
  TlsFiles tls;                     // Empty: no TLS.
  std::string token;                // Asked of every call.
  std::string version;
  std::uint64_t snapshot_every = 10'000;  // Mutations.
};

class Server {
 public:
  // Errors: a state directory in use, a damaged journal, an address that cannot be listened on.
  static Result<std::unique_ptr<Server>> start(ServerOptions options);

  // stop().
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Where it listens, with the port that was chosen.
  const Address& address() const;

  // To the services, without a socket: for the REST transcoder.
  std::shared_ptr<grpc::Channel> channel();

  const Stats& stats() const;

  // Calls `then` with the answer to GetCluster, in the control thread, which it must not hold up.
  void describe(std::function<void(const v1::Cluster& cluster)> then);

  // Why nothing can be committed; empty when all is well. Does not wait.
  std::string failure() const;

  // Ends all calls, commits what has come in, and releases the state directory. Idempotent.
  void stop();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace dl::runtime::server
