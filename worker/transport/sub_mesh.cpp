#include "worker/transport/sub_mesh.h"

#include <algorithm>

#include "base/assert.h"

namespace dl::worker::transport {

SubMesh::SubMesh(std::shared_ptr<Mesh> whole, std::vector<Rank> members)
    : whole_(std::move(whole)), members_(std::move(members)) {
  const auto self = std::find(members_.begin(), members_.end(), whole_->rank());
  DL_ASSERT(self != members_.end(), "a rank holds a view of a group that it is in");
  rank_ = static_cast<Rank>(self - members_.begin());
  for (const Rank member : members_) {
    DL_ASSERT(member < whole_->world_size(), "members are ranks of the whole mesh");
    DL_ASSERT(std::count(members_.begin(), members_.end(), member) == 1, "a rank is in it once");
  }
  for (Rank rank = 0; rank < members_.size(); ++rank) {
    if (host_of(rank) == host_of(rank_)) local_.push_back(rank);
  }
}

std::string SubMesh::describe(Rank peer) const {
  return peer < members_.size()
             ? whole_->describe(members_[peer])
             : "rank " + std::to_string(peer) + " of a group of " + std::to_string(members_.size());
}

Result<std::size_t> SubMesh::send_some(Rank peer, std::span<const ConstBytes> parts) {
  return whole_->send_some(members_[peer], parts);
}

Result<std::size_t> SubMesh::receive_some(Rank peer, std::span<const Bytes> parts) {
  return whole_->receive_some(members_[peer], parts);
}

Result<void> SubMesh::wait(std::span<const Interest> interests, Deadline deadline) {
  interests_.assign(interests.begin(), interests.end());
  for (Interest& interest : interests_) interest.peer = members_[interest.peer];
  return whole_->wait(interests_, deadline);
}

void SubMesh::abort() { whole_->abort(); }

Counters SubMesh::counters() const { return whole_->counters(); }

void SubMesh::post(std::uint64_t progress, std::size_t bytes) {
  whole_->board()->post(progress, bytes);
}

Result<void> SubMesh::await(Rank rank, std::uint64_t progress, Deadline deadline) {
  return whole_->board()->await(members_[rank], progress, deadline);
}

}  // namespace dl::worker::transport
