#include "worker/train/data/loader.h"

#include <algorithm>

#include "base/assert.h"

namespace dl::worker::train {

Loader::Loader(std::shared_ptr<const Dataset> dataset, std::vector<std::uint32_t> order,
               std::vector<Share> shares, LoaderOptions options)
    : dataset_(std::move(dataset)),
      order_(std::move(order)),
      shares_(std::move(shares)),
      slots_(std::max<std::uint32_t>(options.depth, 2)) {
  for (std::uint32_t i = 0; i < std::max<std::uint32_t>(options.threads, 1); ++i) {
    threads_.emplace_back([this](std::stop_token stop) { make_batches(stop); });
  }
}

Loader::~Loader() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

const Batch* Loader::next() {
  std::unique_lock lock(mutex_);
  if (released_ < given_) {
    slots_[released_ % slots_.size()].ready = false;
    ++released_;
    changed_.notify_all();
  }
  if (given_ == shares_.size()) return nullptr;
  Slot& slot = slots_[given_ % slots_.size()];
  changed_.wait(lock, [&slot] { return slot.ready; });
  ++given_;
  return &slot.batch;
}

void Loader::make_batches(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (true) {
    const bool room = changed_.wait(lock, stop, [this] {
      return claimed_ == shares_.size() || claimed_ < released_ + slots_.size();
    });
    if (!room || claimed_ == shares_.size()) return;
    const std::size_t mine = claimed_++;
    Slot& slot = slots_[mine % slots_.size()];
    lock.unlock();
    fill(shares_[mine], slot);
    lock.lock();
    slot.ready = true;
    changed_.notify_all();
  }
}

void Loader::fill(const Share& share, Slot& slot) const {
  DL_ASSERT(share.begin + share.count <= order_.size(), "shares are parts of the order");
  const SampleShape shape = dataset_->shape();
  if (shape.is_image()) {
    slot.images.resize(share.count * shape.size());
  } else {
    slot.ids.resize(share.count * shape.size());
  }
  slot.labels.resize(std::size_t{share.count} * shape.labels);
  slot.batch.images = slot.images.data();
  slot.batch.ids = slot.ids.data();
  slot.batch.labels = slot.labels.data();
  slot.batch.count = share.count;
  slot.batch.global_count = share.global_count;
  dataset_->fill(std::span(order_).subspan(share.begin, share.count), slot.batch);
}

}  // namespace dl::worker::train
