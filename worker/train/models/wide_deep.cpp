// Wide & deep (Cheng et al. 2016) for click logs: every category of every field has a weight of its
// own (wide) and an embedding, and the embeddings go through hidden layers (deep).
//
// All fields share one table, one behind the other: nearly all of the parameters, of which a batch
// reads a few rows. The gradients of the tables are dense tensors.

#include <numeric>

#include "worker/train/models/model.h"

namespace dl::worker::train {
namespace {

namespace nn = torch::nn;

class WideDeep : public Model {
 public:
  explicit WideDeep(const ModelSpec& spec)
      : rows_(std::accumulate(spec.categories.begin(), spec.categories.end(), std::int64_t{0})),
        wide_(rows_, 1),
        embedding_(rows_, spec.embedding) {
    std::vector<std::int64_t> first;  // Row of each field's first category.
    std::exclusive_scan(spec.categories.begin(), spec.categories.end(), std::back_inserter(first),
                        std::int64_t{0});
    first_row_ = torch::tensor(first, torch::kInt64);
    nn::init::zeros_(wide_->weight);
    nn::init::normal_(embedding_->weight, 0, 0.1);
    auto width = static_cast<std::int64_t>(spec.categories.size() * spec.embedding);
    for (const std::uint32_t hidden : spec.hidden) {
      deep_->push_back(nn::Linear(width, hidden));
      deep_->push_back(nn::ReLU(nn::ReLUOptions(true)));
      if (spec.dropout > 0) deep_->push_back(nn::Dropout(spec.dropout));
      width = hidden;
    }
    deep_->push_back(nn::Linear(width, 1));
    register_module("wide", wide_);
    register_module("embedding", embedding_);
    register_module("deep", deep_);
  }

  torch::Tensor forward(torch::Tensor ids) override {
    const torch::Tensor rows = rows_read(ids);
    const torch::Tensor score = wide_(rows).sum(1) + deep_->forward(embedding_(rows).flatten(1));
    // The score of no click is 0: the softmax of the two is the logistic function of the other.
    return torch::cat({torch::zeros_like(score), score}, 1);
  }

  std::vector<std::string> tables() const override { return {"wide.weight", "embedding.weight"}; }

  torch::Tensor rows_read(const torch::Tensor& ids) const override {
    return ids + first_row_.to(ids.device());
  }

  Metric metric() const override { return Metric::kAuc; }

 private:
  std::int64_t rows_;
  torch::Tensor first_row_;
  nn::Embedding wide_;
  nn::Embedding embedding_;
  nn::Sequential deep_;
};

}  // namespace

std::shared_ptr<Model> make_wide_deep(const ModelSpec& spec, const SampleShape&) {
  return std::make_shared<WideDeep>(spec);
}

}  // namespace dl::worker::train
