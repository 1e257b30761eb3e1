// The .dlm file: named tensors and a JSON description, as plain data. Checkpoints and saved models
// are written in it; docs/formats.md has the bytes.
//
// Nothing in it can run: a file from a stranger can be wrong, but not dangerous. Every section has
// a CRC-32C of its own, so damage is noticed wherever it is.

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace dl::worker::train {

// The numbers are those in the file.
enum class DType : std::uint8_t {
  kFloat32 = 1,
  kFloat64 = 2,
  kInt64 = 3,
  kInt32 = 4,
  kUint8 = 5,
  kFloat16 = 6,
  kBfloat16 = 7,
};
std::size_t bytes_of(DType dtype);

// A tensor's name, shape and bytes; row-major, little-endian. The bytes belong to somebody else.
struct TensorView {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

// A file as it was read, checked to the last byte.
class Container {
 public:
  // Errors: kNotFound; kDataLoss says where the file is damaged or truncated;
  // kUnimplemented when a later version wrote it.
  static Result<Container> read(const std::filesystem::path& path);

  // JSON; what it says is the writer's affair.
  const std::string& description() const { return description_; }
  // In the order of writing. Their bytes live as long as this container.
  std::span<const TensorView> tensors() const { return tensors_; }
  // Null when there is none of this name.
  const TensorView* find(std::string_view name) const;

 private:
  std::vector<std::byte> file_;
  std::string description_;
  std::vector<TensorView> tensors_;
};

// Writes a whole file or none: under another name first, synced, then renamed, and the folder
// synced. An older file of that name stays until the new one is complete.
//
// kResourceExhausted when the disk is full: names the path, the bytes needed and those free.
Result<void> write_container(const std::filesystem::path& path, std::string_view description,
                             std::span<const TensorView> tensors);

}  // namespace dl::worker::train
