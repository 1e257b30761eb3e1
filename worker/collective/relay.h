// The data path of the ring collectives: a rank sends a stream to one neighbour while it receives
// one from the other, and may only send what it already has.
//
// A plan says where the two streams live in memory and how much of the outgoing one is there yet;
// in a ring that is the rank's own part, then whatever it has received and worked on. So segments
// of all steps are in flight at once, and there is no step to wait for the end of. One thread,
// non-blocking, no allocation; reductions run while the kernel moves bytes both ways.

#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <optional>

#include "worker/collective/call.h"
#include "worker/collective/communicator.h"

namespace dl::worker::collective {

template <class T>
concept RelayPlan = requires(T plan, std::size_t n) {
  { plan.out_bytes() } -> std::same_as<std::size_t>;  // Of the whole outgoing stream.
  { plan.in_bytes() } -> std::same_as<std::size_t>;
  { plan.sendable() } -> std::same_as<std::size_t>;       // How much of it is there; never shrinks.
  { plan.out() } -> std::same_as<transport::ConstBytes>;  // What comes next, as far as contiguous.
  // Where the next bytes go; empty: nowhere until more has been sent.
  { plan.in() } -> std::same_as<transport::Bytes>;
  { plan.sent(n) } -> std::same_as<void>;
  { plan.received(n) } -> std::same_as<void>;
};

// The neighbours of a rank in one collective; either may be absent.
struct Neighbours {
  std::optional<transport::Rank> to;
  std::optional<transport::Rank> from;
};

template <RelayPlan Plan>
class Relay {
 public:
  Relay(Communicator& communicator, const Call& call, Neighbours neighbours, Plan& plan)
      : communicator_(communicator),
        mesh_(communicator.mesh()),
        call_(call),
        neighbours_(neighbours),
        plan_(plan),
        out_call_(encode_call(call)),
        out_left_(neighbours.to ? kCallBytes + plan.out_bytes() : 0),
        in_left_(neighbours.from ? kCallBytes + plan.in_bytes() : 0) {}

  Result<void> run() {
    auto deadline = next_deadline();
    while (out_left_ > 0 || in_left_ > 0) {
      DL_TRY(const bool sent, send());
      DL_TRY(const bool received, receive());
      if (sent || received) {
        moved_ = true;
        continue;
      }
      if (moved_) deadline = next_deadline();
      moved_ = false;
      DL_CHECK(wait(deadline));
    }
    return {};
  }

 private:
  transport::Deadline next_deadline() const {
    return std::chrono::steady_clock::now() + communicator_.options().stall_timeout;
  }

  // What may be sent beyond the bytes already gone.
  std::size_t sendable() const {
    return out_left_ == 0 ? 0 : (kCallBytes - call_sent_) + (plan_.sendable() - data_sent_);
  }

  bool receivable() const {
    return in_left_ > 0 && (call_received_ < kCallBytes || !plan_.in().empty());
  }

  Result<bool> send() {
    if (sendable() == 0) return false;
    const std::size_t ready = plan_.sendable() - data_sent_;
    transport::ConstBytes data = ready > 0 ? plan_.out() : transport::ConstBytes();
    data = data.first(std::min({data.size(), ready, communicator_.options().segment_bytes}));
    const std::array<transport::ConstBytes, 2> parts = {
        transport::ConstBytes(out_call_).subspan(call_sent_), data};
    DL_TRY(const std::size_t moved, mesh_.send_some(*neighbours_.to, parts));
    const std::size_t of_call = std::min(moved, kCallBytes - call_sent_);
    call_sent_ += of_call;
    data_sent_ += moved - of_call;
    out_left_ -= moved;
    if (moved > of_call) plan_.sent(moved - of_call);
    return moved > 0;
  }

  Result<bool> receive() {
    if (!receivable()) return false;
    const bool any_data = in_left_ > kCallBytes - call_received_;
    const std::array<transport::Bytes, 2> parts = {
        transport::Bytes(in_call_).subspan(call_received_),
        any_data ? plan_.in() : transport::Bytes()};
    DL_TRY(const std::size_t moved, mesh_.receive_some(*neighbours_.from, parts));
    const std::size_t of_call = std::min(moved, kCallBytes - call_received_);
    call_received_ += of_call;
    in_left_ -= moved;
    if (of_call > 0 && call_received_ == kCallBytes) {
      DL_CHECK(check_call(mesh_, *neighbours_.from, decode_call(in_call_), call_));
    }
    if (moved > of_call) plan_.received(moved - of_call);
    return moved > 0;
  }

  Result<void> wait(transport::Deadline deadline) {
    std::array<transport::Interest, 2> interests;
    std::size_t count = 0;
    if (receivable()) {
      interests[count++] = {*neighbours_.from, transport::Direction::kReceive};
    }
    if (sendable() > 0) interests[count++] = {*neighbours_.to, transport::Direction::kSend};
    return mesh_.wait(std::span(interests).first(count), deadline);
  }

  Communicator& communicator_;
  transport::Mesh& mesh_;
  const Call call_;
  const Neighbours neighbours_;
  Plan& plan_;
  const EncodedCall out_call_;
  EncodedCall in_call_{};
  std::size_t call_sent_ = 0;
  std::size_t call_received_ = 0;
  std::size_t data_sent_ = 0;
  std::size_t out_left_;  // Calls included.
  std::size_t in_left_;
  bool moved_ = false;
};

// Streams that lie in memory as they are sent: a message, or one that is passed on while it comes.
class SpanPlan {
 public:
  SpanPlan(transport::ConstBytes out, transport::Bytes in, bool pass_on)
      : out_(out), in_(in), pass_on_(pass_on) {}

  std::size_t out_bytes() const { return out_.size(); }
  std::size_t in_bytes() const { return in_.size(); }
  std::size_t sendable() const { return pass_on_ ? received_ : out_.size(); }
  transport::ConstBytes out() const { return out_.subspan(sent_); }
  transport::Bytes in() const { return in_.subspan(received_); }
  void sent(std::size_t n) { sent_ += n; }
  void received(std::size_t n) { received_ += n; }

 private:
  transport::ConstBytes out_;
  transport::Bytes in_;
  bool pass_on_;
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
};

}  // namespace dl::worker::collective
