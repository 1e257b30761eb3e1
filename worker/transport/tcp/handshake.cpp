#include "worker/transport/tcp/handshake.h"

#include <algorithm>

namespace dl::worker::transport::tcp {
namespace {

constexpr const char* kWrongSecret =
    "it does not know this attempt's secret: it belongs to another job or to an older attempt";

Result<void> send_frame(Socket& socket, FrameKind kind, ConstBytes body, Deadline deadline) {
  return socket.send(encode_frame(kind, body), deadline);
}

// A refusal's body: the code, then the text.
Error decode_refusal(ConstBytes body) {
  if (body.empty()) return {Code::kPermissionDenied, "it refused without a reason"};
  const auto code = static_cast<Code>(std::to_integer<std::uint8_t>(body[0]));
  std::string text(reinterpret_cast<const char*>(body.data()) + 1, body.size() - 1);
  const bool known = code == Code::kFailedPrecondition;
  return {known ? code : Code::kPermissionDenied, "it refused this rank: " + text};
}

// Tells the peer why, as far as it still listens, and hands the error on.
Error refuse(Socket& socket, Error error, Deadline deadline) {
  std::vector<std::byte> body{static_cast<std::byte>(error.code)};
  for (const char c : error.message) body.push_back(static_cast<std::byte>(c));
  body.resize(std::min(body.size(), kFrameBodyBytesMax));
  (void)send_frame(socket, FrameKind::kRefusal, body, deadline);
  return error;
}

// The body of the next frame, which must be of `kind` and of `bytes`.
Result<std::vector<std::byte>> receive_frame(Socket& socket, FrameKind kind, std::size_t bytes,
                                             Deadline deadline) {
  std::array<std::byte, kFrameHeadBytes> head_bytes;
  DL_CHECK(socket.receive(head_bytes, deadline));
  DL_TRY(const FrameHead head, decode_frame_head(head_bytes));
  std::vector<std::byte> body(head.body_bytes);
  DL_CHECK(socket.receive(body, deadline));
  if (head.kind == FrameKind::kRefusal) return decode_refusal(body);
  if (head.kind != kind || body.size() != bytes) {
    return Error{Code::kPermissionDenied, "it does not keep to the workers' protocol"};
  }
  return body;
}

// receive_frame for the listener, who says so when it did not like what came.
Result<std::vector<std::byte>> receive_or_refuse(Socket& socket, FrameKind kind, std::size_t bytes,
                                                 Deadline deadline) {
  auto body = receive_frame(socket, kind, bytes, deadline);
  if (!body && body.error().code == Code::kPermissionDenied) {
    return refuse(socket, body.error(), deadline);
  }
  return body;
}

}  // namespace

Result<void> introduce(Socket& socket, const Identity& self, Rank peer, Channel channel,
                       Deadline deadline) {
  const Greeting mine = {self.rank, peer, self.world_size, channel, make_nonce()};
  DL_CHECK(send_frame(socket, FrameKind::kHello, encode_greeting(mine), deadline));
  DL_TRY(const auto challenge,
         receive_frame(socket, FrameKind::kChallenge, kGreetingBytes + sizeof(Proof), deadline));
  const Greeting theirs = decode_greeting(challenge);
  const Proof expected = make_proof(self.secret, Side::kListener, mine, theirs);
  if (!same_proof(expected, ConstBytes(challenge).subspan(kGreetingBytes))) {
    return refuse(socket, {Code::kPermissionDenied, kWrongSecret}, deadline);
  }
  if (auto agreed = check_greeting(theirs, mine); !agreed) {
    return refuse(socket, agreed.error(), deadline);
  }
  const Proof proof = make_proof(self.secret, Side::kDialler, mine, theirs);
  DL_CHECK(send_frame(socket, FrameKind::kProof, proof, deadline));
  DL_CHECK(receive_frame(socket, FrameKind::kWelcome, 0, deadline));
  return {};
}

Result<Guest> receive_guest(Socket& socket, const Identity& self, Deadline deadline) {
  DL_TRY(const auto hello, receive_or_refuse(socket, FrameKind::kHello, kGreetingBytes, deadline));
  const Greeting theirs = decode_greeting(hello);
  const Greeting mine = {self.rank, theirs.rank, self.world_size, theirs.channel, make_nonce()};

  const auto greeting = encode_greeting(mine);
  std::vector<std::byte> challenge(greeting.begin(), greeting.end());
  const Proof proof = make_proof(self.secret, Side::kListener, theirs, mine);
  challenge.insert(challenge.end(), proof.begin(), proof.end());
  DL_CHECK(send_frame(socket, FrameKind::kChallenge, challenge, deadline));

  DL_TRY(const auto answer, receive_or_refuse(socket, FrameKind::kProof, sizeof(Proof), deadline));
  if (!same_proof(make_proof(self.secret, Side::kDialler, theirs, mine), answer)) {
    return refuse(socket, {Code::kPermissionDenied, kWrongSecret}, deadline);
  }
  auto agreed = check_greeting(theirs, mine);
  if (agreed && (theirs.rank <= self.rank || theirs.rank >= self.world_size)) {
    agreed = Error{Code::kFailedPrecondition,
                   "it calls itself rank " + std::to_string(theirs.rank) +
                       ", which does not dial rank " + std::to_string(self.rank)};
  }
  if (agreed && theirs.channel > Channel::kControl) {
    agreed = Error{Code::kFailedPrecondition, "it asks for a channel that does not exist"};
  }
  if (!agreed) return refuse(socket, agreed.error(), deadline);
  DL_CHECK(send_frame(socket, FrameKind::kWelcome, {}, deadline));
  return Guest{theirs.rank, theirs.channel};
}

}  // namespace dl::worker::transport::tcp
