// A worker's links to all servers, and the call that is under way on them: what has been sent, what
// is still due, and where it goes.

#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "worker/paramserver/client.h"
#include "worker/paramserver/message.h"
#include "worker/transport/mesh.h"

namespace dl::worker::paramserver {

// One server, as a worker sees it.
struct ServerLink {
  transport::Rank rank = 0;
  Outbox outbox;
  Inbox inbox;
  std::vector<std::byte> text;  // kFailed.
  bool refused = false;         // The same.

  // What is still due in the call under way.
  std::optional<MessageKind> owes_word;
  std::uint64_t owes_floats = 0;
  std::span<float> into;  // Where they go.
  Head word;              // The last word, once it has come.

  // How much of the push under way may have been sent by now (see ServerLinks::pace).
  bool paced = false;
  std::size_t limit() const;
  bool may_send() const { return !outbox.empty() && outbox.sent() < limit(); }

  bool done() const { return !owes_word && owes_floats == 0 && outbox.empty(); }
};

class ServerLinks {
 public:
  ServerLinks(transport::Mesh& mesh, std::uint32_t workers, std::chrono::milliseconds silence);

  std::uint32_t size() const { return static_cast<std::uint32_t>(links_.size()); }
  ServerLink& operator[](std::size_t server) { return links_[server]; }
  transport::Mesh& mesh() const { return mesh_; }

  // Every server is to end its answer with `word`.
  void expect(MessageKind word);
  // Server `server` is to send as many values as `into` takes.
  void expect_values(std::size_t server, std::span<float> into);

  // Of the push under way no more is sent than a little beyond the values that have come back. In
  // synchronous mode those of a range come when all workers' parts of it are there; so no worker
  // gets far ahead of the slowest, whose last ranges would have to travel back alone.
  void pace();

  // Sends what is in the outboxes and returns when nothing is due any more. After an error no call
  // will do: it is returned again.
  Result<void> finish_call();

  // Of the calls so far.
  bool heard_values() const { return heard_values_; }  // The last call was answered with values …
  Clock slowest() const { return slowest_; }           // … when the slowest worker was here.
  std::chrono::nanoseconds busy() const { return busy_; }
  std::chrono::nanoseconds waiting() const { return waiting_; }

 private:
  Result<void> drive();
  Result<void> hear_last_words();
  Result<bool> move_all();
  Result<bool> receive(ServerLink& link);
  Result<transport::Bytes> open(ServerLink& link, const Head& head);
  Result<void> dispatch(ServerLink& link, const Head& head);
  Error unexpected(const ServerLink& link, const Head& head) const;
  Error failed(const ServerLink& link) const;

  transport::Mesh& mesh_;
  const std::chrono::milliseconds silence_;
  std::vector<ServerLink> links_;
  std::vector<transport::Interest> interests_;
  std::optional<Error> failure_;
  bool answered_ = false;
  bool heard_values_ = false;
  Clock slowest_ = 0;
  std::optional<transport::Rank> waits_for_;  // Whom a server named last.
  std::chrono::steady_clock::time_point began_;
  std::chrono::nanoseconds busy_{0};
  std::chrono::nanoseconds waiting_{0};
};

}  // namespace dl::worker::paramserver
