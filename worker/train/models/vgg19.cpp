// VGG-19 (Simonyan and Zisserman 2014): sixteen 3 x 3 convolutions, three linear layers that hold
// most of its 144 million parameters, which makes it the hard case for gradient exchange.

#include <array>

#include "worker/train/models/model.h"

namespace dl::worker::train {
namespace {

namespace nn = torch::nn;

// Output channels; 0 halves height and width.
constexpr std::array<int, 21> kLayers = {64,  64,  0,   128, 128, 0,   256, 256, 256, 256, 0,
                                         512, 512, 512, 512, 0,   512, 512, 512, 512, 0};

nn::Linear linear(std::int64_t in, std::int64_t out) {
  nn::Linear layer(in, out);
  nn::init::normal_(layer->weight, 0, 0.01);
  nn::init::zeros_(layer->bias);
  return layer;
}

class Vgg19 : public Model {
 public:
  Vgg19(const ModelSpec& spec, const SampleShape& shape) {
    std::int64_t in = shape.channels;
    for (const int out : kLayers) {
      if (out == 0) {
        features_->push_back(nn::MaxPool2d(nn::MaxPool2dOptions(2).stride(2)));
        continue;
      }
      nn::Conv2d layer(nn::Conv2dOptions(in, out, 3).padding(1));
      nn::init::kaiming_normal_(layer->weight, 0, torch::kFanOut, torch::kReLU);
      nn::init::zeros_(layer->bias);
      features_->push_back(layer);
      features_->push_back(nn::ReLU(nn::ReLUOptions(true)));
      in = out;
    }
    // Images of other sizes than 224 x 224 are brought to the 7 x 7 that the linear layers expect.
    features_->push_back(nn::AdaptiveAvgPool2d(nn::AdaptiveAvgPool2dOptions({7, 7})));
    features_->push_back(nn::Flatten());
    for (const std::int64_t width : {in * 7 * 7, std::int64_t{4096}}) {
      features_->push_back(linear(width, 4096));
      features_->push_back(nn::ReLU(nn::ReLUOptions(true)));
      if (spec.dropout > 0) features_->push_back(nn::Dropout(spec.dropout));
    }
    features_->push_back(linear(4096, spec.classes));
    register_module("layers", features_);
  }

  torch::Tensor forward(torch::Tensor images) override { return features_->forward(images); }

 private:
  nn::Sequential features_;
};

}  // namespace

std::shared_ptr<Model> make_vgg19(const ModelSpec& spec, const SampleShape& shape) {
  return std::make_shared<Vgg19>(spec, shape);
}

}  // namespace dl::worker::train
