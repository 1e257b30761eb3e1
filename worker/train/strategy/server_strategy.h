// What all strategies over parameter servers share: the line to the servers, the model as one
// vector, the moment in which all workers have the servers' values, and what is published.
//
// The servers' values are called the centre. In hybrid a group trains as one worker: its ranks have
// the same values, take steps along the sum of their gradients, and the first of them speaks with
// the servers. The others do all of it but the speaking.

#pragma once

#include "worker/train/strategy/flat_model.h"
#include "worker/train/strategy/server_line.h"
#include "worker/train/strategy/stopwatch.h"
#include "worker/train/strategy/strategy.h"

namespace dl::worker::train {

class ServerStrategy : public Strategy {
 public:
  explicit ServerStrategy(const StrategyContext& context);

  // Joins the servers, which take rank 0's values unless they have some from before.
  Outcome<std::uint64_t> resume(std::uint64_t step) override;
  // Ranks are not in step: rank 0's loss stands for all, its part of its group's for the group's.
  double mean_loss(const torch::Tensor& part) override {
    return part.item<double>() * line_.group_size();
  }
  Outcome<void> enter_consensus() override;
  Outcome<void> finish() override;

  std::vector<Scalar> metrics() override;
  std::vector<Scalar> consensus_metrics() override;

 protected:
  // After the servers' values have come to the replica for the first time. Returns the step to
  // begin with.
  virtual Outcome<std::uint64_t> joined(const paramserver::Standing& standing,
                                        std::uint64_t step) = 0;
  // Sends what this worker has not sent yet. At its end nothing is under way.
  virtual Outcome<void> flush() { return line_.wait(); }
  // The replica has just become the centre.
  virtual void adopted() {}

  // Gradients in model().gradients: of the sum of the losses of this rank's samples ÷ divisor, and
  // in hybrid of those of its whole group.
  torch::Tensor backward(const Samples& samples, std::uint32_t divisor);
  // What a strategy takes the mean over that lets workers train apart: the samples of this rank, in
  // hybrid about those of its group.
  std::uint32_t own_count(const Samples& samples) const;
  // In hybrid, makes the replicas of the group equal to its leader's, which has spoken with the
  // servers.
  void share_in_group();
  // Waits for what is under way, then makes the replica the centre.
  Outcome<void> pull_centre();

  FlatModel& model() { return model_; }
  ServerLine& line() { return line_; }
  // Zeros in the memory of this machine, as many as the model has values: what travels.
  torch::Tensor make_message() const { return torch::zeros({model_.values.numel()}); }
  static std::span<float> span_of(const torch::Tensor& message) {
    return {message.data_ptr<float>(), static_cast<std::size_t>(message.numel())};
  }

 private:
  void wait_for_all();

  FlatModel model_;
  torch::Tensor centre_;  // As it was pulled.
  ServerLine& line_;
  SecondsMeter computed_;
};

// ps and hybrid: one of the others, by what the job's algorithm has workers push.
std::unique_ptr<Strategy> make_ps(const StrategyContext& context);
std::unique_ptr<Strategy> make_gradient_push(const StrategyContext& context);
std::unique_ptr<Strategy> make_delta_push(const StrategyContext& context);
std::unique_ptr<Strategy> make_elastic(const StrategyContext& context);

}  // namespace dl::worker::train
