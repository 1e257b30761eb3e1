#include "worker/paramserver/state/layout.h"

#include "base/crc32c.h"
#include "worker/paramserver/update/update.h"
#include "worker/paramserver/wire.h"

namespace dl::worker::paramserver {
namespace {

constexpr std::uint64_t kAlignment = 64;

bool counts_steps(const UpdateOptions& update) {
  return update.rule == Rule::kAdam || update.rule == Rule::kAdamW;
}

}  // namespace

Layout::Layout(const Identity& identity)
    : bytes(kHeaderBytes), identity_(identity), slots_(slots_of(identity.update)) {
  const std::uint64_t count = identity.tables.dense.size() + identity.tables.sparse.size();
  progress = place("progress", count * identity.workers * sizeof(Progress), false);
  for (const DenseTable& table : identity.tables.dense) place_dense(table);
  for (const SparseTable& table : identity.tables.sparse) place_sparse(table);
}

std::uint64_t Layout::place(std::string name, std::uint64_t size, bool floats) {
  const std::uint64_t offset = bytes;
  regions.push_back({std::move(name), floats, offset, size});
  bytes += (size + kAlignment - 1) / kAlignment * kAlignment;
  return offset;
}

void Layout::place_dense(const DenseTable& table) {
  const KeyRanges keys(table.elements(), identity_.servers);
  DenseRegion region{.keys = keys, .share = keys.elements_of(identity_.server)};
  const std::uint64_t size = region.share.size() * sizeof(float);
  region.values = place(table.name + ".values", size, true);
  for (std::uint32_t slot = 0; slot < slots_; ++slot) {
    region.slots[slot] = place(table.name + ".slot" + std::to_string(slot), size, true);
  }
  region.versions = place(table.name + ".versions",
                          keys.ranges_of(identity_.server).size() * sizeof(std::uint64_t), false);
  dense.push_back(region);
}

void Layout::place_sparse(const SparseTable& table) {
  const RowPlaces places(table.rows, identity_.servers);
  SparseRegion region{
      .places = places,
      .rows = places.rows_of(identity_.server),
      .columns = table.columns,
      .record_floats = table.columns * (1 + slots_) + (counts_steps(identity_.update) ? 1u : 0u)};
  region.records =
      place(table.name + ".records", region.rows * region.record_floats * sizeof(float), true);
  sparse.push_back(region);
}

std::uint32_t Layout::fingerprint() const {
  Writer writer;
  writer.number(kHeaderBytes);
  writer.number(identity_.workers);
  writer.number(identity_.servers);
  writer.number(identity_.server);
  writer.number(identity_.consistency);
  writer.number(identity_.update.rule);
  writer.number(slots_);
  return crc32c(encode(identity_.tables), crc32c(writer.take()));
}

}  // namespace dl::worker::paramserver
