// Rung is a stage of successive halving: the losses of the trials that trained this far, in order.

#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "model/search_spec.h"
#include "scheduler/search/trial.h"

namespace dl::scheduler {

class Rung {
 public:
  explicit Rung(std::uint64_t resource) : resource_(resource) {}

  std::uint64_t resource() const { return resource_; }
  std::size_t size() const { return order_.size(); }

  // The trial's rank from 0. Equal losses rank by trial number.
  std::size_t add(TrialNumber number, double loss);
  // How many are before it, whether it is there itself or not.
  std::size_t rank_of(TrialNumber number, double loss) const;
  // The 1 ÷ reduction quantile of the losses, on a line between two of them where it falls between;
  // +infinity of none.
  double cutoff(std::uint32_t reduction) const;
  // The first `count` in order.
  std::vector<TrialNumber> top(std::size_t count) const;

 private:
  std::uint64_t resource_;
  std::vector<std::pair<double, TrialNumber>> order_;
};

// The resources of the rungs of a bracket that skips the first `skipped`: min · reduction^k below
// max, and max itself. At least one.
std::vector<std::uint64_t> rung_resources(const HalvingSpec& halving, std::uint32_t skipped);

}  // namespace dl::scheduler
