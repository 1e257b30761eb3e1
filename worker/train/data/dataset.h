// A dataset is what a model learns from: samples by number, each an image with its class, or a row
// of ids with its labels.
//
// Datasets are read-only once they are open, so that any number of threads may fill batches from
// one at the same time.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "model/train_spec.h"

namespace dl::worker::train {

// Of one sample as the model gets it: an image of floats, or `ids` whole numbers.
struct SampleShape {
  std::uint32_t channels = 1;
  std::uint32_t height = 1;
  std::uint32_t width = 1;
  std::uint32_t ids = 0;     // Categories or tokens in place of an image; 0: an image.
  std::uint32_t labels = 1;  // Classes to tell a sample: as many as tokens where each has one.

  bool is_image() const { return ids == 0; }
  std::size_t size() const { return is_image() ? std::size_t{channels} * height * width : ids; }
  friend bool operator==(const SampleShape&, const SampleShape&) = default;
};

// What was done to the raw values: (value / 255 - mean) / deviation, where the raw values are
// bytes. A saved model carries it, so that whoever uses the model can do the same.
struct Normalisation {
  double mean = 0;
  double deviation = 1;

  friend bool operator==(const Normalisation&, const Normalisation&) = default;
};

// Where the samples of a batch go, one after another.
struct BatchMemory {
  float* images = nullptr;         // shape().size() each: channel, row, column.
  std::int64_t* ids = nullptr;     // Or shape().ids each.
  std::int64_t* labels = nullptr;  // shape().labels each.
};

class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual std::uint64_t size() const = 0;
  virtual SampleShape shape() const = 0;
  virtual Normalisation normalisation() const { return {}; }

  // Writes the samples `indexes` one after another. Called by several threads at once.
  virtual void fill(std::span<const std::uint32_t> indexes, const BatchMemory& to) const = 0;
};

// Training samples and held-out ones, of the same shape.
struct Splits {
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> validation;
};

struct DatasetRequest {
  DataSpec spec;
  std::uint32_t classes = 10;
  std::uint64_t seed = 1;           // synthetic: of the patterns.
  std::uint32_t smallest_side = 1;  // Smaller images get a border of raw zeros, evenly around them.
  // Of a model that reads ids: values of each field, or the tokens there are and how many a sample
  // has. Empty and 0 for a model of images.
  std::vector<std::uint32_t> categories = {};
  std::uint32_t vocabulary = 0;
  std::uint32_t context = 0;
};

// Opens what `spec.format` names. Errors say which file is wrong and what to do about it; all of
// them are for the job's owner to mend.
Result<Splits> open_dataset(const DatasetRequest& request);

}  // namespace dl::worker::train
