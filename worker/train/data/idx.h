// IDX files: MNIST's format, a big-endian header of magic number and dimensions, then bytes.
//
// A folder holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
// t10k-labels-idx1-ubyte, each as it is or compressed (.gz).

#pragma once

#include <filesystem>
#include <vector>

#include "worker/train/data/dataset.h"

namespace dl::worker::train {

// The two kinds of file, by their magic number: unsigned bytes of three or of one dimension.
enum class IdxKind : std::uint32_t { kImages = 0x00000803, kLabels = 0x00000801 };

struct IdxFile {
  std::vector<std::uint32_t> dimensions;  // Samples first.
  std::vector<std::uint8_t> bytes;        // As many as the product of the dimensions.
};

// Reads a whole file, plain or gzip. The message of an error begins "data file <path>: ".
Result<IdxFile> read_idx(const std::filesystem::path& path, IdxKind kind);

// The training set and the held-out set: the t10k files, or the last
// `spec.validation_samples` training samples. Pixels are normalised by the mean and the standard
// deviation of all training images in the file.
Result<Splits> open_idx(const DatasetRequest& request);

}  // namespace dl::worker::train
