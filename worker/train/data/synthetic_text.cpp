// The text among the synthetic data.

#include "worker/train/data/random.h"
#include "worker/train/data/synthetic.h"

namespace dl::worker::train {
namespace {

constexpr std::uint64_t kClasses = 4;  // Of the token before the last one.

class SyntheticText : public Dataset {
 public:
  SyntheticText(const DatasetRequest& request, std::uint64_t first, std::uint64_t count)
      : vocabulary_(request.vocabulary),
        context_(request.context),
        seed_(request.seed),
        first_(first),
        count_(count) {}

  std::uint64_t size() const override { return count_; }
  SampleShape shape() const override { return {.ids = context_, .labels = context_}; }

  void fill(std::span<const std::uint32_t> indexes, const BatchMemory& to) const override {
    std::int64_t* ids = to.ids;
    std::int64_t* labels = to.labels;
    for (const std::uint32_t index : indexes) {
      Random random(mix(mix(seed_, 4), first_ + index));
      std::uint64_t before = random.below(vocabulary_);
      std::uint64_t last = random.below(vocabulary_);
      for (std::uint32_t i = 0; i < context_; ++i) {
        const std::uint64_t next =
            random.below(8) == 0 ? random.below(vocabulary_) : successor(before, last);
        *ids++ = static_cast<std::int64_t>(last);
        *labels++ = static_cast<std::int64_t>(next);
        before = std::exchange(last, next);
      }
    }
  }

 private:
  std::uint64_t successor(std::uint64_t before, std::uint64_t last) const {
    return mix(mix(seed_, 5), last * kClasses + before % kClasses) % vocabulary_;
  }

  std::uint64_t vocabulary_;
  std::uint32_t context_;
  std::uint64_t seed_;
  std::uint64_t first_;
  std::uint64_t count_;
};

}  // namespace

std::shared_ptr<const Dataset> make_synthetic_text(const DatasetRequest& request,
                                                   std::uint64_t first, std::uint64_t count) {
  return std::make_shared<SyntheticText>(request, first, count);
}

}  // namespace dl::worker::train
