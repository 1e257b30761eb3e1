// Keeps the dataset that was opened last, so that a process which trains on it again does not read
// it again. One at a time: memory holds no more than a run needs.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/train/data/dataset.h"

namespace dl::worker::train {

// Used by one thread at a time.
class DatasetCache {
 public:
  // open_dataset(), or what it gave when it was asked for the same and the files were the same:
  // their names, sizes and times of change.
  Result<Splits> open(const DatasetRequest& request);

 private:
  struct File {
    std::string path;
    std::uint64_t size = 0;
    std::int64_t changed_ns = 0;
    std::uint64_t inode = 0;

    friend bool operator==(const File&, const File&) = default;
  };
  struct Entry {
    DatasetRequest request;
    std::vector<File> files;
    Splits splits;
  };
  static std::optional<std::vector<File>> files_of(const DataSpec& spec);

  std::optional<Entry> entry_;
};

}  // namespace dl::worker::train
