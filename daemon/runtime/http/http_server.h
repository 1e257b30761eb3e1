// REST for gRPC's services: HTTP/1.1 and JSON outside, calls through a channel inside.
//
// The server knows no service by name. Every method with a `(dl.v1.http)` option is reachable by
// that method and path; a server-streaming one answers with server-sent events. Besides, it serves
// /openapi.json, /metrics, /livez, /readyz and /version. Nothing is read from disk for a client.
//
// One thread does all the HTTP work and never waits: calls complete on gRPC's threads and come
// back. The caller's `Authorization` header goes along with the call, so the services decide.

#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "daemon/runtime/security/credentials.h"
#include "daemon/runtime/security/listen.h"

namespace dl::runtime::http {

// Each bounds what one client can take from the others.
struct Limits {
  std::size_t body_bytes_max = (1 << 20) + (64 << 10);  // A document of 1 MiB, and slack for JSON.
  std::uint32_t header_bytes_max = 16 << 10;
  std::size_t connections_max = 512;       // One more is answered 503.
  std::chrono::milliseconds idle{75'000};  // Between requests, and for the header to arrive.
  std::chrono::milliseconds body{30'000};  // For the body to arrive, and for a write to go out.
  std::chrono::milliseconds call{30'000};  // For a unary call.
  std::chrono::milliseconds heartbeat{15'000};  // Silence on a stream before a comment is sent.
};

// One line of /readyz.
struct ReadyCheck {
  std::string name;
  bool ok = true;
  std::string message;  // Why not.
};

struct HttpOptions {
  Address address;    // Checked against `tls` as check_listen does; port 0: the system chooses.
  TlsFiles tls;       // Empty: no TLS.
  std::string token;  // Asked for by /metrics beyond loopback; the services ask for it themselves.
  std::string version;
  std::vector<std::string> services;       // Full names: "dl.v1.JobService".
  std::shared_ptr<grpc::Channel> channel;  // grpc::Server::InProcessChannel, as a rule.

  // Appends Prometheus' text to what the server says of itself, and calls `done` once, from any
  // thread. It must not block. May be empty.
  using MetricsDone = std::function<void(std::string text)>;
  std::function<void(MetricsDone done)> metrics;
  // What must hold for /readyz; called often, must not block. May be empty.
  std::function<std::vector<ReadyCheck>()> ready;

  Limits limits;
};

class HttpServer {
 public:
  // Listens once it returns. Errors: an address that may not or cannot be listened on, TLS files
  // that do not fit, a service that is not linked in, two methods on one path.
  static Result<std::unique_ptr<HttpServer>> start(HttpOptions options);

  // stop().
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Where it listens, with the port that was chosen.
  const Address& address() const;

  // Cancels the calls, closes the connections and returns when all are gone. Idempotent.
  void stop();

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace dl::runtime::http
