#include "worker/train/data/sampler.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "base/assert.h"
#include "worker/train/data/random.h"

namespace dl::worker::train {

Sampler::Sampler(const SamplerOptions& options) : options_(options) {
  const std::uint64_t rest = options.samples % options.batch_size;
  steps_ = options.samples / options.batch_size + (rest >= 2ull * options.workers ? 1 : 0);
}

Result<Sampler> Sampler::make(const SamplerOptions& options) {
  DL_ASSERT(options.batch_size >= options.workers && options.workers > 0,
            "the spec makes the batch size a multiple of the workers");
  Sampler sampler(options);
  if (sampler.steps_ == 0) {
    return invalid_argument("the data set has " + std::to_string(options.samples) +
                            " training samples, too few for " + std::to_string(options.workers) +
                            " workers with two each; take fewer workers or more data");
  }
  return sampler;
}

Share Sampler::share(std::uint64_t step, std::uint32_t rank) const {
  DL_ASSERT(step < steps_ && rank < options_.workers, "a step of this epoch, a rank of this gang");
  const std::uint64_t first = step * options_.batch_size;
  const std::uint64_t count =
      std::min<std::uint64_t>(options_.batch_size, options_.samples - first);
  const std::uint64_t begin = count * rank / options_.workers;
  const std::uint64_t end = count * (rank + 1) / options_.workers;
  return {.begin = first + begin,
          .count = static_cast<std::uint32_t>(end - begin),
          .global_count = static_cast<std::uint32_t>(count)};
}

std::vector<std::uint32_t> Sampler::permutation(std::uint64_t epoch) const {
  std::vector<std::uint32_t> order(options_.samples);
  std::iota(order.begin(), order.end(), 0u);
  Random random(mix(options_.seed, epoch));
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

}  // namespace dl::worker::train
