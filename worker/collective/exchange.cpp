#include "worker/collective/exchange.h"

#include <algorithm>
#include <array>

namespace dl::worker::collective {

using transport::Bytes;
using transport::ConstBytes;
using transport::Direction;
using transport::Rank;

Exchange::Exchange(Communicator& communicator, const Call& call)
    : communicator_(communicator), call_(call), state_(communicator.exchange_state()) {
  state_.peers.assign(communicator.world_size(), {});
}

Call Exchange::call_of(std::size_t bytes) const {
  Call call = call_;
  call.bytes = bytes;
  return call;
}

void Exchange::send(Rank to, ConstBytes message) {
  Peer& peer = state_.peers[to];
  peer.out = message;
  peer.out_call = encode_call(call_of(message.size()));
  peer.out_left = kCallBytes + message.size();
}

void Exchange::receive(Rank from, Bytes message) {
  Peer& peer = state_.peers[from];
  peer.in = message;
  peer.in_left = kCallBytes + message.size();
}

Result<void> Exchange::run() {
  const auto next_deadline = [this] {
    return std::chrono::steady_clock::now() + communicator_.options().stall_timeout;
  };
  auto deadline = next_deadline();
  for (;;) {
    DL_TRY(const bool moved, move_all());
    if (state_.interests.empty()) return {};
    if (moved) {
      deadline = next_deadline();
      continue;
    }
    DL_CHECK(communicator_.mesh().wait(state_.interests, deadline));
  }
}

// All sends go first: nobody's message waits for another's. Starting with the next rank, so that
// not all ranks send to rank 0 at once.
Result<bool> Exchange::move_all() {
  bool moved = false;
  state_.interests.clear();
  const std::uint32_t world = communicator_.world_size();
  for (std::uint32_t i = 1; i < world; ++i) {
    const Rank rank = (communicator_.rank() + i) % world;
    DL_TRY(const bool sent, move_out(rank, state_.peers[rank]));
    moved = moved || sent;
  }
  for (std::uint32_t i = 1; i < world; ++i) {
    const Rank rank = (communicator_.rank() + i) % world;
    DL_TRY(const bool received, move_in(rank, state_.peers[rank]));
    moved = moved || received;
  }
  return moved;
}

Result<bool> Exchange::move_out(Rank rank, Peer& peer) {
  if (peer.out_left == 0) return false;
  const std::size_t gone = kCallBytes + peer.out.size() - peer.out_left;
  const std::size_t of_call = std::min(gone, kCallBytes);
  const std::array<ConstBytes, 2> parts = {ConstBytes(peer.out_call).subspan(of_call),
                                           peer.out.subspan(gone - of_call)};
  DL_TRY(const std::size_t n, communicator_.mesh().send_some(rank, parts));
  peer.out_left -= n;
  if (peer.out_left > 0) state_.interests.push_back({rank, Direction::kSend});
  return n > 0;
}

Result<bool> Exchange::move_in(Rank rank, Peer& peer) {
  if (peer.in_left == 0) return false;
  const std::size_t come = kCallBytes + peer.in.size() - peer.in_left;
  const std::size_t of_call = std::min(come, kCallBytes);
  const std::array<Bytes, 2> parts = {Bytes(peer.in_call).subspan(of_call),
                                      peer.in.subspan(come - of_call)};
  DL_TRY(const std::size_t n, communicator_.mesh().receive_some(rank, parts));
  peer.in_left -= n;
  if (come < kCallBytes && come + n >= kCallBytes) {
    DL_CHECK(
        check_call(communicator_.mesh(), rank, decode_call(peer.in_call), call_of(peer.in.size())));
  }
  if (peer.in_left > 0) state_.interests.push_back({rank, Direction::kReceive});
  return n > 0;
}

}  // namespace dl::worker::collective
