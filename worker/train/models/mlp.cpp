// Fully connected layers with ReLU and dropout between them: for small images and quick tests.

#include "worker/train/models/model.h"

namespace dl::worker::train {
namespace {

class Mlp : public Model {
 public:
  Mlp(const ModelSpec& spec, const SampleShape& shape) {
    layers_->push_back(torch::nn::Flatten());
    auto width = static_cast<std::int64_t>(shape.size());
    for (const std::uint32_t hidden : spec.hidden) {
      layers_->push_back(torch::nn::Linear(width, hidden));
      layers_->push_back(torch::nn::ReLU());
      if (spec.dropout > 0) layers_->push_back(torch::nn::Dropout(spec.dropout));
      width = hidden;
    }
    layers_->push_back(torch::nn::Linear(width, spec.classes));
    register_module("layers", layers_);
  }

  torch::Tensor forward(torch::Tensor images) override { return layers_->forward(images); }

 private:
  torch::nn::Sequential layers_;
};

}  // namespace

std::shared_ptr<Model> make_mlp(const ModelSpec& spec, const SampleShape& shape) {
  return std::make_shared<Mlp>(spec, shape);
}

}  // namespace dl::worker::train
