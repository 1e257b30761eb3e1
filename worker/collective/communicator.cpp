#include "worker/collective/communicator.h"

#include "base/assert.h"
#include "worker/transport/board.h"

namespace dl::worker::collective {
namespace {

constexpr std::size_t kAlignment = 64;

CommunicatorOptions complete(CommunicatorOptions options, const transport::Mesh& mesh) {
  if (options.chunk_bytes == 0) options.chunk_bytes = mesh.window_bytes();
  return options;
}

}  // namespace

Communicator::Communicator(std::unique_ptr<transport::Mesh> mesh, CommunicatorOptions options)
    : mesh_(std::move(mesh)),
      options_(complete(options, *mesh_)),
      messages_(mesh_->world_size()),
      topology_(*mesh_, mesh_->claim_boards()) {
  if (topology_.local().size() > 1) mesh_->board()->post(board_state_.progress, 0);
  DL_ASSERT(options_.segment_bytes >= 64 && options_.segment_bytes % 8 == 0,
            "a segment holds whole elements of every type");
}

Communicator::~Communicator() = default;

transport::Bytes Communicator::scratch(std::size_t bytes) {
  if (scratch_.size() < bytes + kAlignment) scratch_.resize(bytes + kAlignment);
  const auto address = reinterpret_cast<std::uintptr_t>(scratch_.data());
  return transport::Bytes(scratch_).subspan(kAlignment - address % kAlignment, bytes);
}

Result<void> Communicator::settle(const Call& call, Result<void> result) {
  if (result) return {};
  failure_ = with_context(to_string(call) + " failed on rank " + std::to_string(rank()),
                          std::move(result).error());
  mesh_->abort();
  return *failure_;
}

Result<void> check_root(std::string_view what, const Communicator& communicator,
                        transport::Rank root) {
  if (root < communicator.world_size()) return {};
  return invalid_argument(std::string(what) + " rank " + std::to_string(root) + " in a world of " +
                          std::to_string(communicator.world_size()));
}

}  // namespace dl::worker::collective
