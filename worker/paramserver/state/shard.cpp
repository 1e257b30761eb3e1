#include "worker/paramserver/state/shard.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

#include "base/assert.h"

namespace dl::worker::paramserver {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMagic = 0x3130'4452'4148'5344;  // "DSHARD01".
constexpr std::uint64_t kSmallUndoBytes = 1 << 20;

fs::path state_path(const fs::path& stem) {
  return stem.empty() ? fs::path() : fs::path(stem.string() + ".state");
}
fs::path undo_path(const fs::path& stem) {
  return stem.empty() ? fs::path() : fs::path(stem.string() + ".undo");
}

// Another one after each start of the machine, when mapped files are whatever got to the disk.
std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  return {std::istreambuf_iterator<char>(file), {}};
}

template <std::size_t kSize>
void put_text(std::array<char, kSize>& into, const std::string& text) {
  into.fill('\0');
  std::copy_n(text.begin(), std::min(text.size(), kSize - 1), into.begin());
}

// The same number for the same seed, row and column, in [−1, 1).
float noise(std::uint64_t seed, std::uint64_t row, std::uint64_t column) {
  std::uint64_t z = seed + 0x9e37'79b9'7f4a'7c15 * (row * kColumnsMax + column + 1);
  z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
  z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
  z ^= z >> 31;
  return static_cast<float>(z >> 40) / static_cast<float>(1 << 23) - 1.0f;
}

}  // namespace

struct Shard::Header {
  std::uint64_t magic = 0;  // Written last when a file is made.
  std::uint32_t fingerprint = 0;
  std::uint32_t padding = 0;
  std::array<char, 64> boot{};
  std::array<char, 256> run{};
  Standpoint standpoint;
};

Shard::Shard(const Identity& identity, MappedFile file, UndoLog undo)
    : layout_(identity), file_(std::move(file)), undo_(std::move(undo)) {}

Shard::Header& Shard::header() const { return *reinterpret_cast<Header*>(file_.data()); }

Result<Shard> Shard::create(const Identity& identity, const fs::path& stem) {
  static_assert(sizeof(Header) <= Layout::kHeaderBytes);
  const Layout layout(identity);
  if (!stem.empty()) {
    std::error_code error;
    fs::create_directories(stem.parent_path(), error);
    if (error) return errno_error("make " + stem.parent_path().string(), error.value());
  }
  DL_TRY(MappedFile file, MappedFile::create(state_path(stem), layout.bytes));
  UndoLog undo;
  if (!stem.empty()) {
    // In synchronous mode it takes all dense tables at each clock.
    const bool whole = identity.consistency == Consistency::kSynchronous;
    DL_TRY(undo, UndoLog::create(undo_path(stem),
                                 whole ? layout.bytes + layout.bytes / 256 + kSmallUndoBytes
                                       : kSmallUndoBytes));
  }
  Shard shard(identity, std::move(file), std::move(undo));
  shard.make_rows();
  Header& header = shard.header();
  header.fingerprint = shard.layout_.fingerprint();
  put_text(header.boot, boot_id());
  put_text(header.run, identity.run);
  header.magic = kMagic;
  return shard;
}

Result<Shard> Shard::open(const Identity& identity, const fs::path& stem) {
  const std::string path = state_path(stem).string();
  if (stem.empty()) return not_found("there is no folder for state");
  DL_TRY(MappedFile file, MappedFile::open(path));
  if (file.size() < Layout::kHeaderBytes) return not_found(path + " is not complete");
  const auto& header = *reinterpret_cast<const Header*>(file.data());
  std::array<char, 64> boot{};
  std::array<char, 256> run{};
  put_text(boot, boot_id());
  put_text(run, identity.run);
  // Killed before the first values were there, it has nothing to lose.
  const bool complete = header.magic == kMagic && header.standpoint.initialised;
  if (!complete) return not_found(path + " is not complete");
  if (header.run != run) {
    return Error{Code::kFailedPrecondition,
                 path + " is the state of run \"" + std::string(header.run.data()) +
                     "\", not of \"" + identity.run + "\"; give each run a folder of its own"};
  }
  const Layout layout(identity);
  if (header.fingerprint != layout.fingerprint() || file.size() != layout.bytes) {
    return Error{Code::kFailedPrecondition,
                 path +
                     " was written with other tables, workers, servers or another rule; remove "
                     "it to begin anew"};
  }
  if (header.boot != boot) return not_found(path + " is from before the machine started");
  DL_TRY(UndoLog undo, UndoLog::open(undo_path(stem)));
  Shard shard(identity, std::move(file), std::move(undo));
  // A whole clock stays: only one that was under way is taken back.
  const bool whole = shard.synchronous() && shard.standpoint().clock == shard.undo_.mark();
  if (!whole) DL_CHECK(shard.roll_back());
  return shard;
}

