// The models a job may name: one file each in this folder.
//
// A model maps images (samples × channels × height × width) to one score a class. Its parameters
// depend on its spec and a seed alone: every rank makes the same ones.

#pragma once

#include <torch/torch.h>

#include <memory>

#include "base/result.h"
#include "model/job_spec.h"
#include "worker/train/data/dataset.h"

namespace dl::worker::train {

class Model : public torch::nn::Module {
 public:
  virtual torch::Tensor forward(torch::Tensor images) = 0;
};

// Smallest height and width that the model called `name` can take; smaller images get a border.
std::uint32_t smallest_side(const std::string& name);

// kInvalidArgument when no model has this name, or the images are too small for it.
Result<std::shared_ptr<Model>> make_model(const ModelSpec& spec, const SampleShape& shape,
                                          std::uint64_t seed);

// One function a file. `shape` is large enough.
std::shared_ptr<Model> make_mlp(const ModelSpec& spec, const SampleShape& shape);
std::shared_ptr<Model> make_lenet(const ModelSpec& spec, const SampleShape& shape);
std::shared_ptr<Model> make_resnet18(const ModelSpec& spec, const SampleShape& shape);
std::shared_ptr<Model> make_inception_v1(const ModelSpec& spec, const SampleShape& shape);
std::shared_ptr<Model> make_vgg19(const ModelSpec& spec, const SampleShape& shape);

}  // namespace dl::worker::train
