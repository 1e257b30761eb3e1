// Links as TCP connections: non-blocking sockets under one poll().
//
// A link is two connections: one carries the data, the other control.h. While a rank waits for some
// links it watches the control half of all, so the death of any peer is seen when its kernel closes
// the connections, or does not answer any more, not when the ring comes round to it.

#pragma once

#include <poll.h>

#include <atomic>
#include <optional>
#include <vector>

#include "worker/transport/mesh.h"
#include "worker/transport/tcp/connect.h"
#include "worker/transport/tcp/control.h"
#include "worker/transport/tcp/socket.h"

namespace dl::worker::transport::tcp {

struct LinkSockets {
  Socket data;
  Control control;
};

class TcpMesh final : public Mesh {
 public:
  // `links` by rank; this rank's own are closed.
  // `look` as in ConnectOptions.
  TcpMesh(Rank rank, std::vector<PeerAddress> addresses, std::vector<LinkSockets> links,
          std::chrono::microseconds look);
  ~TcpMesh() override;

  Rank rank() const override { return rank_; }
  std::uint32_t world_size() const override { return static_cast<std::uint32_t>(links_.size()); }
  std::string describe(Rank peer) const override;
  Result<std::size_t> send_some(Rank peer, std::span<const ConstBytes> parts) override;
  Result<std::size_t> receive_some(Rank peer, std::span<const Bytes> parts) override;
  Result<void> wait(std::span<const Interest> interests, Deadline deadline) override;
  void abort() override;
  Counters counters() const override { return counters_; }
  bool near() const override;

 private:
  Error fail(Rank peer, int errnum);
  Error cancelled() const;
  pollfd entry_of(const Interest& interest) const;
  bool look_for(std::span<const Interest> interests);
  void show_signs_of_life();
  std::size_t prepare_poll(std::span<const Interest> interests);
  Result<void> look_for_departures();
  void part(const Departure& departure);
  void linger();

  const Rank rank_;
  const std::chrono::microseconds look_;
  const std::vector<PeerAddress> addresses_;
  std::vector<LinkSockets> links_;
  const Socket interrupt_;  // An eventfd that abort() writes to.
  // The control half of each rank's link, `interrupt_`, then what is waited for.
  std::vector<pollfd> poll_;
  Deadline next_sign_;
  std::atomic<bool> aborted_ = false;
  std::atomic<Rank> culprit_;
  Counters counters_;
};

}  // namespace dl::worker::transport::tcp
