// ResNet-18 (He et al. 2015): a stem, eight residual blocks of two 3 x 3 convolutions each.
//
// Batch normalisation takes its statistics from each rank's own share of the batch, as usual in
// data-parallel training: a run on two workers is not the same as one on a single worker.

#include "worker/train/models/model.h"

namespace dl::worker::train {
namespace {

namespace nn = torch::nn;

nn::Conv2d conv(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  nn::Conv2d layer(
      nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
  nn::init::kaiming_normal_(layer->weight, 0, torch::kFanOut, torch::kReLU);
  return layer;
}

class Block : public nn::Module {
 public:
  Block(std::int64_t in, std::int64_t out, std::int64_t stride)
      : conv1_(conv(in, out, 3, stride)), bn1_(out), conv2_(conv(out, out, 3, 1)), bn2_(out) {
    register_module("conv1", conv1_);
    register_module("bn1", bn1_);
    register_module("conv2", conv2_);
    register_module("bn2", bn2_);
    if (stride != 1 || in != out) {
      shortcut_ = nn::Sequential(conv(in, out, 1, stride), nn::BatchNorm2d(out));
      register_module("downsample", shortcut_);
    }
  }

  torch::Tensor forward(torch::Tensor x) {
    const torch::Tensor around = shortcut_.is_empty() ? x : shortcut_->forward(x);
    x = bn1_(conv1_(x)).relu_();
    x = bn2_(conv2_(x));
    return x.add_(around).relu_();
  }

 private:
  nn::Conv2d conv1_;
  nn::BatchNorm2d bn1_;
  nn::Conv2d conv2_;
  nn::BatchNorm2d bn2_;
  nn::Sequential shortcut_{nullptr};
};

class ResNet18 : public Model {
 public:
  ResNet18(const ModelSpec& spec, const SampleShape& shape)
      : conv1_(nn::Conv2dOptions(shape.channels, 64, 7).stride(2).padding(3).bias(false)),
        bn1_(64),
        fc_(512, spec.classes) {
    nn::init::kaiming_normal_(conv1_->weight, 0, torch::kFanOut, torch::kReLU);
    std::int64_t in = 64;
    for (const std::int64_t out : {64, 128, 256, 512}) {
      blocks_->push_back(Block(in, out, out == 64 ? 1 : 2));
      blocks_->push_back(Block(out, out, 1));
      in = out;
    }
    register_module("conv1", conv1_);
    register_module("bn1", bn1_);
    register_module("blocks", blocks_);
    register_module("fc", fc_);
  }

  torch::Tensor forward(torch::Tensor x) override {
    x = bn1_(conv1_(x)).relu_();
    x = torch::max_pool2d(x, 3, 2, 1);
    x = blocks_->forward(x);
    return fc_(x.mean({2, 3}));
  }

 private:
  nn::Conv2d conv1_;
  nn::BatchNorm2d bn1_;
  nn::Sequential blocks_;
  nn::Linear fc_;
};

}  // namespace

std::shared_ptr<Model> make_resnet18(const ModelSpec& spec, const SampleShape& shape) {
  return std::make_shared<ResNet18>(spec, shape);
}

}  // namespace dl::worker::train
