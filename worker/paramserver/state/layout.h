// Where everything is in a server's memory: one file, the same bytes wherever the same tables, the
// same number of servers and workers and the same update rule are; so it can be mapped again, sent
// to another server as it is, and found in a checkpoint.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "worker/paramserver/key_ranges.h"
#include "worker/paramserver/options.h"
#include "worker/paramserver/table.h"

namespace dl::worker::paramserver {

// Whose part of what.
struct Identity {
  std::string run;
  Tables tables;
  std::uint32_t workers = 1;
  std::uint32_t servers = 1;
  std::uint32_t server = 0;
  Consistency consistency = Consistency::kSynchronous;
  UpdateOptions update;
};

// Of one worker and table: its clock and the position it gave with that push, and how many elements
// of its push at clock + 1 are applied.
struct Progress {
  Clock clock = 0;
  std::uint64_t applied = 0;
  std::uint64_t position = 0;
};

struct DenseRegion {
  KeyRanges keys;
  Span share;                   // Of the table's elements, this server's.
  std::uint64_t values = 0;     // Offsets: of float32 × share …
  std::uint64_t slots[2] = {};  // … each of the rule's slots, likewise …
  std::uint64_t versions = 0;   // … and of uint64 × range: pushes applied to it.
};

struct SparseRegion {
  RowPlaces places;
  std::uint64_t rows = 0;  // This server's.
  std::uint32_t columns = 0;
  std::uint32_t record_floats = 0;  // Values, slots and, for Adam, the number of steps, in a row.
  std::uint64_t records = 0;        // Offset.
};

// A piece of the memory under a name, for checkpoints.
struct Region {
  std::string name;
  bool floats = true;  // Else uint64.
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

class Layout {
 public:
  static constexpr std::uint64_t kHeaderBytes = 4096;

  explicit Layout(const Identity& identity);

  const Identity& identity() const { return identity_; }
  std::uint32_t slots() const { return slots_; }
  std::uint32_t dense_tables() const { return static_cast<std::uint32_t>(dense.size()); }
  std::uint32_t tables() const { return static_cast<std::uint32_t>(dense.size() + sparse.size()); }
  bool is_dense(TableId table) const { return table < dense.size(); }
  const SparseRegion& sparse_of(TableId table) const { return sparse[table - dense.size()]; }

  std::vector<DenseRegion> dense;
  std::vector<SparseRegion> sparse;
  std::uint64_t progress = 0;  // Offset of Progress × table × worker.
  std::uint64_t bytes = 0;     // Of all, the header included.
  std::vector<Region> regions;

  // CRC-32C of everything that decides the layout.
  std::uint32_t fingerprint() const;

 private:
  std::uint64_t place(std::string name, std::uint64_t size, bool floats);
  void place_dense(const DenseTable& table);
  void place_sparse(const SparseTable& table);

  Identity identity_;
  std::uint32_t slots_;
};

}  // namespace dl::worker::paramserver
