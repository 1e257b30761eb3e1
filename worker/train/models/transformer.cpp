// A decoder-only transformer that predicts each token from those before it: GPT-2's layers
// (Radford et al. 2019), that is layer normalisation before each part, GELU, learned positions, and
// the token embedding once more as the output layer. With vocabulary 50257, context 1024, width
// 768, 12 layers and 12 heads it is GPT-2 small.

#include <cmath>

#include "worker/train/models/model.h"

namespace dl::worker::train {
namespace {

namespace nn = torch::nn;

constexpr double kDeviation = 0.02;  // Of initial weights.

nn::LayerNorm norm(std::int64_t width) { return nn::LayerNorm(nn::LayerNormOptions({width})); }

nn::Linear linear(std::int64_t in, std::int64_t out, double deviation = kDeviation) {
  nn::Linear layer(in, out);
  nn::init::normal_(layer->weight, 0, deviation);
  nn::init::zeros_(layer->bias);
  return layer;
}

class Layer : public nn::Module {
 public:
  // What is added to the residual stream starts smaller the more layers add to it.
  explicit Layer(const ModelSpec& spec)
      : heads_(spec.heads),
        dropout_(spec.dropout),
        norm1_(norm(spec.width)),
        attention_(linear(spec.width, 3 * spec.width)),
        projection_(linear(spec.width, spec.width, kDeviation / std::sqrt(2.0 * spec.layers))),
        norm2_(norm(spec.width)),
        up_(linear(spec.width, 4 * spec.width)),
        down_(linear(4 * spec.width, spec.width, kDeviation / std::sqrt(2.0 * spec.layers))) {
    register_module("norm1", norm1_);
    register_module("attention", attention_);
    register_module("projection", projection_);
    register_module("norm2", norm2_);
    register_module("up", up_);
    register_module("down", down_);
  }

  // samples × context × width to the same.
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor y = x + drop(projection_(attend(norm1_(x))));
    return y + drop(down_(torch::gelu(up_(norm2_(y)), "tanh")));
  }

 private:
  torch::Tensor attend(const torch::Tensor& x) {
    const std::int64_t width = x.size(2);
    std::vector<torch::Tensor> parts = attention_(x).split(width, 2);
    for (torch::Tensor& part : parts) {
      part = part.view({x.size(0), x.size(1), heads_, width / heads_}).transpose(1, 2);
    }
    return torch::scaled_dot_product_attention(parts[0], parts[1], parts[2], {},
                                               is_training() ? dropout_ : 0.0,
                                               /*is_causal=*/true)
        .transpose(1, 2)
        .reshape(x.sizes());
  }
  torch::Tensor drop(const torch::Tensor& x) const {
    return dropout_ > 0 ? torch::dropout(x, dropout_, is_training()) : x;
  }

  std::int64_t heads_;
  double dropout_;
  nn::LayerNorm norm1_;
  nn::Linear attention_;
  nn::Linear projection_;
  nn::LayerNorm norm2_;
  nn::Linear up_;
  nn::Linear down_;
};

class Transformer : public Model {
 public:
  explicit Transformer(const ModelSpec& spec)
      : dropout_(spec.dropout),
        tokens_(spec.vocabulary, spec.width),
        positions_(spec.context, spec.width),
        norm_(norm(spec.width)) {
    nn::init::normal_(tokens_->weight, 0, kDeviation);
    nn::init::normal_(positions_->weight, 0, kDeviation);
    for (std::uint32_t i = 0; i < spec.layers; ++i) layers_->push_back(Layer(spec));
    register_module("tokens", tokens_);
    register_module("positions", positions_);
    register_module("layers", layers_);
    register_module("norm", norm_);
  }

  torch::Tensor forward(torch::Tensor ids) override {
    torch::Tensor x = tokens_(ids) + positions_->weight.slice(0, 0, ids.size(1));
    if (dropout_ > 0) x = torch::dropout(x, dropout_, is_training());
    x = norm_(layers_->forward(x));
    return torch::linear(x, tokens_->weight);
  }

  Metric metric() const override { return Metric::kPerplexity; }

 private:
  double dropout_;
  nn::Embedding tokens_;
  nn::Embedding positions_;
  nn::Sequential layers_;
  nn::LayerNorm norm_;
};

}  // namespace

std::shared_ptr<Model> make_transformer(const ModelSpec& spec, const SampleShape&) {
  return std::make_shared<Transformer>(spec);
}

}  // namespace dl::worker::train
