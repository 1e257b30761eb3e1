#include "worker/transport/shm/segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <new>

#include "base/assert.h"

namespace dl::worker::transport::shm {
namespace {

constexpr std::uint64_t kMagic = 0x31'6d'68'73'20'6c'64ull;  // "dl shm1", read as an integer.
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

struct Header {
  std::uint64_t magic;
  std::uint64_t ranks;
  std::uint64_t ring_bytes;
  std::uint64_t block_bytes;
  Nonce token;
};

constexpr std::size_t kPage = 4096;
constexpr std::size_t page_up(std::size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

constexpr std::size_t kStatesAt = page_up(sizeof(Header));

std::size_t ring_ends_at(const Layout& layout) {
  return page_up(kStatesAt + layout.ranks * sizeof(RankState));
}

std::size_t rings_at(const Layout& layout) {
  return page_up(ring_ends_at(layout) +
                 std::size_t{layout.ranks} * layout.ranks * sizeof(RingEnds));
}

std::size_t blocks_at(const Layout& layout) {
  return page_up(rings_at(layout) + std::size_t{layout.ranks} * layout.ranks * layout.ring_bytes);
}

}  // namespace

// Most of it is never touched, and takes no memory: a rank's ring to itself, and the rings between
// ranks that are no neighbours in any collective.
std::size_t Layout::segment_bytes() const { return blocks_at(*this) + ranks * block_bytes; }

Segment::Segment(tcp::Socket memory, const Layout& layout, std::byte* base)
    : memory_(std::move(memory)), layout_(layout), base_(base) {}

Segment::~Segment() { ::munmap(base_, layout_.segment_bytes()); }

Result<std::shared_ptr<Segment>> Segment::map(tcp::Socket memory, const Layout& layout) {
  const std::size_t bytes = layout.segment_bytes();
  void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.fd(), 0);
  if (base == MAP_FAILED) return errno_error("map shared memory", errno);
  // Fewer page faults where the system allows it; all the same where it does not.
  (void)::madvise(base, bytes, MADV_HUGEPAGE);
  return std::shared_ptr<Segment>(
      new Segment(std::move(memory), layout, static_cast<std::byte*>(base)));
}

Result<std::shared_ptr<Segment>> Segment::create(const Layout& layout, const Nonce& token) {
  DL_ASSERT(layout.ranks > 0 && layout.block_bytes % kCacheLine == 0 && layout.ring_bytes > 0 &&
                (layout.ring_bytes & (layout.ring_bytes - 1)) == 0,
            "connect() makes the layout so");
  tcp::Socket memory(::memfd_create("dl-worker-links", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.open()) return errno_error("make shared memory", errno);
  const std::size_t bytes = layout.segment_bytes();
  if (::ftruncate(memory.fd(), static_cast<off_t>(bytes)) != 0 ||
      ::fcntl(memory.fd(), F_ADD_SEALS, kSeals) != 0) {
    return errno_error("make " + std::to_string(bytes) + " bytes of shared memory", errno);
  }
  DL_TRY(auto segment, map(std::move(memory), layout));
  for (std::uint32_t rank = 0; rank < layout.ranks; ++rank) {
    new (&segment->state(rank)) RankState();
    for (std::uint32_t to = 0; to < layout.ranks; ++to) {
      new (&segment->ring_ends(rank, to)) RingEnds();
    }
  }
  const Header header = {kMagic, layout.ranks, layout.ring_bytes, layout.block_bytes, token};
  std::memcpy(segment->base_, &header, sizeof(header));
  return segment;
}

Result<std::shared_ptr<Segment>> Segment::open(tcp::Socket memory, const Layout& layout,
                                               const Nonce& token) {
  struct stat status {};
  const bool sealed = ::fcntl(memory.fd(), F_GET_SEALS) == kSeals;
  const bool sized = ::fstat(memory.fd(), &status) == 0 &&
                     static_cast<std::size_t>(status.st_size) == layout.segment_bytes();
  if (!sealed || !sized) {
    return Error{Code::kPermissionDenied, "the shared memory is not what this attempt's would be"};
  }
  DL_TRY(auto segment, map(std::move(memory), layout));
  Header header;
  std::memcpy(&header, segment->base_, sizeof(header));
  const Header expected = {kMagic, layout.ranks, layout.ring_bytes, layout.block_bytes, token};
  if (std::memcmp(&header, &expected, sizeof(header)) != 0) {
    return Error{Code::kPermissionDenied, "the shared memory has another attempt's token in it"};
  }
  return segment;
}

RankState& Segment::state(std::uint32_t position) const {
  return reinterpret_cast<RankState*>(base_ + kStatesAt)[position];
}

RingEnds& Segment::ring_ends(std::uint32_t from, std::uint32_t to) const {
  return reinterpret_cast<RingEnds*>(base_ + ring_ends_at(layout_))[from * layout_.ranks + to];
}

Bytes Segment::ring(std::uint32_t from, std::uint32_t to) const {
  const std::size_t number = std::size_t{from} * layout_.ranks + to;
  return {base_ + rings_at(layout_) + number * layout_.ring_bytes, layout_.ring_bytes};
}

Bytes Segment::block(std::uint32_t position) const {
  return {base_ + blocks_at(layout_) + position * layout_.block_bytes, layout_.block_bytes};
}

}  // namespace dl::worker::transport::shm
