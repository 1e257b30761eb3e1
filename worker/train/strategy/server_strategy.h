// What all strategies over parameter servers share: the line to the servers, the model as one
// vector, the moment in which all workers have the servers' values, and what is published.
//
// The servers' values are called the centre. In hybrid a group trains as one worker: its ranks have
// the same values, take steps along the sum of their gradients, and the first of them speaks with
// the servers. The others do all of it but the speaking.

#pragma once

#include "worker/train/strategy/flat_model.h"
#include "worker/train/strategy/row_exchange.h"
#include "worker/train/strategy/server_line.h"
#include "worker/train/strategy/stopwatch.h"
#include "worker/train/strategy/strategy.h"

namespace dl::worker::train {

class ServerStrategy : public Strategy {
 public:
  // Of the parameters called `tables` rows travel alone: rows() has them, and the messages below
  // what is left of the model.
  explicit ServerStrategy(const StrategyContext& context,
                          const std::vector<std::string>& tables = {});

  // Joins the servers, which take rank 0's values unless they have some from before.
  Outcome<std::uint64_t> resume(std::uint64_t step) override;
  // Ranks are not in step: rank 0's loss stands for all, its part of its group's for the group's.
  double mean_loss(const torch::Tensor& part) override {
    return part.item<double>() * line_.group_size();
  }
  Outcome<void> enter_consensus() override;
  std::optional<std::uint64_t> stops_at(bool stopping, std::uint64_t step) override;
  Outcome<void> finish() override;

  std::vector<Scalar> metrics() override;
  std::vector<Scalar> consensus_metrics() override;

 protected:
  static constexpr paramserver::TableId kDense = 0;  // The others are those of rows().

  // After the servers' values have come to the replica for the first time. `step` is the
  // checkpoint's; returns the one to begin with. Collective.
  virtual Outcome<std::uint64_t> joined(std::uint64_t step) = 0;
  // The servers know more pushes than any checkpoint, when a push's position is its step: the first
  // step that some worker has not pushed. Others take steps before acknowledged() as well, and
  // push nothing. Collective.
  std::uint64_t first_unacknowledged(std::uint64_t step);
  std::uint64_t acknowledged() const { return acknowledged_; }
  // may_stop() of ranks that wait for each other now and then: they agree after the same steps, but
  // not after each, whatever they had pushed before a restart. `step`: as many have been taken.
  bool may_stop_together(std::uint64_t step, bool told) const;
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
  // "rank 1's gradient of fc.weight", when gradient number `bad` of the last backward() is not
  // finite. In hybrid collective in the group.
  std::string culprit(std::size_t bad);
  // The same for a Descent along them.
  Agreement agreement();
  // In hybrid, makes the replicas of the group equal to its leader's, which has spoken with the
  // servers.
  void share_in_group();
  // Waits for what is under way, then makes the replica the centre.
  Outcome<void> pull_centre();

  FlatModel& model() { return model_; }
  ServerLine& line() { return line_; }
  RowExchange& rows() { return rows_; }
  // What travels whole: the model, or what is left of it beside the tables.
  torch::Tensor values() const { return model_.values.narrow(0, 0, dense_); }
  torch::Tensor gradients() const { return model_.gradients.narrow(0, 0, dense_); }
  // Zeros in the memory of this machine, as many as those.
  torch::Tensor make_message() const { return torch::zeros({dense_}); }
  static std::span<float> span_of(const torch::Tensor& message) {
    return {message.data_ptr<float>(), static_cast<std::size_t>(message.numel())};
  }

 private:
  void wait_for_all();
  std::string culprit_in_group();
  paramserver::Tables tables() const;
  std::span<float> dense_centre() const { return span_of(centre_.narrow(0, 0, dense_)); }
  std::span<float> rows_of_centre() const {
    return span_of(centre_.narrow(0, dense_, rows_.elements()));
  }

  RowExchange rows_;
  FlatModel model_;  // Tables last.
  const std::int64_t dense_;
  torch::Tensor centre_;  // As it was pulled, tables last.
  ServerLine& line_;
  std::uint64_t acknowledged_ = 0;    // Steps whose pushes the servers have from this group.
  const Samples* samples_ = nullptr;  // Of the last backward().
  SecondsMeter computed_;
};

// ps and hybrid: one of the others, by what the job's algorithm has workers push.
std::unique_ptr<Strategy> make_ps(const StrategyContext& context);
std::unique_ptr<Strategy> make_gradient_push(const StrategyContext& context);
std::unique_ptr<Strategy> make_delta_push(const StrategyContext& context);
std::unique_ptr<Strategy> make_elastic(const StrategyContext& context);

}  // namespace dl::worker::train
