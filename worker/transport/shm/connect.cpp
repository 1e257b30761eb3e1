#include "worker/transport/shm/connect.h"

#include <openssl/evp.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <optional>

#include "base/assert.h"
#include "worker/transport/shm/meeting.h"
#include "worker/transport/shm/mesh.h"
#include "worker/transport/shm/segment.h"

namespace dl::worker::transport::shm {
namespace {

// All rings of a host together: on one with many ranks they are shorter.
constexpr std::size_t kRingsBytesMax = 64 << 20;
constexpr std::size_t kRingBytesMin = 4 << 10;

using HostId = std::array<std::byte, 32>;

// Two ranks that read the same here run on one kernel and can call each other's Unix sockets.
std::string this_host() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  struct stat network {};
  if (boot.empty() || ::stat("/proc/self/ns/net", &network) != 0) return {};
  return boot + "/" + std::to_string(network.st_dev) + ":" + std::to_string(network.st_ino);
}

// Of a host that cannot be told from others no two ranks are on.
HostId make_host_id(const std::string& name) {
  if (name.empty()) return make_nonce();
  HostId id;
  unsigned int bytes = id.size();
  const int made = EVP_Digest(name.data(), name.size(), reinterpret_cast<unsigned char*>(id.data()),
                              &bytes, EVP_sha256(), nullptr);
  DL_ASSERT(made == 1 && bytes == id.size(), "SHA-256 cannot fail");
  return id;
}

// What the maker of the memory tells the others of its host; an empty name: there is none.
struct Offer {
  std::array<char, kMeetingNameBytes> name{};
  Nonce token{};
};

class Connector {
 public:
  Connector(Mesh& base, const ConnectOptions& options)
      : base_(base),
        options_(options),
        deadline_(std::chrono::steady_clock::now() + options.timeout),
        self_{base.rank(), base.world_size(), options.secret} {}

  Result<void> run() {
    DL_TRY(const auto ids,
           all_tell(make_host_id(options_.host.empty() ? this_host() : options_.host)));
    for (Rank rank = 0; rank < ids.size(); ++rank) {
      const auto first = std::find(ids.begin(), ids.end(), ids[rank]);
      placement_.host_of.push_back(static_cast<Rank>(first - ids.begin()));
    }
    local_ = placement_.ranks_with(self_.rank);
    if (local_.size() > 1) {
      DL_CHECK(self_.rank == local_[0] ? make_memory() : take_memory());
    }
    // What did not work out for one host all others must know.
    DL_TRY(const auto shared, all_tell(std::array{segment_ ? kYes : kNo}));
    for (Rank rank = 0; rank < shared.size(); ++rank) {
      if (shared[rank][0] != kYes) placement_.host_of[rank] = rank;
    }
    return {};
  }

  Placement placement() const { return placement_; }
  std::shared_ptr<Segment> segment() const { return segment_; }

 private:
  static constexpr std::byte kYes{1};
  static constexpr std::byte kNo{0};

  // Every rank's `mine`, by rank.
  template <std::size_t kBytes>
  Result<std::vector<std::array<std::byte, kBytes>>> all_tell(
      const std::array<std::byte, kBytes>& mine) {
    std::vector<std::array<std::byte, kBytes>> all(base_.world_size(), mine);
    for (Rank peer = 0; peer < all.size(); ++peer) {
      if (peer != self_.rank) DL_CHECK(send_all(base_, peer, mine, deadline_));
    }
    for (Rank peer = 0; peer < all.size(); ++peer) {
      if (peer != self_.rank) DL_CHECK(receive_all(base_, peer, all[peer], deadline_));
    }
    return all;
  }

  Layout layout() const {
    const std::size_t ranks = local_.size();
    std::size_t ring = options_.ring_bytes;
    while (ring > kRingBytesMin && ranks * ranks * ring > kRingsBytesMax) ring /= 2;
    return {static_cast<std::uint32_t>(ranks), ring, options_.block_bytes};
  }

  // The others' answers, all of them, so that none is left on a link: whether all said yes.
  Result<bool> all_agree() {
    bool agreed = true;
    for (const Rank peer : others()) {
      std::array<std::byte, 1> answer;
      DL_CHECK(receive_all(base_, peer, answer, deadline_));
      agreed = agreed && answer[0] == kYes;
    }
    return agreed;
  }

  std::span<const Rank> others() const { return std::span(local_).subspan(1); }

  // Hands the memory to all others of the host, or to none.
  Result<void> make_memory() {
    Offer offer{.name = {}, .token = make_nonce()};
    auto segment = Segment::create(layout(), offer.token);
    auto meeting = Meeting::open(static_cast<int>(local_.size()));
    const bool made = segment.has_value() && meeting.has_value();
    if (made) std::copy(meeting->name().begin(), meeting->name().end(), offer.name.begin());
    for (const Rank peer : others()) {
      DL_CHECK(send_all(base_, peer, std::as_bytes(std::span(&offer, 1)), deadline_));
    }
    if (!made) return {};
    DL_TRY(bool agreed, all_agree());  // That they have reached this rank.
    for (std::size_t i = 0; agreed && i < others().size(); ++i) {
      agreed = meeting->serve(self_, (*segment)->fd(), deadline_).has_value();
    }
    // Whom it has not served by now hears the end of the call, and says no.
    meeting = unavailable("closed");
    DL_TRY(const bool taken, all_agree());
    agreed = agreed && taken;
    for (const Rank peer : others()) {
      DL_CHECK(send_all(base_, peer, std::array{agreed ? kYes : kNo}, deadline_));
    }
    if (agreed) segment_ = *segment;
    return {};
  }

  Result<void> take_memory() {
    const Rank maker = local_[0];
    Offer offer;
    DL_CHECK(receive_all(base_, maker, std::as_writable_bytes(std::span(&offer, 1)), deadline_));
    const std::string name(offer.name.data(), ::strnlen(offer.name.data(), offer.name.size()));
    if (name.empty()) return {};
    auto socket = call_meeting(name);
    DL_CHECK(send_all(base_, maker, std::array{socket ? kYes : kNo}, deadline_));
    std::shared_ptr<Segment> segment;
    if (socket) {
      auto memory = receive_memory(*socket, self_, maker, deadline_);
      auto opened = memory ? Segment::open(*std::move(memory), layout(), offer.token)
                           : Result<std::shared_ptr<Segment>>(memory.error());
      if (opened) segment = *opened;
    }
    DL_CHECK(send_all(base_, maker, std::array{segment ? kYes : kNo}, deadline_));
    std::array<std::byte, 1> verdict;
    DL_CHECK(receive_all(base_, maker, verdict, deadline_));
    if (verdict[0] == kYes) segment_ = segment;
    return {};
  }

  Mesh& base_;
  const ConnectOptions& options_;
  const Deadline deadline_;
  const tcp::Identity self_;
  Placement placement_;
  std::vector<Rank> local_;  // The ranks of this host.
  std::shared_ptr<Segment> segment_;
};

}  // namespace

Result<std::unique_ptr<Mesh>> connect(std::unique_ptr<Mesh> base, const ConnectOptions& options) {
  Connector connector(*base, options);
  DL_CHECK(connector.run());
  return std::unique_ptr<Mesh>(std::make_unique<ShmMesh>(std::move(base), connector.placement(),
                                                         connector.segment(), options.look));
}

}  // namespace dl::worker::transport::shm
