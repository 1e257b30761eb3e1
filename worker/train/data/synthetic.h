// Synthetic data: made from a seed, without a file, for benchmarks and tests. A model can learn it:
// a loss that does not fall is a fault of the training.

#pragma once

#include "worker/train/data/dataset.h"

namespace dl::worker::train {

// What the model takes: images, clicks where the request has categories, text where it has a
// vocabulary. `spec.samples` training samples; as held-out samples `spec.validation_samples`, or a
// tenth of the training samples when that is 0. Sample i of a seed is always the same.
Result<Splits> make_synthetic(const DatasetRequest& request);

// Samples [first, first + count) of each kind. Whoever makes several of one request gets datasets
// that follow the same rule.

// Every class has a coarse pattern of its own, and every image is its class's pattern under noise.
std::shared_ptr<const Dataset> make_synthetic_images(const DatasetRequest& request,
                                                     std::uint64_t first, std::uint64_t count);

// Rows of a click log: a category of each field, small numbers far more often than large ones, and
// whether there was a click (1) or none (0). Each category speaks for or against a click, as do
// certain pairs of neighbouring fields; a tenth of the labels are wrong.
std::shared_ptr<const Dataset> make_synthetic_clicks(const DatasetRequest& request,
                                                     std::uint64_t first, std::uint64_t count);

// Sequences of tokens, each labelled with the next. That follows from the one before it and the
// class, of four, of the one before that; an eighth of the tokens are drawn at random.
std::shared_ptr<const Dataset> make_synthetic_text(const DatasetRequest& request,
                                                   std::uint64_t first, std::uint64_t count);

}  // namespace dl::worker::train
