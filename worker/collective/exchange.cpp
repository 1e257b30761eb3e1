#include "worker/collective/exchange.h"

#include <algorithm>
#include <array>

namespace dl::worker::collective {
namespace {

using transport::Bytes;
using transport::ConstBytes;
using transport::Direction;
using transport::Rank;

class Exchange {
 public:
  Exchange(Communicator& communicator, const Call& call, ConstBytes mine, Bytes all)
      : communicator_(communicator),
        call_(call),
        encoded_(encode_call(call)),
        mine_(mine),
        all_(all),
        state_(communicator.exchange_state()) {
    state_.peers.assign(communicator.world_size(), {});
  }

  Result<void> run() {
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

 private:
  std::size_t message_bytes() const { return kCallBytes + mine_.size(); }

  transport::Deadline next_deadline() const {
    return std::chrono::steady_clock::now() + communicator_.options().stall_timeout;
  }

  // All sends go first: nobody's message waits for another's. Starting with the next rank, so that
  // not all ranks send to rank 0 at once.
  Result<bool> move_all() {
    bool moved = false;
    state_.interests.clear();
    for (std::uint32_t i = 1; i < communicator_.world_size(); ++i) {
      DL_TRY(const bool sent, send((communicator_.rank() + i) % communicator_.world_size()));
      moved = moved || sent;
    }
    for (std::uint32_t i = 1; i < communicator_.world_size(); ++i) {
      DL_TRY(const bool received, receive((communicator_.rank() + i) % communicator_.world_size()));
      moved = moved || received;
    }
    return moved;
  }

  Result<bool> send(Rank peer) {
    std::size_t& sent = state_.peers[peer].sent;
    if (sent == message_bytes()) return false;
    const std::size_t of_call = std::min(sent, kCallBytes);
    const std::array<ConstBytes, 2> parts = {ConstBytes(encoded_).subspan(of_call),
                                             mine_.subspan(sent - of_call)};
    DL_TRY(const std::size_t n, communicator_.mesh().send_some(peer, parts));
    sent += n;
    if (sent < message_bytes()) state_.interests.push_back({peer, Direction::kSend});
    return n > 0;
  }

  Result<bool> receive(Rank peer) {
    auto& [unused, received, call] = state_.peers[peer];
    if (received == message_bytes()) return false;
    const std::size_t of_call = std::min(received, kCallBytes);
    const Bytes place = all_.subspan(peer * mine_.size(), mine_.size());
    const std::array<Bytes, 2> parts = {Bytes(call).subspan(of_call),
                                        place.subspan(received - of_call)};
    DL_TRY(const std::size_t n, communicator_.mesh().receive_some(peer, parts));
    const bool call_is_new = received < kCallBytes && received + n >= kCallBytes;
    received += n;
    if (call_is_new) {
      DL_CHECK(check_call(communicator_.mesh(), peer, decode_call(call), call_));
    }
    if (received < message_bytes()) state_.interests.push_back({peer, Direction::kReceive});
    return n > 0;
  }

  Communicator& communicator_;
  const Call& call_;
  const EncodedCall encoded_;
  const ConstBytes mine_;
  const Bytes all_;
  ExchangeState& state_;
};

}  // namespace

Result<void> exchange(Communicator& communicator, const Call& call, ConstBytes mine, Bytes all) {
  return Exchange(communicator, call, mine, all).run();
}

}  // namespace dl::worker::collective
