// The folder with a trial's checkpoints: their names, which one to resume from, which to remove.
//
// A name has the step and the attempt that wrote it, "step-000004690-attempt-2.dlm", so that an
// attempt that was given up but still runs somewhere never writes over a file of its successor.

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "worker/train/checkpoint/container.h"

namespace dl::worker::train {

struct CheckpointName {
  std::uint64_t step = 0;
  std::uint32_t attempt = 0;

  friend bool operator==(const CheckpointName&, const CheckpointName&) = default;
};

std::string to_string(const CheckpointName& name);
std::optional<CheckpointName> checkpoint_name_from_string(std::string_view file);

// What resume() found.
struct Resumable {
  std::string file;  // In the folder.
  Container container;
  // One sentence for each checkpoint that should have been used and could not be.
  std::vector<std::string> refused;
};

class CheckpointFolder {
 public:
  CheckpointFolder(std::filesystem::path path, std::uint32_t attempt)
      : path_(std::move(path)), attempt_(attempt) {}

  // Reads the checkpoint `wanted` (a name in this folder, or a path); if it is damaged or gone,
  // the one before it, and so on; after those, newer ones. kDataLoss says what was wrong with
  // each when none can be used.
  Result<Resumable> resume(const std::string& wanted) const;

  // Writes the checkpoint of `step` and, once it is safe, removes those of this and earlier
  // attempts but for the newest `keep`. Returns its name in the folder.
  Result<std::string> write(std::uint64_t step, std::string_view description,
                            std::span<const TensorView> tensors, std::uint32_t keep) const;

 private:
  std::vector<CheckpointName> list() const;
  void prune(std::uint32_t keep) const;

  std::filesystem::path path_;
  std::uint32_t attempt_;
};

}  // namespace dl::worker::train
