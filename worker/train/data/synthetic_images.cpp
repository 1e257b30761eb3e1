// The images among the synthetic data.

#include <algorithm>

#include "worker/train/data/random.h"
#include "worker/train/data/synthetic.h"

namespace dl::worker::train {
namespace {

constexpr std::uint32_t kCells = 7;  // Of a pattern, in each direction.
constexpr std::size_t kNoise = std::size_t{1} << 18;

// The noise is a table read from a place that depends on the
// sample, because making a random number for every pixel would be slower than a GPU trains.
struct Source {
  SampleShape shape;
  std::uint32_t classes = 0;
  std::uint64_t seed = 0;
  std::vector<float> patterns;  // classes × channels × kCells × kCells
  std::vector<float> noise;     // kNoise and, behind them, the first ones again for one row.

  explicit Source(const DatasetRequest& request)
      : shape{request.spec.shape[0], request.spec.shape[1], request.spec.shape[2]},
        classes(request.classes),
        seed(request.seed) {
    shape.height = std::max(shape.height, request.smallest_side);
    shape.width = std::max(shape.width, request.smallest_side);
    Random random(mix(seed, 1));
    patterns.resize(std::size_t{classes} * shape.channels * kCells * kCells);
    for (float& value : patterns) value = random.symmetric();
    noise.resize(kNoise + shape.width);
    for (std::size_t i = 0; i < kNoise; ++i) noise[i] = 2.0f * random.symmetric();
    for (std::size_t i = kNoise; i < noise.size(); ++i) noise[i] = noise[i % kNoise];
  }
};

class SyntheticImages : public Dataset {
 public:
  SyntheticImages(std::shared_ptr<const Source> source, std::uint64_t first, std::uint64_t count)
      : source_(std::move(source)), first_(first), count_(count) {}

  std::uint64_t size() const override { return count_; }
  SampleShape shape() const override { return source_->shape; }

  void fill(std::span<const std::uint32_t> indexes, const BatchMemory& to) const override {
    float* images = to.images;
    std::int64_t* labels = to.labels;
    for (const std::uint32_t index : indexes) {
      const std::uint64_t sample = first_ + index;
      const std::uint64_t label = sample % source_->classes;
      fill_image(sample, label, images);
      images += source_->shape.size();
      *labels++ = static_cast<std::int64_t>(label);
    }
  }

 private:
  void fill_image(std::uint64_t sample, std::uint64_t label, float* to) const {
    const SampleShape& shape = source_->shape;
    std::uint64_t place = mix(source_->seed, sample);
    for (std::uint32_t channel = 0; channel < shape.channels; ++channel) {
      const float* pattern =
          &source_->patterns[(label * shape.channels + channel) * kCells * kCells];
      for (std::uint32_t row = 0; row < shape.height; ++row) {
        const float* cells = pattern + row * kCells / shape.height * kCells;
        place = mix(place);
        const float* noise = &source_->noise[place % kNoise];
        for (std::uint32_t column = 0; column < shape.width; ++column) {
          *to++ = cells[column * kCells / shape.width] + noise[column];
        }
      }
    }
  }

  std::shared_ptr<const Source> source_;
  std::uint64_t first_;
  std::uint64_t count_;
};

}  // namespace

std::shared_ptr<const Dataset> make_synthetic_images(const DatasetRequest& request,
                                                     std::uint64_t first, std::uint64_t count) {
  return std::make_shared<SyntheticImages>(std::make_shared<Source>(request), first, count);
}

}  // namespace dl::worker::train
