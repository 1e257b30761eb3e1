#include "worker/transport/inproc/mesh.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace dl::worker::transport::inproc {
namespace {

void push(Link& link, ConstBytes bytes) {
  std::size_t tail = (link.head + link.size) % link.ring.size();
  link.size += bytes.size();
  while (!bytes.empty()) {
    const std::size_t n = std::min(bytes.size(), link.ring.size() - tail);
    std::memcpy(link.ring.data() + tail, bytes.data(), n);
    bytes = bytes.subspan(n);
    tail = 0;
  }
}

void pop(Link& link, Bytes bytes) {
  link.size -= bytes.size();
  while (!bytes.empty()) {
    const std::size_t n = std::min(bytes.size(), link.ring.size() - link.head);
    std::memcpy(bytes.data(), link.ring.data() + link.head, n);
    bytes = bytes.subspan(n);
    link.head = (link.head + n) % link.ring.size();
  }
}

// The latest step among the stamps of the `bytes` taken from the front.
std::uint64_t take_stamps(Link& link, std::uint64_t bytes) {
  std::uint64_t step = 0;
  while (bytes > 0) {
    Link::Stamp& stamp = link.stamps.front();
    const std::uint64_t n = std::min(bytes, stamp.bytes);
    step = std::max(step, stamp.step);
    stamp.bytes -= n;
    bytes -= n;
    if (stamp.bytes == 0) link.stamps.pop_front();
  }
  return step;
}

}  // namespace

Network::Network(const NetworkOptions& options)
    : links_(std::size_t{options.world_size} * options.world_size),
      host_of_(options.host_of),
      shares_(options.host_of.size()),
      departures_(options.world_size),
      taken_(options.world_size) {
  DL_ASSERT(host_of_.empty() || host_of_.size() == options.world_size, "every rank is somewhere");
  for (Link& link : links_) link.ring.resize(options.link_bytes);
  for (BoardShare& share : shares_) share.block.resize(options.block_bytes);
}

std::vector<Rank> Network::ranks_with(Rank rank) const {
  std::vector<Rank> ranks;
  for (Rank other = 0; other < host_of_.size(); ++other) {
    if (host_of_[other] == host_of_[rank]) ranks.push_back(other);
  }
  return ranks;
}

bool Network::take_place(Rank rank) {
  const std::lock_guard lock(mutex_);
  if (taken_[rank]) return false;
  taken_[rank] = true;
  return true;
}

void Network::depart(Rank rank, const Departure& departure) {
  const std::lock_guard lock(mutex_);
  if (departures_[rank]) return;
  departures_[rank] = departure;
  changed_.notify_all();
}

InprocMesh::InprocMesh(std::shared_ptr<Network> network, Rank rank)
    : network_(std::move(network)), rank_(rank), local_(network_->ranks_with(rank)) {}

InprocMesh::~InprocMesh() { network_->depart(rank_, {.kind = DepartureKind::kFarewell}); }

std::string InprocMesh::describe(Rank peer) const {
  return "rank " + std::to_string(peer) + " (in this process)";
}

std::optional<Error> InprocMesh::own_end() const {
  if (!network_->departures_[rank_]) return std::nullopt;
  return Error{Code::kCancelled, "rank " + std::to_string(rank_) + " gave up its links"};
}

Error InprocMesh::fail(Rank peer) {
  const Departure& departure = *network_->departures_[peer];
  culprit_ = culprit_of(peer, departure);
  return departure_error(*this, peer, departure);
}

Result<std::size_t> InprocMesh::send_some(Rank peer, std::span<const ConstBytes> parts) {
  const std::lock_guard lock(network_->mutex_);
  if (auto end = own_end()) return *end;
  if (network_->departures_[peer]) return fail(peer);
  Link& link = network_->link(rank_, peer);
  std::size_t moved = 0;
  for (const ConstBytes part : parts) {
    const std::size_t n = std::min(part.size(), link.ring.size() - link.size);
    push(link, part.first(n));
    moved += n;
  }
  if (moved > 0) {
    link.stamps.push_back({.bytes = moved, .step = counters_.steps});
    counters_.bytes_sent += moved;
    network_->changed_.notify_all();
  }
  return moved;
}

