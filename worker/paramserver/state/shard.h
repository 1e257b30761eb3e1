// What one server holds: its part of every table, the optimizer's slots, versions, and how far each
// worker has come; with a folder, in files that survive the process (MappedFile).
//
// A change is all or nothing, whenever the process is killed: in the asynchronous modes each call
// of apply() is one change, in synchronous mode a whole clock is, and the last one can still be
// taken back, until the next one begins.

#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "worker/paramserver/client.h"
#include "worker/paramserver/ledger.h"
#include "worker/paramserver/state/layout.h"
#include "worker/paramserver/state/undo_log.h"
#include "worker/paramserver/update/update.h"

namespace dl::worker::paramserver {

// In place of a worker: the sum over all of them, in synchronous mode.
inline constexpr Rank kAllWorkers = ~Rank{0};

// One change of a table. Replicas carry out the same ones in the same order.
struct Operation {
  TableId table = 0;
  Rank worker = kAllWorkers;
  Clock clock = 0;
  PushKind kind = PushKind::kGradient;
  float learning_rate = 0;
  float factor = 1;            // Of the push.
  std::uint64_t position = 0;  // The worker's.
  std::uint64_t first = 0;     // Dense: where in this server's share the values go.
  bool last = false;           // The push ends here.
};

// How far a shard has come: of two with the same identity, the greater one has what the other has.
struct Standpoint {
  std::uint64_t epoch = 0;     // Counts the starts of the gang's servers.
  std::uint64_t sequence = 0;  // Counts changes.
  Clock clock = 0;             // kSynchronous: the last whole clock of all tables.
  bool initialised = false;    // The workers' first values are there.

  friend auto operator<=>(const Standpoint&, const Standpoint&) = default;
};

class Shard {
 public:
  // New and empty, in place of what was there. `stem`: "…/server-0-of-2"; empty: in memory alone.
  static Result<Shard> create(const Identity& identity, const std::filesystem::path& stem);
  // What a process left there, its unfinished change taken back.
  //   kNotFound            nothing, or of before the machine started, or without values yet.
  //   kFailedPrecondition  another run's, or with other tables.
  static Result<Shard> open(const Identity& identity, const std::filesystem::path& stem);
  // Removes the files, if there are any.
  static void remove(const std::filesystem::path& stem);

  const Layout& layout() const { return layout_; }
  Standpoint standpoint() const;
  // Also forgets how to go back.
  void set_standpoint(const Standpoint& standpoint);
  // Everything but the header.
  std::span<std::byte> content() const;

  std::span<float> values(TableId dense) const;
  std::uint64_t version(TableId dense, std::uint64_t range) const;  // Of this server's ranges.
  const float* row(TableId sparse, std::uint64_t slot) const;
  // All of this server's, slot after slot, before there are any.
  void set_rows(TableId sparse, std::span<const float> values) const;
  std::vector<Ledger::Past> past(TableId table) const;
  // How far `worker` has come with all tables.
  Progress standing(Rank worker) const;

  // `values` lie within one range. kResourceExhausted: no room to remember what was there.
  Result<void> apply(const Operation& operation, std::span<const float> values);
  // The rows are different ones; values[i × columns …] are of slots[i].
  Result<void> apply_rows(const Operation& operation, std::span<const std::uint64_t> slots,
                          std::span<const float> values);

  // kSynchronous: back to the clock before, if what it was like is still there.
  bool can_go_back() const;
  Result<void> go_back();

 private:
  struct Header;
  Shard(const Identity& identity, MappedFile file, UndoLog undo);

  Header& header() const;
  template <class T>
  T* at(std::uint64_t offset) const {
    return reinterpret_cast<T*>(file_.data() + offset);
  }
  Progress& progress(TableId table, Rank worker) const;
  bool synchronous() const { return layout_.identity().consistency == Consistency::kSynchronous; }
  Result<void> remember(const void* piece, std::uint64_t bytes) {
    return undo_.remember(file_.data(), piece, bytes);
  }
  Update update_of(const Operation& operation, std::uint64_t count) const;
  void begin(const Operation& operation);
  Result<void> end(const Operation& operation, std::uint64_t arrived);
  Result<void> end_clock(const Operation& operation);
  Result<void> roll_back();
  void make_rows();

  Layout layout_;
  MappedFile file_;
  UndoLog undo_;
};

}  // namespace dl::worker::paramserver
