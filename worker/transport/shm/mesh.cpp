#include "worker/transport/shm/mesh.h"

#include <immintrin.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/assert.h"
#include "worker/transport/departure.h"

namespace dl::worker::transport::shm {
namespace {

constexpr std::uint32_t kElsewhere = std::numeric_limits<std::uint32_t>::max();

constexpr int kYieldsBetweenClocks = 8;
// Before it gives its core away for the first time: about two microseconds.
constexpr int kPauses = 50;
// Between the mark that a bell was rung and the byte that rings it.
constexpr std::chrono::seconds kBellTimeout{10};

// With more ranks than cores the one that is waited for may need this rank's core to go on.
int pauses_for(std::size_t ranks) {
  cpu_set_t cores;
  if (::sched_getaffinity(0, sizeof(cores), &cores) != 0) return 0;
  return ranks <= static_cast<std::size_t>(CPU_COUNT(&cores)) ? kPauses : 0;
}

}  // namespace

std::vector<Rank> Placement::ranks_with(Rank rank) const {
  std::vector<Rank> ranks;
  for (Rank other = 0; other < host_of.size(); ++other) {
    if (host_of[other] == host_of[rank]) ranks.push_back(other);
  }
  return ranks;
}

ShmMesh::ShmMesh(std::unique_ptr<Mesh> base, Placement placement, std::shared_ptr<Segment> segment,
                 std::chrono::microseconds look)
    : base_(std::move(base)),
      placement_(std::move(placement)),
      segment_(std::move(segment)),
      local_(placement_.ranks_with(base_->rank())),
      positions_(base_->world_size(), kElsewhere),
      pauses_(pauses_for(local_.size())),
      look_(look),
      link_look_(look) {
  DL_ASSERT(placement_.host_of.size() == base_->world_size(), "every rank is somewhere");
  if (!segment_) return;
  DL_ASSERT(segment_->layout().ranks == local_.size(), "a place for each rank of the host");
  for (std::uint32_t position = 0; position < local_.size(); ++position) {
    positions_[local_[position]] = position;
  }
  position_ = positions_[base_->rank()];
  for (std::uint32_t position = 0; position < local_.size(); ++position) {
    neighbours_.push_back({.rank = local_[position],
                           .state = &segment_->state(position),
                           .writer = RingWriter(segment_->ring_ends(position_, position),
                                                segment_->ring(position_, position)),
                           .reader = RingReader(segment_->ring_ends(position, position_),
                                                segment_->ring(position, position_)),
                           .departed = std::nullopt});
  }
}

ShmMesh::~ShmMesh() = default;

Error ShmMesh::cancelled() const {
  return {Code::kCancelled, "rank " + std::to_string(rank()) + " gave up its links"};
}

ShmMesh::Neighbour* ShmMesh::neighbour(Rank rank) {
  const std::uint32_t position = positions_[rank];
  return position == kElsewhere ? nullptr : &neighbours_[position];
}

Result<std::size_t> ShmMesh::send_some(Rank peer, std::span<const ConstBytes> parts) {
  if (aborted_) return cancelled();
  std::size_t moved = 0;
  if (Neighbour* near = neighbour(peer)) {
    if (near->departed) return *near->departed;
    moved = near->writer.write(parts);
    if (moved > 0) ring_bell(*near);
  } else {
    DL_TRY(moved, base_->send_some(peer, parts));
  }
  counters_.bytes_sent += moved;
  return moved;
}

Result<std::size_t> ShmMesh::receive_some(Rank peer, std::span<const Bytes> parts) {
  if (aborted_) return cancelled();
  std::size_t moved = 0;
  if (Neighbour* near = neighbour(peer)) {
    moved = near->reader.read(parts);
    if (moved > 0) {
      ring_bell(*near);
    } else if (near->departed) {
      return *near->departed;
    }
  } else {
    DL_TRY(moved, base_->receive_some(peer, parts));
  }
  counters_.bytes_received += moved;
  return moved;
}

bool ShmMesh::ready(const Interest& interest) {
  Neighbour* near = neighbour(interest.peer);
  if (near == nullptr) return false;
  if (near->departed) return true;
  return interest.direction == Direction::kSend ? near->writer.has_room()
                                                : near->reader.has_bytes();
}

Result<void> ShmMesh::wait(std::span<const Interest> interests, Deadline deadline) {
  const auto any_ready = [&] {
    return std::any_of(interests.begin(), interests.end(), [&](auto& i) { return ready(i); });
  };
  const bool all_near = std::all_of(interests.begin(), interests.end(),
                                    [&](auto& i) { return neighbour(i.peer) != nullptr; });
  if (any_ready()) return {};
  const auto began = std::chrono::steady_clock::now();
  // The base cannot be looked at without the kernel.
  if (!all_near || !spin(any_ready, link_look_)) {
    DL_CHECK(check_board_rests(interests));
    DL_CHECK(sleep(any_ready, interests, deadline));
  }
  learn(std::chrono::steady_clock::now() - began);
  return {};
}

// Within a message the next bytes are there soon. Between two, a parameter server may wait for as
// long as its workers compute, and what it burns looking they could use: a wait that was longer
// than any look halves the next one, and the others draw it to twice what they took.
void ShmMesh::learn(std::chrono::nanoseconds waited) {
  if (waited > look_) {
    link_look_ /= 2;
  } else {
    link_look_ += (std::min<std::chrono::nanoseconds>(2 * waited, look_) - link_look_) / 8;
  }
}

void ShmMesh::post(std::uint64_t progress, std::size_t bytes) {
  RankState& own = segment_->state(position_);
  counters_.bytes_sent += bytes;
  // Publishes the block. Sequentially consistent as ring.h says: sleepers are looked for next.
  own.progress.store(progress, std::memory_order_seq_cst);
  for (Neighbour& peer : neighbours_) {
    if (peer.rank != rank()) ring_bell(peer);
  }
}

Result<void> ShmMesh::await(Rank rank, std::uint64_t progress, Deadline deadline) {
  Neighbour& peer = *neighbour(rank);
  RankState& state = *peer.state;
  const auto there = [&] { return state.progress.load(std::memory_order_seq_cst) >= progress; };
  const Interest interest = {rank, Direction::kReceive};
  while (!there()) {
    if (aborted_) return cancelled();
    if (peer.departed) return *peer.departed;
    if (spin(there, look_)) break;
    DL_CHECK(check_links_rest());
    DL_CHECK(sleep(there, {&interest, 1}, deadline));
  }
  return {};
}

// True when `is_ready` came true, false when it is time to sleep.
template <class Ready>
bool ShmMesh::spin(const Ready& is_ready, std::chrono::nanoseconds look) const {
  for (int i = 0; i < pauses_; ++i) {
    if (is_ready()) return true;
    _mm_pause();
  }
  const auto end = std::chrono::steady_clock::now() + look;
  do {
    for (int i = 0; i < kYieldsBetweenClocks; ++i) {
      if (is_ready()) return true;
      ::sched_yield();
    }
  } while (!aborted_ && std::chrono::steady_clock::now() < end);
  return is_ready();
}

std::uint64_t ShmMesh::progress_of(const RankState& state) const {
  return state.progress.load(std::memory_order_seq_cst);
}

// Ranks use board and links in one order. A peer that has posted less than this rank has not done
// with the call on the board that this rank is in, so nothing of it is on its link; if there is
// something, the two are in different calls, and would wait for one another until the deadline. (A
// rank that has never posted has no part in the board's calls: it may be a parameter server.)
Result<void> ShmMesh::check_links_rest() {
  const std::uint64_t own = progress_of(segment_->state(position_));
  for (const Neighbour& peer : neighbours_) {
    // The link first: what is there now was sent before what `progress` says.
    if (peer.rank == rank() || !peer.reader.has_bytes()) continue;
    const std::uint64_t theirs = progress_of(*peer.state);
    if (theirs == 0 || theirs >= own) continue;
    return Error{Code::kFailedPrecondition,
                 describe(peer.rank) +
                     " is in a collective over its links, this rank in one in shared memory; all "
                     "ranks must make the same calls in the same order, with the same sizes"};
  }
  return {};
}

// The other way round: a peer that has posted more than this rank has sent all that this rank may
// still wait for.
Result<void> ShmMesh::check_board_rests(std::span<const Interest> interests) {
  if (!segment_) return {};
  const std::uint64_t own = progress_of(segment_->state(position_));
  for (const Interest& interest : interests) {
    const Neighbour* peer = neighbour(interest.peer);
    if (own == 0 || peer == nullptr || interest.direction != Direction::kReceive) continue;
    // `progress` first: what was sent before it is on the link by then.
    if (progress_of(*peer->state) <= own || peer->reader.has_bytes()) continue;
    return Error{Code::kFailedPrecondition,
                 describe(peer->rank) +
                     " is in a collective in shared memory, this rank in one over its links; all "
                     "ranks must make the same calls in the same order, with the same sizes"};
  }
  return {};
}

// Sleeps until `is_ready` may have come true, or a far one of `interests`.
template <class Ready>
Result<void> ShmMesh::sleep(const Ready& is_ready, std::span<const Interest> interests,
                            Deadline deadline) {
  if (!segment_) return base_->wait(interests, deadline);
  std::atomic<std::uint32_t>& asleep = segment_->state(position_).asleep;
  asleep.store(kAsleep, std::memory_order_seq_cst);
  if (is_ready()) {
    DL_CHECK(wake_up());
    return {};
  }
  sleeping_on_.clear();
  for (const Neighbour& peer : neighbours_) {
    if (peer.rank != rank() && !peer.departed) {
      sleeping_on_.push_back({peer.rank, Direction::kReceive});
    }
  }
  for (const Interest& interest : interests) {
    if (neighbour(interest.peer) == nullptr) sleeping_on_.push_back(interest);
  }
  const Result<void> waited = base_->wait(sleeping_on_, deadline);
  if (waited.has_error()) {
    return waited.error().code == Code::kDeadlineExceeded ? stall_error(*this, interests)
                                                          : waited.error();
  }
  DL_TRY(const bool rung, wake_up());
  if (!rung) look_for_farewells();
  return {};
}

// Whether a bell was rung. Each is one byte, and each byte is taken here: none is left to wake this
// rank for nothing another time.
Result<bool> ShmMesh::wake_up() {
  const std::uint32_t was =
      segment_->state(position_).asleep.exchange(kAwake, std::memory_order_seq_cst);
  if (was < kRungBy) return false;
  std::array<std::byte, 1> bell;
  const Rank ringer = neighbours_[(was - kRungBy) % neighbours_.size()].rank;
  const Deadline deadline = std::chrono::steady_clock::now() + kBellTimeout;
  DL_CHECK(receive_all(*base_, ringer, bell, deadline));
  return true;
}

void ShmMesh::ring_bell(Neighbour& peer) {
  std::atomic<std::uint32_t>& asleep = peer.state->asleep;
  std::uint32_t expected = kAsleep;
  if (asleep.load(std::memory_order_seq_cst) != kAsleep ||
      !asleep.compare_exchange_strong(expected, kRungBy + position_)) {
    return;
  }
  // If this fails the peer is gone, which the next wait says.
  const std::array<std::byte, 1> bell = {};
  (void)base_->send_some(peer.rank, std::array<ConstBytes, 1>{bell});
}

// Something has come on the base, and it is no bell: maybe the end of a peer's link.
void ShmMesh::look_for_farewells() {
  for (Neighbour& peer : neighbours_) {
    if (peer.rank == rank() || peer.departed) continue;
    std::array<std::byte, 1> nothing;
    const auto got = base_->receive_some(peer.rank, std::array<Bytes, 1>{nothing});
    if (got.has_error()) peer.departed = got.error();
  }
}

void ShmMesh::abort() {
  aborted_ = true;
  base_->abort();
}

}  // namespace dl::worker::transport::shm
