#include "worker/paramserver/state/undo_log.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace dl::worker::paramserver {
namespace {

// The fences below are for the compiler alone: a process is killed between two instructions, and
// the stores of those before have happened for whoever maps the file next.
constexpr std::uint64_t kAlignment = 8;

std::uint64_t padded(std::uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

Result<UndoLog> UndoLog::create(const std::filesystem::path& path, std::uint64_t bytes) {
  UndoLog log;
  DL_TRY(log.file_, MappedFile::create(path, sizeof(Header) + bytes));
  return log;
}

Result<UndoLog> UndoLog::open(const std::filesystem::path& path) {
  UndoLog log;
  DL_TRY(log.file_, MappedFile::open(path));
  const std::uint64_t size = log.file_.size();
  if (size < sizeof(Header) || log.header().used > size - sizeof(Header)) {
    return Error{Code::kDataLoss, path.string() + " is damaged: it is shorter than it says"};
  }
  return log;
}

Result<void> UndoLog::remember(const std::byte* base, const void* piece, std::uint64_t bytes) {
  if (file_.data() == nullptr) return {};
  const std::uint64_t at = sizeof(Header) + header().used;
  const std::uint64_t size = padded(bytes) + sizeof(Trailer);
  if (at + size > file_.size()) {
    DL_CHECK(file_.grow(std::max(at + size, file_.size() + file_.size() / 2)));
  }
  std::byte* to = file_.data() + at;
  std::memcpy(to, piece, bytes);
  const Trailer trailer = {static_cast<std::uint64_t>(static_cast<const std::byte*>(piece) - base),
                           bytes};
  std::memcpy(to + padded(bytes), &trailer, sizeof trailer);
  // The piece before the number that makes it count, and that before the caller's change.
  std::atomic_ref(header().used).store(header().used + size, std::memory_order_release);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return {};
}

void UndoLog::commit() {
  if (file_.data() == nullptr) return;
  std::atomic_ref(header().used).store(0, std::memory_order_release);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

Result<void> UndoLog::roll_back(std::byte* base, std::uint64_t base_bytes) {
  if (file_.data() == nullptr) return {};
  const std::byte* first = file_.data() + sizeof(Header);
  std::uint64_t left = header().used;
  while (left > 0) {
    Trailer trailer{};
    const bool has_trailer = left >= sizeof trailer;
    if (has_trailer) std::memcpy(&trailer, first + left - sizeof trailer, sizeof trailer);
    if (!has_trailer || trailer.bytes > left - sizeof trailer ||
        padded(trailer.bytes) > left - sizeof trailer || trailer.bytes > base_bytes ||
        trailer.offset > base_bytes - trailer.bytes) {
      return Error{Code::kDataLoss, "an undo log is damaged; go back to a checkpoint"};
    }
    left -= sizeof trailer + padded(trailer.bytes);
    std::memcpy(base + trailer.offset, first + left, trailer.bytes);
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  commit();
  return {};
}

bool UndoLog::empty() const { return file_.data() == nullptr || header().used == 0; }

void UndoLog::set_mark(std::uint64_t mark) {
  if (file_.data() != nullptr) header().mark = mark;
}

std::uint64_t UndoLog::mark() const { return file_.data() == nullptr ? 0 : header().mark; }

}  // namespace dl::worker::paramserver
