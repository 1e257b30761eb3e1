// The words two ranks exchange before they trust each other, as bytes.
//
//   dialler → listener  hello      who I am, whom I look for, a nonce
//   listener → dialler  challenge  who I am, a nonce, proof that I know the secret
//   dialler → listener  proof      that I know it too
//   listener → dialler  welcome
//
// or at any point a refusal, with the reason as text. Each frame is a fixed 16-byte head (magic,
// version, kind, length; little-endian) and a body of at most 1 KiB. A proof is HMAC-SHA256 under
// the attempt's secret over a label and both greetings, so it cannot be replayed or reflected.
// Pure: the sockets are elsewhere.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "worker/transport/mesh.h"

namespace dl::worker::transport {

inline constexpr std::uint16_t kMeshProtocolVersion = 2;
inline constexpr std::size_t kFrameHeadBytes = 16;
inline constexpr std::size_t kFrameBodyBytesMax = 1024;

// Two connections make a link: data, and one that carries nothing but the notice of its end.
enum class Channel : std::uint32_t { kData = 0, kControl = 1 };

enum class FrameKind : std::uint16_t { kHello = 1, kChallenge, kProof, kWelcome, kRefusal };

struct FrameHead {
  FrameKind kind;
  std::uint32_t body_bytes;
};

using Nonce = std::array<std::byte, 32>;
using Proof = std::array<std::byte, 32>;

// What one side says of itself and of the other: the body of a hello, and the start of a challenge.
struct Greeting {
  Rank rank = 0;
  Rank peer = 0;  // Whom it takes the other for.
  std::uint32_t world_size = 0;
  Channel channel = Channel::kData;  // What the dialler wants the connection for.
  Nonce nonce{};
};
inline constexpr std::size_t kGreetingBytes = 16 + sizeof(Nonce);

enum class Side : std::uint8_t { kDialler, kListener };

std::vector<std::byte> encode_frame(FrameKind kind, ConstBytes body);

// kPermissionDenied  not our protocol, or another version of it; says which.
Result<FrameHead> decode_frame_head(ConstBytes head);

std::array<std::byte, kGreetingBytes> encode_greeting(const Greeting& greeting);
// `body` has at least kGreetingBytes.
Greeting decode_greeting(ConstBytes body);

// From the operating system's random source.
Nonce make_nonce();

Proof make_proof(std::string_view secret, Side side, const Greeting& dialler,
                 const Greeting& listener);
// In constant time.
bool same_proof(const Proof& a, ConstBytes b);

// kFailedPrecondition: `theirs`, though it knows the secret, has another gang in mind.
Result<void> check_greeting(const Greeting& theirs, const Greeting& mine);

}  // namespace dl::worker::transport
