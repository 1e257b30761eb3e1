// LeNet as it is used since ReLU and max-pooling: two convolutions of 5 x 5, two linear layers.
// The widths are multiples of 16, which convolutions on CPUs are fast at.

#include "worker/train/models/model.h"

namespace dl::worker::train {
namespace {

constexpr std::int64_t kFirst = 16;
constexpr std::int64_t kSecond = 64;
constexpr std::int64_t kHidden = 128;

// Rows or columns after two convolutions of 5 x 5 without padding, each halved by its pooling.
std::int64_t side_after(std::int64_t side) { return ((side - 4) / 2 - 4) / 2; }

class LeNet : public Model {
 public:
  LeNet(const ModelSpec& spec, const SampleShape& shape)
      : conv1_(torch::nn::Conv2dOptions(shape.channels, kFirst, 5)),
        conv2_(torch::nn::Conv2dOptions(kFirst, kSecond, 5)),
        fc1_(kSecond * side_after(shape.height) * side_after(shape.width), kHidden),
        dropout_(spec.dropout),
        fc2_(kHidden, spec.classes) {
    register_module("conv1", conv1_);
    register_module("conv2", conv2_);
    register_module("fc1", fc1_);
    register_module("dropout", dropout_);
    register_module("fc2", fc2_);
  }

  torch::Tensor forward(torch::Tensor x) override {
    // Pooling before ReLU gives the same and leaves ReLU a quarter of the work.
    x = torch::max_pool2d(conv1_(x), 2).relu_();
    x = torch::max_pool2d(conv2_(x), 2).relu_();
    x = fc1_(x.flatten(1)).relu_();
    return fc2_(dropout_(x));
  }

 private:
  torch::nn::Conv2d conv1_;
  torch::nn::Conv2d conv2_;
  torch::nn::Linear fc1_;
  torch::nn::Dropout dropout_;
  torch::nn::Linear fc2_;
};

}  // namespace

std::shared_ptr<Model> make_lenet(const ModelSpec& spec, const SampleShape& shape) {
  return std::make_shared<LeNet>(spec, shape);
}

}  // namespace dl::worker::train
