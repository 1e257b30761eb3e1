// The agent's line to the coordinator: one bidirectional stream, dialled again and again until
// there is one. It speaks protobuf; what the messages mean is the shell's business.

#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "base/result.h"
#include "dl/v1/agent.pb.h"

namespace dl::runtime::agent {

struct LinkOptions {
  std::string coordinator;           // "127.0.0.1:7400"
  std::filesystem::path token_file;  // Read anew for each connection.
  std::filesystem::path tls_ca;      // Empty: no TLS.
  std::chrono::milliseconds backoff_min{100};
  std::chrono::milliseconds backoff_max{5000};
};

// Used on the loop's thread, where its callbacks run as well; gRPC's own threads stay inside.
class CoordinatorLink {
 public:
  struct Callbacks {
    std::function<void()> up;  // There is a stream: the registration is expected.
    std::function<void(const v1::ToAgent&)> message;
    std::function<void()> down;  // After each `up`, once.
  };

  CoordinatorLink(boost::asio::io_context& loop, LinkOptions options, Callbacks callbacks);
  ~CoordinatorLink();

  void start();
  // Ends the stream and dials no more.
  void stop();

  // In order; dropped without a stream. `written` runs when gRPC has taken the message and can
  // take the next: who sends much waits for it. It does not run when the stream breaks.
  void send(v1::FromAgent message, std::function<void()> written = {});

 private:
  class Stream;

  void dial();
  Result<std::shared_ptr<Stream>> open();
  void on_message(const Stream* stream, const v1::ToAgent& message);
  void on_end(const Stream* stream, const std::string& reason);
  void retry(const std::string& reason);

  boost::asio::io_context& loop_;
  const LinkOptions options_;
  const Callbacks callbacks_;
  boost::asio::steady_timer timer_;
  std::chrono::milliseconds backoff_;
  std::minstd_rand random_{std::random_device{}()};  // Agents of one coordinator spread out.
  std::shared_ptr<Stream> stream_;
  std::string last_reason_;  // So that a long outage is logged once.
  bool stopped_ = false;
};

}  // namespace dl::runtime::agent
