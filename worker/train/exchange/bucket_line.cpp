#include "worker/train/exchange/bucket_line.h"

#include <algorithm>

#include "worker/collective/c10d_backend.h"

namespace dl::worker::train {
namespace {

double seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Traffic& Traffic::operator+=(const Traffic& other) {
  compressing += other.compressing;
  sending += other.sending;
  exposed += other.exposed;
  bytes_sent += other.bytes_sent;
  bytes_plain += other.bytes_plain;
  return *this;
}

class BucketLine::Hook final : public c10d::CommHookInterface {
 public:
  explicit Hook(BucketLine& line) : line_(line) {}

  c10::intrusive_ptr<c10::ivalue::Future> runHook(c10d::GradBucket& bucket) override {
    const at::Tensor gradients = bucket.getBuffer();
    TORCH_CHECK(gradients.scalar_type() == at::kFloat && gradients.is_contiguous(),
                "gradients travel as float32, not as ", gradients.scalar_type());
    line_.last_came_ = Clock::now();
    const auto call = [&line = line_, gradients, index = bucket.getIndex()](
                          collective::Communicator& communicator) -> Result<void> {
      const auto size = static_cast<std::size_t>(gradients.numel());
      return line.carry(communicator, index, {gradients.data_ptr<float>(), size});
    };
    return collective::ring_backend(*line_.group_).submit(call, {gradients})->getFuture();
  }

  at::Tensor parseHookResult(const c10::IValue& result) override {
    return result.toTensorVector().front();
  }

 private:
  BucketLine& line_;
};

BucketLine::BucketLine(const CompressionSpec& spec, double momentum, ProcessGroup group)
    : spec_(spec), momentum_(momentum), group_(std::move(group)) {}

void BucketLine::lay_out(const std::vector<BucketShape>& buckets) {
  std::unique_ptr<Compressor> compressor = make_compressor(spec_, buckets, momentum_);
  if (compressor && compressor_) move_state(*compressor_, *compressor);
  compressor_ = std::move(compressor);
  labels_.clear();
  for (const BucketShape& shapes : buckets) {
    labels_.push_back("gradients of bucket " + std::to_string(labels_.size()) + ", " +
                      shapes.front().name + (shapes.size() > 1 ? " to " + shapes.back().name : ""));
  }
}

std::unique_ptr<c10d::CommHookInterface> BucketLine::make_hook() {
  return std::make_unique<Hook>(*this);
}

void BucketLine::begin_step(bool compressed) {
  compressed_ = compressed && compressor_;
  traffic_ = {};
  last_came_ = last_left_ = Clock::now();
}

Result<void> BucketLine::carry(collective::Communicator& communicator, std::size_t bucket,
                               std::span<float> gradients) {
  const Clock::time_point begin = Clock::now();
  Wire wire(communicator, labels_.at(bucket));
  if (compressed_) {
    DL_CHECK(compressor_->sum(wire, bucket, gradients));
  } else {
    if (compressor_) compressor_->pay(bucket, gradients);
    DL_CHECK(wire.sum(gradients));
  }
  const Clock::time_point end = Clock::now();
  const std::uint64_t peers = wire.world_size() - 1;
  traffic_ += {.compressing = seconds(end - begin - wire.spent()),
               .sending = seconds(wire.spent()),
               .bytes_sent = wire.bytes_sent(),
               .bytes_plain = 2 * peers * gradients.size_bytes() / wire.world_size()};
  last_left_ = end;
  return {};
}

Traffic BucketLine::end_step() {
  traffic_.exposed = std::max(0.0, seconds(last_left_ - last_came_));
  return traffic_;
}

std::vector<NamedTensor> BucketLine::state(bool of_rank) const {
  std::vector<NamedTensor> tensors;
  if (!compressor_) return tensors;
  for (const CompressorState& state : compressor_->state()) {
    if (state.of_rank != of_rank) continue;
    const auto size = static_cast<std::int64_t>(state.values.size());
    tensors.push_back({"compression." + state.name, torch::from_blob(state.values.data(), {size})});
  }
  return tensors;
}

}  // namespace dl::worker::train