void Shard::remove(const fs::path& stem) {
  std::error_code ignored;
  fs::remove(state_path(stem), ignored);
  fs::remove(undo_path(stem), ignored);
}

Standpoint Shard::standpoint() const { return header().standpoint; }

void Shard::set_standpoint(const Standpoint& standpoint) {
  undo_.commit();
  header().standpoint = standpoint;
}

std::span<std::byte> Shard::content() const {
  return {file_.data() + Layout::kHeaderBytes, layout_.bytes - Layout::kHeaderBytes};
}

std::span<float> Shard::values(TableId dense) const {
  const DenseRegion& region = layout_.dense[dense];
  return {at<float>(region.values), region.share.size()};
}

std::uint64_t Shard::version(TableId dense, std::uint64_t range) const {
  return at<std::uint64_t>(layout_.dense[dense].versions)[range];
}

const float* Shard::row(TableId sparse, std::uint64_t slot) const {
  const SparseRegion& region = layout_.sparse_of(sparse);
  return at<float>(region.records) + slot * region.record_floats;
}

void Shard::set_rows(TableId sparse, std::span<const float> values) const {
  const SparseRegion& region = layout_.sparse_of(sparse);
  DL_ASSERT(values.size() == region.rows * region.columns, "the server has counted them");
  for (std::uint64_t slot = 0; slot < region.rows; ++slot) {
    const auto row = values.subspan(slot * region.columns, region.columns);
    std::copy(row.begin(), row.end(), at<float>(region.records) + slot * region.record_floats);
  }
}

Progress& Shard::progress(TableId table, Rank worker) const {
  return at<Progress>(layout_.progress)[table * layout_.identity().workers + worker];
}

std::vector<Ledger::Past> Shard::past(TableId table) const {
  std::vector<Ledger::Past> past;
  for (Rank worker = 0; worker < layout_.identity().workers; ++worker) {
    const Progress& one = progress(table, worker);
    past.push_back({one.clock, one.applied});
  }
  return past;
}

Progress Shard::standing(Rank worker) const {
  Progress least = progress(0, worker);
  for (TableId table = 1; table < layout_.tables(); ++table) {
    const Progress& one = progress(table, worker);
    least.clock = std::min(least.clock, one.clock);
    least.position = std::min(least.position, one.position);
  }
  return least;
}

Update Shard::update_of(const Operation& operation, std::uint64_t count) const {
  if (operation.kind == PushKind::kDelta) return Update::delta(operation.factor);
  return Update::gradient(layout_.identity().update, operation.factor, operation.learning_rate,
                          count);
}

// A clock's first operation lets go of what the clock before was like.
void Shard::begin(const Operation& operation) {
  if (operation.worker != kAllWorkers || undo_.mark() == operation.clock) return;
  undo_.commit();
  undo_.set_mark(operation.clock);
}

// The change is made; it counts from commit() on. `arrived`: elements of the push that are in.
Result<void> Shard::end(const Operation& operation, std::uint64_t arrived) {
  Header& mine = header();
  DL_CHECK(remember(&mine.standpoint, sizeof mine.standpoint));
  ++mine.standpoint.sequence;
  if (operation.worker == kAllWorkers)
    return operation.last ? end_clock(operation) : Result<void>();
  Progress& of_worker = progress(operation.table, operation.worker);
  DL_CHECK(remember(&of_worker, sizeof of_worker));
  of_worker = operation.last ? Progress{operation.clock, 0, operation.position}
                             : Progress{operation.clock - 1, arrived, of_worker.position};
  undo_.commit();
  return {};
}

