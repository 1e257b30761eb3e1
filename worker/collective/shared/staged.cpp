#include "worker/collective/shared/staged.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "worker/collective/reduction/reduce.h"

namespace dl::worker::collective {
namespace {

using transport::Bytes;

constexpr std::uint64_t round_up_div(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

// What a rank posts when it has brought, or reduced, a round.
constexpr std::uint64_t brought(std::uint64_t round) { return 2 * round + 1; }
constexpr std::uint64_t reduced(std::uint64_t round) { return 2 * round + 4; }

std::uint32_t place_of(transport::Rank rank, std::span<const transport::Rank> members) {
  return static_cast<std::uint32_t>(std::find(members.begin(), members.end(), rank) -
                                    members.begin());
}

// Pieces as equal as can be: a short last one would cost as much waiting as a long one.
std::size_t even_piece(std::size_t slice_bytes, std::size_t piece_bytes_max) {
  const std::uint64_t pieces =
      std::max<std::uint64_t>(1, round_up_div(slice_bytes, piece_bytes_max));
  return std::min(piece_bytes_max, round_up_div(round_up_div(slice_bytes, pieces), 64) * 64);
}

}  // namespace

Staged::Staged(Communicator& communicator, BoardCall& board, const StagedOptions& options)
    : board_(board),
      options_(options),
      owners_(options.cut.world_size()),
      self_(place_of(communicator.rank(), options.members)),
      layout_(board.room(communicator.rank()).size(), owners_,
              communicator.options().round_bytes / owners_),
      piece_bytes_(even_piece(options.cut.chunk_bytes_max(), layout_.piece_bytes())),
      rounds_of_block_(
          std::max<std::uint64_t>(1, round_up_div(options.cut.chunk_bytes_max(), piece_bytes_))),
      rounds_(options.cut.blocks() * rounds_of_block_) {
  DL_ASSERT(piece_bytes_ > 0, "a block of the board has room for a cache line of each owner");
}

Result<void> Staged::run() {
  for (std::uint64_t turn = 0; turn < rounds_ + 2; ++turn) {
    if (turn < rounds_) DL_CHECK(bring(turn));
    if (turn >= 1 && turn <= rounds_) DL_CHECK(reduce(turn - 1));
    if (turn >= 2) DL_CHECK(take(turn - 2));
  }
  board_.finish(reduced(rounds_ - 1));
  return {};
}

Extent Staged::piece(std::uint64_t round, std::uint32_t owner) const {
  const Extent slice = options_.cut.chunk(round / rounds_of_block_, owner);
  const std::size_t begin = std::min(round % rounds_of_block_ * piece_bytes_, slice.size);
  return {slice.offset + begin, std::min(piece_bytes_, slice.size - begin)};
}

Result<void> Staged::bring(std::uint64_t round) {
  std::size_t bytes = 0;
  if (options_.reduce) {
    for (std::uint32_t owner = 0; owner < owners_; ++owner) {
      if (owner == self_) continue;
      if (round >= kPiecesDeep) {
        DL_CHECK(board_.await(options_.members[owner], reduced(round - kPiecesDeep)));
      }
      const Extent from = piece(round, owner);
      std::memcpy(layout_.in(room(self_), round, owner).data(), options_.data.data() + from.offset,
                  from.size);
      bytes += from.size;
    }
  }
  board_.post(brought(round), bytes);
  return {};
}

Result<void> Staged::reduce(std::uint64_t round) {
  const auto count = static_cast<std::uint32_t>(options_.members.size());
  // Without values to reduce, only the place is waited for.
  if (options_.reduce || round >= kPiecesDeep) {
    for (std::uint32_t i = 1; i < count; ++i) {
      DL_CHECK(board_.await(options_.members[(self_ + i) % count], brought(round)));
    }
  }
  const Extent mine = owner() ? piece(round, self_) : Extent();
  for (std::size_t offset = 0; offset < mine.size; offset += kStripBytes) {
    reduce_strip({mine.offset + offset, std::min(kStripBytes, mine.size - offset)}, offset, round);
  }
  board_.post(reduced(round), options_.gather ? mine.size : 0);
  return {};
}

// The strip lies at `offset` of this rank's piece.
void Staged::reduce_strip(Extent strip, std::size_t offset, std::uint64_t round) {
  const Bytes sum = options_.data.subspan(strip.offset, strip.size);
  if (options_.reduce) {
    const auto count = static_cast<std::uint32_t>(options_.members.size());
    for (std::uint32_t i = 1; i < count; ++i) {
      const Bytes theirs = layout_.in(room((self_ + i) % count), round, self_);
      reduce_into(options_.type, options_.op, sum, theirs.subspan(offset, strip.size));
    }
    if (options_.divisor > 1) finish_average(options_.type, sum, options_.divisor);
  }
  if (options_.gather) {
    std::memcpy(layout_.out(room(self_), round).data() + offset, sum.data(), sum.size());
  }
}

Result<void> Staged::take(std::uint64_t round) {
  if (!options_.gather) return {};
  for (std::uint32_t i = 1; i <= owners_; ++i) {
    const std::uint32_t owner = (self_ + i) % owners_;
    if (owner == self_) continue;
    DL_CHECK(board_.await(options_.members[owner], reduced(round)));
    const Extent into = piece(round, owner);
    std::memcpy(options_.data.data() + into.offset, layout_.out(room(owner), round).data(),
                into.size);
  }
  return {};
}

}  // namespace dl::worker::collective
