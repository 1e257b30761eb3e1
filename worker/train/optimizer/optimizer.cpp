#include "worker/train/optimizer/optimizer.h"

namespace dl::worker::train {
namespace {

// A tensor of zeros for each parameter, named after it.
class Slot {
 public:
  Slot(std::string name, const std::vector<NamedTensor>& parameters) : name_(std::move(name)) {
    for (const NamedTensor& parameter : parameters) {
      names_.push_back(name_ + "." + parameter.name);
      tensors.push_back(torch::zeros_like(parameter.tensor));
    }
  }
  void append_to(std::vector<NamedTensor>& state) const {
    for (std::size_t i = 0; i < tensors.size(); ++i) state.push_back({names_[i], tensors[i]});
  }

  std::vector<torch::Tensor> tensors;

 private:
  std::string name_;
  std::vector<std::string> names_;
};

std::vector<torch::Tensor> tensors_of(const std::vector<NamedTensor>& named) {
  std::vector<torch::Tensor> tensors;
  for (const NamedTensor& one : named) tensors.push_back(one.tensor);
  return tensors;
}

class Sgd : public Optimizer {
 public:
  Sgd(const TrainSpec& spec, const std::vector<NamedTensor>& parameters)
      : spec_(spec), parameters_(tensors_of(parameters)) {
    if (spec.momentum > 0) momentum_.emplace("momentum", parameters);
  }

  void step(const std::vector<torch::Tensor>& gradients, double learning_rate,
            std::uint64_t) override {
    const torch::NoGradGuard no_grad;
    at::_fused_sgd_(parameters_, gradients,
                    momentum_ ? at::TensorList(momentum_->tensors) : at::TensorList(),
                    spec_.weight_decay, spec_.momentum, learning_rate, /*dampening=*/0,
                    spec_.nesterov && spec_.momentum > 0, /*maximize=*/false,
                    /*is_first_step=*/false);
  }

  std::vector<NamedTensor> state() const override {
    std::vector<NamedTensor> state;
    if (momentum_) momentum_->append_to(state);
    return state;
  }

 private:
  TrainSpec spec_;
  std::vector<torch::Tensor> parameters_;
  std::optional<Slot> momentum_;
};

// Adam with weight decay as a part of the gradient, or decoupled from it (AdamW).
class Adam : public Optimizer {
 public:
  Adam(const TrainSpec& spec, const std::vector<NamedTensor>& parameters, bool decoupled)
      : spec_(spec),
        decoupled_(decoupled),
        parameters_(tensors_of(parameters)),
        mean_("mean", parameters),
        square_("square", parameters),
        counts_(parameters.size(),
                torch::zeros({}, parameters.front().tensor.options().requires_grad(false))) {}

  void step(const std::vector<torch::Tensor>& gradients, double learning_rate,
            std::uint64_t step) override {
    const torch::NoGradGuard no_grad;
    counts_.front().fill_(static_cast<double>(step + 1));  // One tensor stands for all of them.
    const auto update = [&](auto kernel) {
      kernel(parameters_, gradients, mean_.tensors, square_.tensors, at::TensorList(), counts_,
             learning_rate, spec_.beta1, spec_.beta2, spec_.weight_decay, spec_.epsilon,
             /*amsgrad=*/false, /*maximize=*/false);
    };
    if (decoupled_) {
      update([](auto&&... arguments) { at::_fused_adamw_(arguments...); });
    } else {
      update([](auto&&... arguments) { at::_fused_adam_(arguments...); });
    }
  }

  std::vector<NamedTensor> state() const override {
    std::vector<NamedTensor> state;
    mean_.append_to(state);
    square_.append_to(state);
    return state;
  }

 private:
  TrainSpec spec_;
  bool decoupled_;
  std::vector<torch::Tensor> parameters_;
  Slot mean_;
  Slot square_;
  std::vector<torch::Tensor> counts_;
};

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const TrainSpec& spec,
                                          std::vector<NamedTensor> parameters) {
  if (spec.optimizer == "adam") return std::make_unique<Adam>(spec, parameters, false);
  if (spec.optimizer == "adamw") return std::make_unique<Adam>(spec, parameters, true);
  return std::make_unique<Sgd>(spec, parameters);
}

void clip_gradients(const std::vector<torch::Tensor>& gradients, double limit) {
  const torch::NoGradGuard no_grad;
  torch::Tensor squares = torch::zeros({}, gradients.front().options().dtype(torch::kFloat64));
  for (const torch::Tensor& gradient : gradients) {
    squares.add_(gradient.to(torch::kFloat64).square().sum());
  }
  const double norm = squares.sqrt().item<double>();
  if (norm > limit) {
    for (torch::Tensor gradient : gradients) gradient.mul_(limit / norm);
  }
}

}  // namespace dl::worker::train
