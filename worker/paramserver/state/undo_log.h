// What memory was like before a change that is not complete yet: whoever finds the change half done
// takes it back.
//
// A change is: remember() each piece of memory, then write it; commit() when all is written. In
// that order the stores reach the mapped files, whenever the process is killed: a piece counts as
// remembered once `used` says so, and commit() is the one store that sets it to 0.

#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "worker/paramserver/state/mapped_file.h"

namespace dl::worker::paramserver {

class UndoLog {
 public:
  UndoLog() = default;  // Remembers nothing: for state that is not kept.

  static Result<UndoLog> create(const std::filesystem::path& path, std::uint64_t bytes);
  static Result<UndoLog> open(const std::filesystem::path& path);

  // `piece` is within the state's memory, which begins at `base`.
  Result<void> remember(const std::byte* base, const void* piece, std::uint64_t bytes);
  void commit();

  // Takes back what was remembered since the last commit, the newest first.
  Result<void> roll_back(std::byte* base, std::uint64_t base_bytes);

  bool empty() const;
  // A number of the caller's: which change this is. Outlives the process with the log.
  void set_mark(std::uint64_t mark);
  std::uint64_t mark() const;

 private:
  struct Header {
    std::uint64_t used;  // Bytes behind this header.
    std::uint64_t mark;
  };
  struct Trailer {  // Behind each piece's bytes.
    std::uint64_t offset;
    std::uint64_t bytes;
  };
  Header& header() const { return *reinterpret_cast<Header*>(file_.data()); }

  MappedFile file_;
};

}  // namespace dl::worker::paramserver
