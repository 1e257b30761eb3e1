// Links as bounded byte queues in the memory of one process.
//
// Every send is stamped with its rank's step, so that the receiver's step is one more than that of
// anything it has received: the counters tell the longest chain of dependent messages.

#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "worker/transport/board.h"
#include "worker/transport/departure.h"
#include "worker/transport/inproc/connect.h"
#include "worker/transport/mesh.h"

namespace dl::worker::transport::inproc {

// One direction between two ranks.
struct Link {
  struct Stamp {
    std::uint64_t bytes;  // Left of a send …
    std::uint64_t step;   // … that was made at this step.
  };
  std::vector<std::byte> ring;  // `size` bytes from `head` on, wrapping around.
  std::size_t head = 0;
  std::size_t size = 0;
  std::deque<Stamp> stamps;
};

// What a rank has on its host's board.
struct BoardShare {
  struct Post {
    std::uint64_t progress;
    std::uint64_t step;  // Of the rank when it posted.
  };
  std::vector<std::byte> block;
  std::vector<Post> posts;
};

class Network {
 public:
  explicit Network(const NetworkOptions& options);

  std::uint32_t world_size() const { return static_cast<std::uint32_t>(departures_.size()); }
  void depart(Rank rank, const Departure& departure);
  bool take_place(Rank rank);
  // The ranks of its host, where there are boards.
  std::vector<Rank> ranks_with(Rank rank) const;

 private:
  friend class InprocMesh;

  Link& link(Rank from, Rank to) { return links_[from * world_size() + to]; }

  // One lock for all links: ranks of one process are few, and tests want its simplicity.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Link> links_;
  const std::vector<Rank> host_of_;
  std::vector<BoardShare> shares_;                    // By rank; empty where there are no boards.
  std::vector<std::optional<Departure>> departures_;  // By rank.
  std::vector<bool> taken_;
};

class InprocMesh final : public Mesh, private Board {
 public:
  InprocMesh(std::shared_ptr<Network> network, Rank rank);
  ~InprocMesh() override;

  Rank rank() const override { return rank_; }
  std::uint32_t world_size() const override { return network_->world_size(); }
  std::string describe(Rank peer) const override;
  Result<std::size_t> send_some(Rank peer, std::span<const ConstBytes> parts) override;
  Result<std::size_t> receive_some(Rank peer, std::span<const Bytes> parts) override;
  Result<void> wait(std::span<const Interest> interests, Deadline deadline) override;
  void abort() override;
  Counters counters() const override;
  Rank host_of(Rank rank) const override;
  transport::Board* board() override { return local_.size() > 1 ? this : nullptr; }
  bool claim_boards() override { return !local_.empty() && !std::exchange(claimed_, true); }

 private:
  std::span<const Rank> ranks() const override { return local_; }
  Bytes block(Rank rank) override;
  void post(std::uint64_t progress, std::size_t bytes) override;
  Result<void> await(Rank rank, std::uint64_t progress, Deadline deadline) override;

  // All with the network's lock held.
  std::optional<Error> own_end() const;
  Error fail(Rank peer);
  bool ready(const Interest& interest) const;
  std::optional<Rank> bad_departure() const;
  template <class Ready>
  Result<void> wait_until(std::unique_lock<std::mutex>& lock, const Ready& is_ready,
                          std::span<const Interest> interests, Deadline deadline);

  const std::shared_ptr<Network> network_;
  const Rank rank_;
  const std::vector<Rank> local_;  // The ranks of this host.
  bool claimed_ = false;
  std::optional<Rank> culprit_;
  Counters counters_;
};

}  // namespace dl::worker::transport::inproc
