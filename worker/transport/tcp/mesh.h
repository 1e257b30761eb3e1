// Links as TCP connections: non-blocking sockets under one poll().
//
// While a rank waits for some links it watches all of them, so the death of any peer is seen when
// its kernel closes the connection, not when the ring comes round to it.

#pragma once

#include <poll.h>

#include <atomic>
#include <vector>

#include "worker/transport/departure.h"
#include "worker/transport/mesh.h"
#include "worker/transport/tcp/connect.h"
#include "worker/transport/tcp/socket.h"

namespace dl::worker::transport::tcp {

class TcpMesh final : public Mesh {
 public:
  // `sockets` by rank; this rank's own is closed.
  TcpMesh(Rank rank, std::vector<PeerAddress> addresses, std::vector<Socket> sockets);
  ~TcpMesh() override;

  Rank rank() const override { return rank_; }
  std::uint32_t world_size() const override { return static_cast<std::uint32_t>(links_.size()); }
  std::string describe(Rank peer) const override;
  Result<std::size_t> send_some(Rank peer, std::span<const ConstBytes> parts) override;
  Result<std::size_t> receive_some(Rank peer, std::span<const Bytes> parts) override;
  Result<void> wait(std::span<const Interest> interests, Deadline deadline) override;
  void abort() override;
  Counters counters() const override { return counters_; }

 private:
  struct Link {
    Socket socket;
    PeerAddress address;
    Notice tail{};               // The last bytes received, which may be a notice.
    std::size_t tail_bytes = 0;  // How much of `tail` counts, from its end.
    bool left = false;           // With a farewell: no longer watched.
  };

  void remember_tail(Link& link, std::span<const Bytes> parts, std::size_t moved);
  Departure departure_of(Link& link);
  Error fail(Rank peer, int errnum);
  Error cancelled() const;
  void prepare_poll(std::span<const Interest> interests);
  Result<bool> read_poll();
  void part(const Departure& departure);
  void linger();

  const Rank rank_;
  std::vector<Link> links_;
  Socket interrupt_;          // An eventfd that abort() writes to.
  std::vector<pollfd> poll_;  // One a rank, then `interrupt_`.
  std::atomic<bool> aborted_ = false;
  std::atomic<Rank> culprit_;
  Counters counters_;
};

}  // namespace dl::worker::transport::tcp
