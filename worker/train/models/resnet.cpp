// ResNet-18 and ResNet-50 (He et al. 2015): a stem, then four stages of residual blocks, of two
// 3 x 3 convolutions or of a bottleneck of three. A bottleneck halves the image in its 3 x 3
// convolution and not in the 1 x 1 before it ("v1.5"), as most published figures have it.
//
// Batch normalisation takes its statistics from each rank's own share of the batch, as usual in
// data-parallel training: a run on two workers is not the same as one on a single worker.

#include <array>

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

// What a block adds its input to: that input, brought to the block's shape where that is another.
nn::Sequential shortcut(std::int64_t in, std::int64_t out, std::int64_t stride) {
  if (stride == 1 && in == out) return nn::Sequential();
  return nn::Sequential(conv(in, out, 1, stride), nn::BatchNorm2d(out));
}

class BasicBlock : public nn::Module {
 public:
  static constexpr std::int64_t kExpansion = 1;  // Output channels ÷ width.

  BasicBlock(std::int64_t in, std::int64_t width, std::int64_t stride)
      : conv1_(conv(in, width, 3, stride)),
        bn1_(width),
        conv2_(conv(width, width, 3, 1)),
        bn2_(width),
        shortcut_(shortcut(in, width, stride)) {
    register_module("conv1", conv1_);
    register_module("bn1", bn1_);
    register_module("conv2", conv2_);
    register_module("bn2", bn2_);
    if (!shortcut_->is_empty()) register_module("downsample", shortcut_);
  }

  torch::Tensor forward(torch::Tensor x) {
    const torch::Tensor around = shortcut_->is_empty() ? x : shortcut_->forward(x);
    x = bn1_(conv1_(x)).relu_();
    x = bn2_(conv2_(x));
    return x.add_(around).relu_();
  }

 private:
  nn::Conv2d conv1_;
  nn::BatchNorm2d bn1_;
  nn::Conv2d conv2_;
  nn::BatchNorm2d bn2_;
  nn::Sequential shortcut_;
};

class Bottleneck : public nn::Module {
 public:
  static constexpr std::int64_t kExpansion = 4;

  Bottleneck(std::int64_t in, std::int64_t width, std::int64_t stride)
      : conv1_(conv(in, width, 1, 1)),
        bn1_(width),
        conv2_(conv(width, width, 3, stride)),
        bn2_(width),
        conv3_(conv(width, width * kExpansion, 1, 1)),
        bn3_(width * kExpansion),
        shortcut_(shortcut(in, width * kExpansion, stride)) {
    register_module("conv1", conv1_);
    register_module("bn1", bn1_);
    register_module("conv2", conv2_);
    register_module("bn2", bn2_);
    register_module("conv3", conv3_);
    register_module("bn3", bn3_);
    if (!shortcut_->is_empty()) register_module("downsample", shortcut_);
  }

  torch::Tensor forward(torch::Tensor x) {
    const torch::Tensor around = shortcut_->is_empty() ? x : shortcut_->forward(x);
    x = bn1_(conv1_(x)).relu_();
    x = bn2_(conv2_(x)).relu_();
    x = bn3_(conv3_(x));
    return x.add_(around).relu_();
  }

 private:
  nn::Conv2d conv1_;
  nn::BatchNorm2d bn1_;
  nn::Conv2d conv2_;
  nn::BatchNorm2d bn2_;
  nn::Conv2d conv3_;
  nn::BatchNorm2d bn3_;
  nn::Sequential shortcut_;
};

template <class Block>
class ResNet : public Model {
 public:
  // `depths`: blocks of each stage.
  ResNet(const ModelSpec& spec, const SampleShape& shape, const std::array<int, 4>& depths)
      : conv1_(conv(shape.channels, 64, 7, 2)),
        bn1_(64),
        fc_(512 * Block::kExpansion, spec.classes) {
    std::int64_t in = 64;
    for (std::size_t stage = 0; stage < depths.size(); ++stage) {
      const std::int64_t width = std::int64_t{64} << stage;
      for (int i = 0; i < depths[stage]; ++i) {
        blocks_->push_back(Block(in, width, i == 0 && stage > 0 ? 2 : 1));
        in = width * Block::kExpansion;
      }
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
  return std::make_shared<ResNet<BasicBlock>>(spec, shape, std::array{2, 2, 2, 2});
}

std::shared_ptr<Model> make_resnet50(const ModelSpec& spec, const SampleShape& shape) {
  return std::make_shared<ResNet<Bottleneck>>(spec, shape, std::array{3, 4, 6, 3});
}

}  // namespace dl::worker::train
