#include "scheduler/search/schedule/rung.h"

#include <algorithm>
#include <limits>

namespace dl::scheduler {

std::size_t Rung::add(TrialNumber number, double loss) {
  const std::pair entry(loss, number);
  const std::size_t rank = rank_of(number, loss);
  order_.insert(order_.begin() + static_cast<std::ptrdiff_t>(rank), entry);
  return rank;
}

std::size_t Rung::rank_of(TrialNumber number, double loss) const {
  const auto place = std::lower_bound(order_.begin(), order_.end(), std::pair(loss, number));
  return static_cast<std::size_t>(place - order_.begin());
}

double Rung::cutoff(std::uint32_t reduction) const {
  if (order_.empty()) return std::numeric_limits<double>::infinity();
  const std::size_t last = order_.size() - 1, below = last / reduction, part = last % reduction;
  const double low = order_[below].first, high = order_[std::min(below + 1, last)].first;
  // Multiplied before it is divided, so that losses that are whole numbers meet it exactly.
  return low == high ? low : low + static_cast<double>(part) * (high - low) / reduction;
}

std::vector<TrialNumber> Rung::top(std::size_t count) const {
  std::vector<TrialNumber> numbers;
  for (std::size_t i = 0; i < std::min(count, order_.size()); ++i)
    numbers.push_back(order_[i].second);
  return numbers;
}

std::vector<std::uint64_t> rung_resources(const HalvingSpec& halving, std::uint32_t skipped) {
  std::vector<std::uint64_t> resources;
  std::uint64_t resource = std::max<std::uint64_t>(1, halving.min_resource);
  for (std::uint32_t k = 0; resource < halving.max_resource; ++k) {
    if (k >= skipped) resources.push_back(resource);
    if (resource > halving.max_resource / halving.reduction) break;
    resource *= halving.reduction;
  }
  resources.push_back(halving.max_resource);
  return resources;
}

}  // namespace dl::scheduler