Result<std::size_t> InprocMesh::receive_some(Rank peer, std::span<const Bytes> parts) {
  const std::lock_guard lock(network_->mutex_);
  if (auto end = own_end()) return *end;
  Link& link = network_->link(peer, rank_);
  if (link.size == 0 && network_->departures_[peer]) return fail(peer);
  std::size_t moved = 0;
  for (const Bytes part : parts) {
    const std::size_t n = std::min(part.size(), link.size);
    pop(link, part.first(n));
    moved += n;
  }
  if (moved > 0) {
    counters_.steps = std::max(counters_.steps, take_stamps(link, moved) + 1);
    counters_.bytes_received += moved;
    network_->changed_.notify_all();
  }
  return moved;
}

bool InprocMesh::ready(const Interest& interest) const {
  if (interest.direction == Direction::kReceive) {
    return network_->link(interest.peer, rank_).size > 0 || network_->departures_[interest.peer];
  }
  const Link& link = network_->link(rank_, interest.peer);
  return link.size < link.ring.size() || network_->departures_[interest.peer];
}

std::optional<Rank> InprocMesh::bad_departure() const {
  std::optional<Rank> gave_up;
  for (Rank peer = 0; peer < world_size(); ++peer) {
    const auto& departure = network_->departures_[peer];
    if (!departure || peer == rank_) continue;
    if (departure->kind == DepartureKind::kLost) return peer;
    if (departure->kind == DepartureKind::kGaveUp && !gave_up) gave_up = peer;
  }
  return gave_up;
}

template <class Ready>
Result<void> InprocMesh::wait_until(std::unique_lock<std::mutex>& lock, const Ready& is_ready,
                                    std::span<const Interest> interests, Deadline deadline) {
  for (;;) {
    if (auto end = own_end()) return *end;
    if (const auto peer = bad_departure()) return fail(*peer);
    if (is_ready()) return {};
    if (network_->changed_.wait_until(lock, deadline) == std::cv_status::timeout) {
      return stall_error(*this, interests);
    }
  }
}

Result<void> InprocMesh::wait(std::span<const Interest> interests, Deadline deadline) {
  std::unique_lock lock(network_->mutex_);
  const auto any_ready = [&] {
    return std::any_of(interests.begin(), interests.end(), [&](auto& i) { return ready(i); });
  };
  return wait_until(lock, any_ready, interests, deadline);
}

Rank InprocMesh::host_of(Rank rank) const {
  return network_->host_of_.empty() ? rank : network_->host_of_[rank];
}

Bytes InprocMesh::block(Rank rank) { return network_->shares_[rank].block; }

void InprocMesh::post(std::uint64_t progress, std::size_t bytes) {
  const std::lock_guard lock(network_->mutex_);
  network_->shares_[rank_].posts.push_back({.progress = progress, .step = counters_.steps});
  counters_.bytes_sent += bytes;
  network_->changed_.notify_all();
}

Result<void> InprocMesh::await(Rank rank, std::uint64_t progress, Deadline deadline) {
  std::unique_lock lock(network_->mutex_);
  const auto& posts = network_->shares_[rank].posts;
  const auto there = [&] { return !posts.empty() && posts.back().progress >= progress; };
  const auto there_or_gone = [&] { return there() || network_->departures_[rank]; };
  const Interest interest = {rank, Direction::kReceive};
  if (!there()) DL_CHECK(wait_until(lock, there_or_gone, {&interest, 1}, deadline));
  if (!there()) return fail(rank);
  const auto post = std::find_if(posts.begin(), posts.end(),
                                 [&](auto& candidate) { return candidate.progress >= progress; });
  counters_.steps = std::max(counters_.steps, post->step + 1);
  return {};
}

void InprocMesh::abort() {
  Departure departure{.kind = DepartureKind::kGaveUp};
  {
    const std::lock_guard lock(network_->mutex_);
    departure.culprit = culprit_.value_or(rank_);
  }
  network_->depart(rank_, departure);
}

Counters InprocMesh::counters() const {
  const std::lock_guard lock(network_->mutex_);
  return counters_;
}

}  // namespace dl::worker::transport::inproc
