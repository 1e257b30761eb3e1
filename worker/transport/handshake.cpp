#include "worker/transport/handshake.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "worker/transport/little_endian.h"

namespace dl::worker::transport {
namespace {

constexpr std::string_view kMagic = "DLMESH\r\n";

}  // namespace

std::vector<std::byte> encode_frame(FrameKind kind, ConstBytes body) {
  DL_ASSERT(body.size() <= kFrameBodyBytesMax, "frames of the handshake are small");
  std::vector<std::byte> frame(kFrameHeadBytes + body.size());
  std::memcpy(frame.data(), kMagic.data(), kMagic.size());
  put_little_endian(frame.data() + 8, kMeshProtocolVersion);
  put_little_endian(frame.data() + 10, static_cast<std::uint16_t>(kind));
  put_little_endian(frame.data() + 12, static_cast<std::uint32_t>(body.size()));
  std::copy(body.begin(), body.end(), frame.begin() + kFrameHeadBytes);
  return frame;
}

Result<FrameHead> decode_frame_head(ConstBytes head) {
  DL_ASSERT(head.size() == kFrameHeadBytes, "a head has a fixed size");
  if (std::memcmp(head.data(), kMagic.data(), kMagic.size()) != 0) {
    return Error{Code::kPermissionDenied, "it does not speak the workers' protocol"};
  }
  const auto version = get_little_endian<std::uint16_t>(head.data() + 8);
  if (version != kMeshProtocolVersion) {
    return Error{Code::kPermissionDenied, "it speaks version " + std::to_string(version) +
                                              " of the workers' protocol, this one version " +
                                              std::to_string(kMeshProtocolVersion) +
                                              "; run the same build on all nodes"};
  }
  const FrameHead decoded = {
      static_cast<FrameKind>(get_little_endian<std::uint16_t>(head.data() + 10)),
      get_little_endian<std::uint32_t>(head.data() + 12)};
  if (decoded.body_bytes > kFrameBodyBytesMax) {
    return Error{Code::kPermissionDenied, "its frame of " + std::to_string(decoded.body_bytes) +
                                              " bytes is longer than any of the protocol"};
  }
  return decoded;
}

std::array<std::byte, kGreetingBytes> encode_greeting(const Greeting& greeting) {
  std::array<std::byte, kGreetingBytes> body;
  put_little_endian(body.data(), greeting.rank);
  put_little_endian(body.data() + 4, greeting.peer);
  put_little_endian(body.data() + 8, greeting.world_size);
  put_little_endian(body.data() + 12, static_cast<std::uint32_t>(greeting.channel));
  std::copy(greeting.nonce.begin(), greeting.nonce.end(), body.begin() + 16);
  return body;
}

Greeting decode_greeting(ConstBytes body) {
  Greeting greeting{
      .rank = get_little_endian<Rank>(body.data()),
      .peer = get_little_endian<Rank>(body.data() + 4),
      .world_size = get_little_endian<std::uint32_t>(body.data() + 8),
      .channel = static_cast<Channel>(get_little_endian<std::uint32_t>(body.data() + 12))};
  std::copy_n(body.begin() + 16, greeting.nonce.size(), greeting.nonce.begin());
  return greeting;
}

Nonce make_nonce() {
  Nonce nonce;
  const int made = RAND_bytes(reinterpret_cast<unsigned char*>(nonce.data()), nonce.size());
  DL_ASSERT(made == 1, "the operating system's random source works");
  return nonce;
}

Proof make_proof(std::string_view secret, Side side, const Greeting& dialler,
                 const Greeting& listener) {
  std::vector<std::byte> message{static_cast<std::byte>(side)};
  for (const Greeting* greeting : {&dialler, &listener}) {
    const auto body = encode_greeting(*greeting);
    message.insert(message.end(), body.begin(), body.end());
  }
  Proof proof;
  unsigned int bytes = proof.size();
  const auto* made = HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                          reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                          reinterpret_cast<unsigned char*>(proof.data()), &bytes);
  DL_ASSERT(made != nullptr && bytes == proof.size(), "HMAC-SHA256 cannot fail");
  return proof;
}

bool same_proof(const Proof& a, ConstBytes b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Result<void> check_greeting(const Greeting& theirs, const Greeting& mine) {
  if (theirs.world_size == mine.world_size && theirs.rank == mine.peer &&
      theirs.peer == mine.rank) {
    return {};
  }
  return Error{Code::kFailedPrecondition,
               "it is rank " + std::to_string(theirs.rank) + " of " +
                   std::to_string(theirs.world_size) + " and looks for rank " +
                   std::to_string(theirs.peer) + "; this is rank " + std::to_string(mine.rank) +
                   " of " + std::to_string(mine.world_size) + " and looks for rank " +
                   std::to_string(mine.peer) + "; the tasks were not given the same cluster spec"};
}

}  // namespace dl::worker::transport
