#include "scheduler/search/analysis/forest.h"

#include <algorithm>
#include <optional>

namespace dl::scheduler {
namespace {

struct Split {
  std::size_t axis = 0;
  double gain = 0;               // By which the sum of squared errors falls.
  double cut = 0;                // Numbers: those below go left.
  std::vector<bool> categories;  // Those that go left.
};

// Sum and count of values; the error of a part is Σv² − (Σv)² ÷ n, of which only the second term
// depends on the split.
struct Sum {
  double value = 0;
  double count = 0;

  void add(double v) { value += v, count += 1; }
  double square() const { return count == 0 ? 0 : value * value / count; }
};

class Grower {
 public:
  Grower(std::span<const ForestAxis> axes, std::span<const ForestSample> samples)
      : axes_(axes), samples_(samples) {}

  std::vector<Leaf> grow() {
    Leaf root;
    for (const ForestAxis& axis : axes_)
      root.sides.push_back({.categories = std::vector<bool>(axis.weights.size(), true)});
    std::vector<std::uint32_t> all(samples_.size());
    for (std::uint32_t i = 0; i < all.size(); ++i) all[i] = i;
    std::vector<Work> open;
    open.push_back({std::move(root), std::move(all)});
    while (!open.empty()) {
      Work work = std::move(open.back());
      open.pop_back();
      Sum sum;
      for (const auto i : work.members) sum.add(samples_[i].value);
      const auto split = best_split(work, sum);
      if (!split) {
        work.leaf.value = sum.count == 0 ? 0 : sum.value / sum.count;
        leaves_.push_back(std::move(work.leaf));
        continue;
      }
      auto [left, right] = parted(std::move(work), *split);
      open.push_back(std::move(right));
      open.push_back(std::move(left));
    }
    return std::move(leaves_);
  }

 private:
  struct Work {
    Leaf leaf;
    std::vector<std::uint32_t> members;
  };

  double at(std::uint32_t sample, std::size_t axis) const { return samples_[sample].point[axis]; }

  std::optional<Split> best_split(Work& work, const Sum& sum) const {
    const double first = samples_[work.members.front()].value;
    const auto same = [&](auto i) { return samples_[i].value == first; };
    if (std::all_of(work.members.begin(), work.members.end(), same)) return std::nullopt;
    std::optional<Split> best;
    for (std::size_t axis = 0; axis < axes_.size(); ++axis) {
      auto split =
          axes_[axis].is_category() ? best_categories(work, sum, axis) : best_cut(work, sum, axis);
      if (split && (!best || split->gain > best->gain)) best = std::move(split);
    }
    return best;
  }

  std::optional<Split> best_cut(Work& work, const Sum& sum, std::size_t axis) const {
    auto& members = work.members;
    std::sort(members.begin(), members.end(), [&](auto a, auto b) {
      return at(a, axis) != at(b, axis) ? at(a, axis) < at(b, axis) : a < b;
    });
    std::optional<Split> best;
    Sum left;
    for (std::size_t k = 0; k + 1 < members.size(); ++k) {
      left.add(samples_[members[k]].value);
      const double low = at(members[k], axis), high = at(members[k + 1], axis);
      if (low == high) continue;
      const double gain = gain_of(left, sum);
      if (best && gain <= best->gain) continue;
      best = Split{.axis = axis, .gain = gain, .cut = low + (high - low) / 2, .categories = {}};
    }
    return best;
  }

  std::optional<Split> best_categories(const Work& work, const Sum& sum, std::size_t axis) const {
    std::vector<Sum> sums(axes_[axis].weights.size());
    for (const auto i : work.members)
      sums[static_cast<std::size_t>(at(i, axis))].add(samples_[i].value);
    std::vector<std::size_t> order;
    for (std::size_t c = 0; c < sums.size(); ++c) {
      if (sums[c].count > 0) order.push_back(c);
    }
    std::sort(order.begin(), order.end(), [&](auto a, auto b) {
      const double mean_a = sums[a].value / sums[a].count, mean_b = sums[b].value / sums[b].count;
      return mean_a != mean_b ? mean_a < mean_b : a < b;
    });
    std::optional<Split> best;
    std::vector<bool> chosen(sums.size(), false);
    Sum left;
    for (std::size_t k = 0; k + 1 < order.size(); ++k) {
      left.value += sums[order[k]].value;
      left.count += sums[order[k]].count;
      chosen[order[k]] = true;
      const double gain = gain_of(left, sum);
      if (best && gain <= best->gain) continue;
      best = Split{.axis = axis, .gain = gain, .cut = 0, .categories = chosen};
    }
    if (best) adopt_absent(*best, sums);
    return best;
  }

  static double gain_of(const Sum& left, const Sum& all) {
    const Sum right{all.value - left.value, all.count - left.count};
    return left.square() + right.square() - all.square();
  }

  static void adopt_absent(Split& split, const std::vector<Sum>& sums) {
    double left = 0, right = 0;
    for (std::size_t c = 0; c < sums.size(); ++c)
      (split.categories[c] ? left : right) += sums[c].count;
    for (std::size_t c = 0; c < sums.size(); ++c) {
      if (sums[c].count == 0) split.categories[c] = left > right;
    }
  }

  std::pair<Work, Work> parted(Work work, const Split& split) const {
    Work left, right;
    const bool category = axes_[split.axis].is_category();
    for (const auto i : work.members) {
      const double x = at(i, split.axis);
      const bool goes_left =
          category ? split.categories[static_cast<std::size_t>(x)] : x < split.cut;
      (goes_left ? left : right).members.push_back(i);
    }
    left.leaf = work.leaf;
    right.leaf = std::move(work.leaf);
    LeafSide& low = left.leaf.sides[split.axis];
    LeafSide& high = right.leaf.sides[split.axis];
    if (!category) low.high = high.low = split.cut;
    for (std::size_t c = 0; c < split.categories.size(); ++c) {
      low.categories[c] = low.categories[c] && split.categories[c];
      high.categories[c] = high.categories[c] && !split.categories[c];
    }
    return {std::move(left), std::move(right)};
  }

  std::span<const ForestAxis> axes_;
  std::span<const ForestSample> samples_;
  std::vector<Leaf> leaves_;
};

}  // namespace

double LeafSide::measure(const ForestAxis& axis) const {
  if (!axis.is_category()) return high - low;
  double sum = 0;
  for (std::size_t c = 0; c < categories.size(); ++c) {
    if (categories[c]) sum += axis.weights[c];
  }
  return sum;
}

std::vector<Leaf> grow_tree(std::span<const ForestAxis> axes,
                            std::span<const ForestSample> samples) {
  if (samples.empty()) return {};
  return Grower(axes, samples).grow();
}

std::vector<ForestSample> bootstrap(std::span<const ForestSample> samples, RandomStream& random) {
  std::vector<ForestSample> drawn;
  drawn.reserve(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i)
    drawn.push_back(samples[random.below(samples.size())]);
  return drawn;
}

}  // namespace dl::scheduler
