#include "worker/collective/shared/board_call.h"

#include <cstring>

namespace dl::worker::collective {
namespace {

constexpr std::size_t kCellBytes = 64;
constexpr std::size_t kCells = 2;
static_assert(kCallBytes <= kCellBytes);

}  // namespace

BoardCall::BoardCall(Communicator& communicator, const Call& call)
    : communicator_(communicator),
      board_(*communicator.mesh().board()),
      state_(communicator.board_state()),
      call_(call) {
  ++state_.calls;
  state_.met.resize(communicator.world_size());
  const EncodedCall encoded = encode_call(call);
  std::memcpy(cell(communicator.rank()).data(), encoded.data(), encoded.size());
}

std::size_t BoardCall::room_bytes(transport::Board& board) {
  return board.block(board.ranks().front()).size() - kCells * kCellBytes;
}

transport::Bytes BoardCall::cell(transport::Rank rank) const {
  return board_.block(rank).subspan(turn() * kCellBytes, kCallBytes);
}

transport::Bytes BoardCall::room(transport::Rank rank) const {
  return board_.block(rank).subspan(kCells * kCellBytes);
}

void BoardCall::post(std::uint64_t step, std::size_t bytes) {
  board_.post(state_.progress + step, bytes + (announced_ ? 0 : kCallBytes));
  announced_ = true;
}

Result<void> BoardCall::await(transport::Rank rank, std::uint64_t step) {
  const auto deadline = std::chrono::steady_clock::now() + communicator_.options().stall_timeout;
  DL_CHECK(board_.await(rank, state_.progress + step, deadline));
  if (state_.met[rank] == state_.calls) return {};
  state_.met[rank] = state_.calls;
  EncodedCall theirs;
  std::memcpy(theirs.data(), cell(rank).data(), theirs.size());
  return check_call(communicator_.mesh(), rank, decode_call(theirs), call_);
}

}  // namespace dl::worker::collective
