#include "worker/collective/ring/walk.h"

#include <algorithm>

namespace dl::worker::collective {
namespace {

// The `index`th of `parts` parts of `count` things; the first ones have one more.
Extent part_of(std::size_t count, std::size_t parts, std::size_t index) {
  const std::size_t begin = count / parts * index + std::min(index, count % parts);
  return {begin, count / parts + (index < count % parts ? 1 : 0)};
}

}  // namespace

RingCut::RingCut(const Options& options) : options_(options) {
  const std::size_t block = std::max<std::size_t>(options.world_size * options.chunk_bytes, 1);
  blocks_ = std::max<std::size_t>(1, (options.bytes + block / 2) / block);
}

Extent RingCut::chunk(std::size_t block, std::uint32_t index) const {
  const std::size_t element = options_.element_bytes;
  const std::size_t count = options_.bytes / element;
  if (options_.by_rank) {
    const std::size_t part = count / options_.world_size;
    const Extent slice = part_of(part, blocks_, block);
    return {(index * part + slice.offset) * element, slice.size * element};
  }
  const Extent whole = part_of(count, blocks_, block);
  const Extent part = part_of(whole.size, options_.world_size, index);
  return {(whole.offset + part.offset) * element, part.size * element};
}

// The first chunk of the first block is the largest.
std::size_t RingCut::chunk_bytes_max() const { return chunk(0, 0).size; }

RingWalk::RingWalk(const RingCut& cut, std::uint32_t first, std::uint32_t steps)
    : cut_(cut),
      first_(first),
      steps_(steps),
      out_bytes_(stream_bytes(0)),
      in_bytes_(stream_bytes(1)),
      sendable_(chunk({}, 0).size) {
  sent(0);
  if (steps_ == 1) sendable_ += chunk({.block = 1}, 0).size;
  finish_chunks();
}

Extent RingWalk::chunk(const Cursor& cursor, std::uint32_t lag) const {
  if (cursor.block >= cut_.blocks()) return {};
  const std::uint32_t world = cut_.world_size();
  return cut_.chunk(cursor.block, (first_ + 2 * world - cursor.step - lag) % world);
}

Extent RingWalk::rest_of(const Cursor& cursor, std::uint32_t lag) const {
  const Extent whole = chunk(cursor, lag);
  return {whole.offset + cursor.offset, whole.size - cursor.offset};
}

std::size_t RingWalk::stream_bytes(std::uint32_t lag) const {
  std::size_t bytes = 0;
  for (Cursor cursor; cursor.block < cut_.blocks(); next_step(cursor)) {
    bytes += chunk(cursor, lag).size;
  }
  return bytes;
}

void RingWalk::next_step(Cursor& cursor) const {
  cursor.offset = 0;
  if (++cursor.step < steps_) return;
  cursor.step = 0;
  ++cursor.block;
}

void RingWalk::sent(std::size_t n) {
  out_.offset += n;
  while (out_.block < cut_.blocks() && out_.offset == chunk(out_, 0).size) next_step(out_);
}

// What comes in the last step of a block stays here; all others are passed on.
void RingWalk::processed(std::size_t n) {
  in_.offset += n;
  if (in_.step + 1 < steps_) sendable_ += n;
  finish_chunks();
}

// Once all that this rank passes on of a block is there, the next block may follow it.
void RingWalk::finish_chunks() {
  while (in_.block < cut_.blocks() && in_.offset == chunk(in_, 1).size) {
    next_step(in_);
    if (in_.step + 1 == steps_) sendable_ += chunk({.block = in_.block + 1}, 0).size;
  }
}

}  // namespace dl::worker::collective
