#include "worker/paramserver/message.h"

#include <array>
#include <cstring>
#include <string>

namespace dl::worker::paramserver {

using transport::Bytes;
using transport::ConstBytes;

Result<bool> HeadReader::receive(transport::Mesh& mesh, transport::Rank peer, bool& moved) {
  if (complete()) return true;
  const Bytes rest = std::as_writable_bytes(std::span(&head_, 1)).subspan(got_);
  DL_TRY(const std::size_t n, mesh.receive_some(peer, std::array<Bytes, 1>{rest}));
  got_ += n;
  moved = moved || n > 0;
  if (!complete()) return false;
  if (head_.magic != Head::kMagic) {
    return Error{Code::kFailedPrecondition,
                 mesh.describe(peer) +
                     " does not speak the parameter servers' protocol, or another version of it; "
                     "run the same build on all nodes"};
  }
  return true;
}

void Outbox::put(Head head, ConstBytes payload, std::shared_ptr<const void> owner) {
  head.bytes = payload.size();
  messages_.push_back({head, payload, {}, std::move(owner)});
}

void Outbox::put(Head head, ConstBytes payload, ConstBytes rest) {
  head.bytes = payload.size() + rest.size();
  messages_.push_back({head, payload, rest, nullptr});
}

void Outbox::put_text(Head head, const std::string& text) {
  const auto kept = std::make_shared<const std::string>(text);
  put(head, std::as_bytes(std::span(*kept)), kept);
}

Result<bool> Outbox::send(transport::Mesh& mesh, transport::Rank peer, std::size_t limit) {
  bool moved = false;
  while (!messages_.empty()) {
    const Message& message = messages_.front();
    const ConstBytes head = std::as_bytes(std::span(&message.head, 1));
    const std::size_t of_head = std::min(sent_, head.size());
    const std::size_t of_payload = std::min(sent_ - of_head, message.payload.size());
    std::array<ConstBytes, 3> parts = {head.subspan(of_head), message.payload.subspan(of_payload),
                                       message.rest.subspan(sent_ - of_head - of_payload)};
    std::size_t left = limit - std::min(sent_, limit);
    if (left == 0) return moved;
    for (ConstBytes& part : parts) {
      part = part.first(std::min(part.size(), left));
      left -= part.size();
    }
    DL_TRY(const std::size_t n, mesh.send_some(peer, parts));
    sent_ += n;
    moved = moved || n > 0;
    if (sent_ < head.size() + message.payload.size() + message.rest.size()) return moved;
    messages_.pop_front();
    sent_ = 0;
  }
  return moved;
}

void see_off(transport::Mesh& mesh, std::span<Outbox* const> outboxes) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  std::array<std::byte, 4096> ignored;
  std::vector<bool> gone(outboxes.size());
  std::vector<transport::Interest> interests;
  for (;;) {
    interests.clear();
    for (transport::Rank rank = 0; rank < outboxes.size(); ++rank) {
      if (gone[rank]) continue;
      const auto read = mesh.receive_some(rank, std::array<Bytes, 1>{ignored});
      gone[rank] = outboxes[rank]->send(mesh, rank).has_error() || read.has_error();
      if (gone[rank]) continue;
      interests.push_back({rank, transport::Direction::kReceive});
      if (!outboxes[rank]->empty()) interests.push_back({rank, transport::Direction::kSend});
    }
    if (interests.empty() || std::chrono::steady_clock::now() >= deadline) return;
    if (mesh.wait(interests, deadline).has_error()) return;
  }
}

Result<bool> Intake::receive(transport::Mesh& mesh, transport::Rank peer, bool& moved) {
  if (complete()) return true;
  DL_TRY(const std::size_t n, mesh.receive_some(peer, std::array<Bytes, 1>{into_.subspan(got_)}));
  got_ += n;
  moved = moved || n > 0;
  return complete();
}

std::shared_ptr<float[]> BlockPool::take() {
  std::unique_ptr<float[]> block;
  if (shared_->unused.empty()) {
    block = std::make_unique_for_overwrite<float[]>(floats_);
  } else {
    block = std::move(shared_->unused.back());
    shared_->unused.pop_back();
  }
  float* const memory = block.release();
  return {memory, [shared = shared_](float* used) {
            shared->unused.push_back(std::unique_ptr<float[]>(used));
          }};
}

}  // namespace dl::worker::paramserver