Result<void> Shard::end_clock(const Operation& operation) {
  const std::uint32_t workers = layout_.identity().workers;
  Progress* const all = &progress(operation.table, 0);
  DL_CHECK(remember(all, workers * sizeof(Progress)));
  std::fill_n(all, workers, Progress{operation.clock, 0, operation.position});
  Clock least = operation.clock;
  for (TableId table = 0; table < layout_.tables(); ++table) {
    least = std::min(least, progress(table, 0).clock);
  }
  header().standpoint.clock = least;
  return {};
}

Result<void> Shard::apply(const Operation& operation, std::span<const float> values) {
  const DenseRegion& region = layout_.dense[operation.table];
  const std::uint64_t end_element = operation.first + values.size();
  const std::uint64_t range = operation.first / region.keys.range_elements();
  DL_ASSERT(end_element <= region.share.size() && !values.empty() &&
                (end_element - 1) / region.keys.range_elements() == range,
            "the server cuts pushes at the ends of ranges");
  begin(operation);
  const std::uint64_t bytes = values.size_bytes();
  float* const mine = at<float>(region.values) + operation.first;
  DL_CHECK(remember(mine, bytes));
  std::array<float*, 2> slots{};
  if (operation.kind == PushKind::kGradient) {
    for (std::uint32_t i = 0; i < layout_.slots(); ++i) {
      slots[i] = at<float>(region.slots[i]) + operation.first;
      DL_CHECK(remember(slots[i], bytes));
    }
  }
  std::uint64_t& version_of = at<std::uint64_t>(region.versions)[range];
  update_of(operation, version_of + 1).run(mine, slots[0], slots[1], values);
  const bool range_ends =
      end_element == region.share.size() || end_element % region.keys.range_elements() == 0;
  if (range_ends) {
    DL_CHECK(remember(&version_of, sizeof version_of));
    ++version_of;
  }
  return end(operation, end_element);
}

Result<void> Shard::apply_rows(const Operation& operation, std::span<const std::uint64_t> slots,
                               std::span<const float> values) {
  const SparseRegion& region = layout_.sparse_of(operation.table);
  const std::uint32_t columns = region.columns;
  DL_ASSERT(values.size() == slots.size() * columns, "each row has its columns");
  begin(operation);
  float* const records = at<float>(region.records);
  const bool gradient = operation.kind == PushKind::kGradient;
  const std::uint64_t kept = (gradient ? region.record_floats : columns) * sizeof(float);
  for (const std::uint64_t slot : slots) {
    DL_ASSERT(slot < region.rows, "the server has refused rows that are not its own");
    DL_CHECK(remember(records + slot * region.record_floats, kept));
  }
  const bool counts = gradient && region.record_floats > columns * (1 + layout_.slots());
  std::uint64_t count = 1;
  Update update = update_of(operation, count);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    float* const row = records + slots[i] * region.record_floats;
    if (counts) {
      float& steps = row[region.record_floats - 1];
      steps += 1;
      if (static_cast<std::uint64_t>(steps) != count) {
        count = static_cast<std::uint64_t>(steps);
        update = update_of(operation, count);
      }
    }
    update.run(row, row + columns, row + 2 * columns, values.subspan(i * columns, columns));
  }
  return end(operation, 0);
}

Result<void> Shard::roll_back() { return undo_.roll_back(file_.data(), layout_.bytes); }

bool Shard::can_go_back() const {
  return synchronous() && !undo_.empty() && undo_.mark() == standpoint().clock;
}

Result<void> Shard::go_back() {
  DL_ASSERT(can_go_back(), "the plan is made of what servers say that they can");
  return roll_back();
}

void Shard::make_rows() {
  const Identity& identity = layout_.identity();
  for (std::size_t i = 0; i < layout_.sparse.size(); ++i) {
    const SparseTable& table = identity.tables.sparse[i];
    const SparseRegion& region = layout_.sparse[i];
    if (table.initial_bound == 0) continue;
    for (std::uint64_t row = 0; row < table.rows; ++row) {
      const RowPlaces::Place place = region.places.place(row);
      if (place.server != identity.server) continue;
      float* const record = at<float>(region.records) + place.slot * region.record_floats;
      for (std::uint32_t c = 0; c < table.columns; ++c) {
        record[c] = table.initial_bound * noise(table.seed, row, c);
      }
    }
  }
}

}  // namespace dl::worker::paramserver
