// TensorBoard event files: what `tensorboard --logdir <artifacts>` draws.
//
// A writer begins a file of its own, so that a resumed run adds to what its predecessors wrote;
// TensorBoard reads all files of a folder as one run.

#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace dl::worker::train {

struct Scalar {
  std::string tag;
  double value = 0;
};

class EventFile {
 public:
  // Makes `folder` and, in it, "events.out.tfevents.<unix seconds>.<hostname>.<suffix>".
  static Result<EventFile> create(const std::filesystem::path& folder, std::string_view suffix,
                                  Timestamp now);

  // One event with all of `scalars`, handed to the kernel before it returns.
  Result<void> add(std::uint64_t step, const std::vector<Scalar>& scalars, Timestamp now);

  const std::filesystem::path& path() const { return path_; }

 private:
  EventFile(std::filesystem::path path, std::FILE* file)
      : path_(std::move(path)), file_(file, &std::fclose) {}
  Result<void> write_record(std::string_view event);

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

// The frame TensorFlow puts around a record: length, its masked CRC-32C, data, its masked CRC-32C.
std::string tfrecord(std::string_view data);

}  // namespace dl::worker::train
