// The click log among the synthetic data.

#include <cmath>

#include "worker/train/data/random.h"
#include "worker/train/data/synthetic.h"

namespace dl::worker::train {
namespace {

class SyntheticClicks : public Dataset {
 public:
  SyntheticClicks(const DatasetRequest& request, std::uint64_t first, std::uint64_t count)
      : categories_(request.categories), seed_(request.seed), first_(first), count_(count) {}

  std::uint64_t size() const override { return count_; }
  SampleShape shape() const override {
    return {.ids = static_cast<std::uint32_t>(categories_.size())};
  }

  void fill(std::span<const std::uint32_t> indexes, const BatchMemory& to) const override {
    std::int64_t* ids = to.ids;
    std::int64_t* labels = to.labels;
    for (const std::uint32_t index : indexes) {
      Random random(mix(mix(seed_, 2), first_ + index));
      for (std::size_t field = 0; field < categories_.size(); ++field) {
        ids[field] = draw(random, categories_[field]);
      }
      const bool wrong = random.below(10) == 0;
      *labels++ = (opinion({ids, categories_.size()}) > 0) != wrong ? 1 : 0;
      ids += categories_.size();
    }
  }

 private:
  // Density falls with the number: the first eighth has half of the draws.
  static std::int64_t draw(Random& random, std::uint32_t categories) {
    const double u = static_cast<double>(random.next() >> 11) / 9007199254740992.0;  // 2^53.
    return static_cast<std::int64_t>(u * u * u * categories);
  }

  // What the row says together: above 0 it is a click.
  double opinion(std::span<const std::int64_t> ids) const {
    double sum = 0;
    for (std::size_t field = 0; field < ids.size(); ++field) {
      const auto id = static_cast<std::uint64_t>(ids[field]);
      sum += weight(field * 2, id);
      if (field > 0) {
        const auto before = static_cast<std::uint64_t>(ids[field - 1]);
        sum += weight(field * 2 + 1, before % 4 * 4 + id % 4);
      }
    }
    return sum;
  }

  double weight(std::uint64_t table, std::uint64_t row) const {
    return static_cast<double>(Random(mix(mix(seed_, 3), table << 32 | row)).symmetric());
  }

  std::vector<std::uint32_t> categories_;
  std::uint64_t seed_;
  std::uint64_t first_;
  std::uint64_t count_;
};

}  // namespace

std::shared_ptr<const Dataset> make_synthetic_clicks(const DatasetRequest& request,
                                                     std::uint64_t first, std::uint64_t count) {
  return std::make_shared<SyntheticClicks>(request, first, count);
}

}  // namespace dl::worker::train
