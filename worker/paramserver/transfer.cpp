#include "worker/paramserver/transfer.h"

#include <array>
#include <vector>

namespace dl::worker::paramserver {
namespace {

using transport::Bytes;
using transport::ConstBytes;
using transport::Direction;
using Clock = std::chrono::steady_clock;

// Takes what moved off the front of `one`.
Result<std::size_t> move_some(transport::Mesh& mesh, Transfer& one) {
  if (!one.send.empty()) {
    DL_TRY(const std::size_t n, mesh.send_some(one.peer, std::array<ConstBytes, 1>{one.send}));
    one.send = one.send.subspan(n);
    return n;
  }
  if (!one.receive.empty()) {
    DL_TRY(const std::size_t n, mesh.receive_some(one.peer, std::array<Bytes, 1>{one.receive}));
    one.receive = one.receive.subspan(n);
    return n;
  }
  return 0u;
}

}  // namespace

Result<void> transfer_all(transport::Mesh& mesh, std::span<Transfer> transfers,
                          const TransferOptions& options) {
  std::vector<transport::Interest> interests;
  auto last_moved = Clock::now();
  auto next_beat = last_moved + options.interval;
  for (;;) {
    std::size_t moved = 0;
    interests.clear();
    for (Transfer& one : transfers) {
      DL_TRY(const std::size_t n, move_some(mesh, one));
      moved += n;
      if (!one.send.empty()) interests.push_back({one.peer, Direction::kSend});
      if (!one.receive.empty()) interests.push_back({one.peer, Direction::kReceive});
    }
    if (interests.empty()) return {};
    const auto now = Clock::now();
    if (moved > 0) last_moved = now;
    if (now >= next_beat) {
      if (options.beat) DL_CHECK(options.beat());
      next_beat = now + options.interval;
    }
    if (moved > 0) continue;
    const auto give_up = last_moved + options.patience;
    auto waited = mesh.wait(interests, std::min(next_beat, give_up));
    const bool beat = waited.has_error() && waited.error().code == Code::kDeadlineExceeded &&
                      Clock::now() < give_up;
    if (!beat) DL_CHECK(waited);
  }
}

}  // namespace dl::worker::paramserver
