// The models a job may name: a file for each, or for each family.
//
// A model maps its inputs to one score a class and label: images (samples × channels × height ×
// width) or rows of ids (samples × ids) to samples × classes, text (samples × tokens) to samples ×
// tokens × vocabulary. Its parameters depend on its spec and a seed alone: every rank makes the
// same ones.

#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/train_spec.h"
#include "worker/train/data/dataset.h"

namespace dl::worker::train {

// What an evaluation measures besides loss and accuracy.
enum class Metric {
  kNone,
  kAuc,         // Area under the ROC curve of class 1's score.
  kPerplexity,  // e^loss: the tokens that it wavers between.
};

class Model : public torch::nn::Module {
 public:
  virtual torch::Tensor forward(torch::Tensor inputs) = 0;
  virtual Metric metric() const { return Metric::kNone; }

  // Parameters that are tables of which forward(inputs) reads a few rows: embeddings. Gradients of
  // all other rows are 0.
  virtual std::vector<std::string> tables() const { return {}; }
  // The rows that it reads, the same of each table; they may repeat. For models with tables.
  virtual torch::Tensor rows_read(const torch::Tensor& inputs) const { return inputs; }
};

// Smallest height and width that the model called `name` can take; smaller images get a border.
std::uint32_t smallest_side(const std::string& name);

// The data of `data` as `model` reads it; `seed` makes what is synthetic.
DatasetRequest dataset_request(const ModelSpec& model, const DataSpec& data, std::uint64_t seed);

// kInvalidArgument when no model has this name, or samples of this shape are not what it takes.
Result<std::shared_ptr<Model>> make_model(const ModelSpec& spec, const SampleShape& shape,
                                          std::uint64_t seed);

// `shape` is large enough.
std::shared_ptr<Model> make_mlp(const ModelSpec& spec, const SampleShape& shape);
std::shared_ptr<Model> make_lenet(const ModelSpec& spec, const SampleShape& shape);
std::shared_ptr<Model> make_resnet18(const ModelSpec& spec, const SampleShape& shape);
std::shared_ptr<Model> make_resnet50(const ModelSpec& spec, const SampleShape& shape);
std::shared_ptr<Model> make_inception_v1(const ModelSpec& spec, const SampleShape& shape);
std::shared_ptr<Model> make_vgg19(const ModelSpec& spec, const SampleShape& shape);
std::shared_ptr<Model> make_wide_deep(const ModelSpec& spec, const SampleShape& shape);
std::shared_ptr<Model> make_transformer(const ModelSpec& spec, const SampleShape& shape);

}  // namespace dl::worker::train
