// Inception v1 (GoogLeNet, Szegedy et al. 2014) with batch normalisation after every convolution
// in place of biases, and without the auxiliary classifiers, which normalisation made needless.
//
// Each rank normalises by the statistics of its own share of the batch.

#include <array>

#include "worker/train/models/model.h"

namespace dl::worker::train {
namespace {

namespace nn = torch::nn;

nn::Sequential conv(std::int64_t in, std::int64_t out, std::int64_t kernel,
                    std::int64_t stride = 1) {
  nn::Conv2d layer(
      nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
  nn::init::kaiming_normal_(layer->weight, 0, torch::kFanOut, torch::kReLU);
  return nn::Sequential(layer, nn::BatchNorm2d(nn::BatchNorm2dOptions(out).eps(0.001)),
                        nn::ReLU(nn::ReLUOptions(true)));
}

nn::Sequential chain(const nn::Sequential& first, const nn::Sequential& second) {
  nn::Sequential both;
  for (const nn::Sequential& part : {first, second}) {
    for (const nn::AnyModule& layer : *part) both->push_back(layer);
  }
  return both;
}

nn::MaxPool2d pool(std::int64_t kernel, std::int64_t stride) {
  auto options = nn::MaxPool2dOptions(kernel).stride(stride);
  return nn::MaxPool2d(stride == 1 ? options.padding(kernel / 2) : options.ceil_mode(true));
}

// Output channels of a block's branches: 1 x 1; 1 x 1 then 3 x 3; 1 x 1 then 5 x 5; pool, 1 x 1.
struct Widths {
  std::int64_t one, three_in, three, five_in, five, pool;
  std::int64_t sum() const { return one + three + five + pool; }
};

class Inception : public nn::Module {
 public:
  Inception(std::int64_t in, const Widths& w)
      : one_(conv(in, w.one, 1)),
        three_(chain(conv(in, w.three_in, 1), conv(w.three_in, w.three, 3))),
        five_(chain(conv(in, w.five_in, 1), conv(w.five_in, w.five, 5))),
        pool_(conv(in, w.pool, 1)) {
    register_module("branch1", one_);
    register_module("branch3", three_);
    register_module("branch5", five_);
    register_module("branch_pool", pool_);
  }

  torch::Tensor forward(torch::Tensor x) {
    return torch::cat({one_->forward(x), three_->forward(x), five_->forward(x),
                       pool_->forward(torch::max_pool2d(x, 3, 1, 1))},
                      1);
  }

 private:
  nn::Sequential one_;
  nn::Sequential three_;
  nn::Sequential five_;
  nn::Sequential pool_;
};

constexpr std::array<Widths, 9> kBlocks = {{{64, 96, 128, 16, 32, 32},        // 3a
                                            {128, 128, 192, 32, 96, 64},      // 3b, then a pool
                                            {192, 96, 208, 16, 48, 64},       // 4a
                                            {160, 112, 224, 24, 64, 64},      // 4b
                                            {128, 128, 256, 24, 64, 64},      // 4c
                                            {112, 144, 288, 32, 64, 64},      // 4d
                                            {256, 160, 320, 32, 128, 128},    // 4e, then a pool
                                            {256, 160, 320, 32, 128, 128},    // 5a
                                            {384, 192, 384, 48, 128, 128}}};  // 5b

class InceptionV1 : public Model {
 public:
  InceptionV1(const ModelSpec& spec, const SampleShape& shape) : dropout_(spec.dropout) {
    features_->extend(*conv(shape.channels, 64, 7, 2));
    features_->push_back(pool(3, 2));
    features_->extend(*conv(64, 64, 1));
    features_->extend(*conv(64, 192, 3));
    features_->push_back(pool(3, 2));
    std::int64_t in = 192;
    for (std::size_t i = 0; i < kBlocks.size(); ++i) {
      features_->push_back(Inception(in, kBlocks[i]));
      in = kBlocks[i].sum();
      if (i == 1) features_->push_back(pool(3, 2));
      if (i == 6) features_->push_back(pool(2, 2));
    }
    fc_ = nn::Linear(in, spec.classes);
    register_module("features", features_);
    register_module("dropout", dropout_);
    register_module("fc", fc_);
  }

  torch::Tensor forward(torch::Tensor x) override {
    return fc_(dropout_(features_->forward(x).mean({2, 3})));
  }

 private:
  nn::Sequential features_;
  nn::Dropout dropout_;
  nn::Linear fc_{nullptr};
};

}  // namespace

std::shared_ptr<Model> make_inception_v1(const ModelSpec& spec, const SampleShape& shape) {
  return std::make_shared<InceptionV1>(spec, shape);
}

}  // namespace dl::worker::train
