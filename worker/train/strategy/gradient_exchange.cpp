#include "worker/train/strategy/gradient_exchange.h"

#include <algorithm>

namespace dl::worker::train {

GradientExchange::GradientExchange(Replica& replica, const Gang& gang, std::uint32_t bucket_bytes)
    : replica_(replica),
      group_(gang.group()),
      bucket_bytes_(bucket_bytes),
      world_size_(gang.size()) {}

void GradientExchange::set_hook(MakeHook hook) {
  make_hook_ = std::move(hook);
  reducer_.reset();
}

void GradientExchange::set_bucket_bytes(std::uint32_t bucket_bytes) {
  if (bucket_bytes != bucket_bytes_) reducer_.reset();
  bucket_bytes_ = bucket_bytes;
}

void GradientExchange::make_reducer() {
  const std::vector<torch::Tensor> parameters = tensors_of(replica_.parameters());
  // A small first bucket lets the exchange begin early. Gradients come in reverse order.
  const std::size_t first = std::min<std::size_t>(bucket_bytes_, c10d::kDefaultFirstBucketBytes);
  auto [buckets, limits] =
      c10d::compute_bucket_assignment_by_size(parameters, {first, bucket_bytes_});
  std::reverse(buckets.begin(), buckets.end());
  buckets_ = buckets;
  std::unordered_map<std::size_t, std::string> names;
  for (std::size_t i = 0; i < parameters.size(); ++i) names[i] = replica_.parameters()[i].name;
  reducer_ = std::make_unique<c10d::Reducer>(
      parameters, buckets, group_, std::vector<bool>(parameters.size(), false), bucket_bytes_,
      /*find_unused_parameters=*/false, /*gradient_as_bucket_view=*/true, names,
      static_cast<std::int64_t>(first), /*skip_all_reduce_unused_params=*/false,
      /*use_python_reducer=*/false, std::vector<std::int64_t>{});
  if (make_hook_) reducer_->register_comm_hook(make_hook_());
  fresh_ = true;
}

torch::Tensor GradientExchange::backward(const Samples& samples) {
  if (!active()) return replica_.backward(samples, {.divisor = samples.global_count, .anew = true});
  if (!reducer_) make_reducer();
  // Without a hook the reducer divides by the number of ranks what it sums over them.
  const torch::Tensor part =
      replica_.backward(samples, {.divisor = samples.global_count,
                                  .scale = make_hook_ ? 1.0 : world_size_,
                                  .before_last = [this] { reducer_->prepare_for_backward({}); },
                                  .anew = true});
  if (fresh_) keep_bucket_order();
  return part;
}

// The reducer wants to order its buckets anew after the first step. A resumed run would then sum
// its first step in another order than the uninterrupted one, so the buckets are put back.
void GradientExchange::keep_bucket_order() {
  if (reducer_->rebuild_buckets()) reducer_->initialize_buckets(buckets_);
  replica_.forget_gradients();
  fresh_ = false;
}

}  // namespace dl::worker::train
