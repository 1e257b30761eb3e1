// Links through shared memory to the ranks of this host, and through another mesh to the rest.
//
// The other mesh, the base, connects all ranks. Its links to the ranks of this host carry no data
// any more, but remain for what memory cannot do: they end when a process dies, they take its last
// word, and a byte on them wakes a rank that sleeps.
//
// A rank that waits looks at the memory for a while, giving its core to whoever else wants it,
// since an answer usually comes sooner than the kernel could wake it. Then it says in the memory
// that it sleeps, looks once more, and waits on the base, where all failures are seen too. Who
// changes something that another waits for rings that rank's bell if it sleeps.

#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "worker/transport/board.h"
#include "worker/transport/mesh.h"
#include "worker/transport/shm/ring.h"
#include "worker/transport/shm/segment.h"

namespace dl::worker::transport::shm {

// Who is where, the same on all ranks.
struct Placement {
  std::vector<Rank> host_of;  // By rank: the lowest rank on its host.

  // Ascending.
  std::vector<Rank> ranks_with(Rank rank) const;
};

class ShmMesh final : public Mesh, private Board {
 public:
  // `segment` is that of the host, with a place for each of its ranks in ascending order; null for
  // a rank that is alone on its host. `look` as in ConnectOptions.
  ShmMesh(std::unique_ptr<Mesh> base, Placement placement, std::shared_ptr<Segment> segment,
          std::chrono::microseconds look);
  ~ShmMesh() override;

  Rank rank() const override { return base_->rank(); }
  std::uint32_t world_size() const override { return base_->world_size(); }
  std::string describe(Rank peer) const override { return base_->describe(peer); }
  Result<std::size_t> send_some(Rank peer, std::span<const ConstBytes> parts) override;
  Result<std::size_t> receive_some(Rank peer, std::span<const Bytes> parts) override;
  Result<void> wait(std::span<const Interest> interests, Deadline deadline) override;
  void abort() override;
  Counters counters() const override { return counters_; }
  Rank host_of(Rank rank) const override { return placement_.host_of[rank]; }
  bool near() const override { return base_->near(); }
  transport::Board* board() override { return segment_ ? this : nullptr; }
  bool claim_boards() override { return !std::exchange(claimed_, true); }

 private:
  // What this rank keeps of one on the same host.
  struct Neighbour {
    Rank rank;
    RankState* state;
    RingWriter writer;
    RingReader reader;
    std::optional<Error> departed;  // Left; what it has written may still be read.
  };

  std::span<const Rank> ranks() const override { return local_; }
  Bytes block(Rank rank) override { return segment_->block(positions_[rank]); }
  void post(std::uint64_t progress, std::size_t bytes) override;
  Result<void> await(Rank rank, std::uint64_t progress, Deadline deadline) override;

  Neighbour* neighbour(Rank rank);
  bool ready(const Interest& interest);
  void ring_bell(Neighbour& peer);
  Error cancelled() const;
  std::uint64_t progress_of(const RankState& state) const;
  Result<void> check_links_rest();
  Result<void> check_board_rests(std::span<const Interest> interests);
  template <class Ready>
  bool spin(const Ready& is_ready, std::chrono::nanoseconds look) const;
  void learn(std::chrono::nanoseconds waited);
  template <class Ready>
  Result<void> sleep(const Ready& is_ready, std::span<const Interest> interests, Deadline deadline);
  Result<bool> wake_up();
  void look_for_farewells();

  const std::unique_ptr<Mesh> base_;
  const Placement placement_;
  const std::shared_ptr<Segment> segment_;
  const std::vector<Rank> local_;         // The ranks of this host, by position.
  std::vector<std::uint32_t> positions_;  // By rank; kElsewhere on another host.
  std::uint32_t position_ = 0;
  std::vector<Neighbour> neighbours_;  // By position; this rank's own is unused.
  std::vector<Interest> sleeping_on_;
  const int pauses_;
  const std::chrono::microseconds look_;
  std::chrono::nanoseconds link_look_;  // The same for links: what has paid of late.
  bool claimed_ = false;
  std::atomic<bool> aborted_ = false;
  Counters counters_;
};

}  // namespace dl::worker::transport::shm
