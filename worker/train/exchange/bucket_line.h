// The line that buckets of gradients travel by, while the backward pass computes the next: what
// c10d::Reducer calls its communication hook. It compresses them where that is wanted, and
// measures.
//
// A bucket is worked on by the thread that has the mesh, the process group's; so compressing one
// overlaps with computing the next. Everything else is called by the thread that trains.

#pragma once

#include <torch/torch.h>

#include <chrono>
#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <vector>

#include "worker/train/compression/compressor.h"
#include "worker/train/gang.h"
#include "worker/train/optimizer/optimizer.h"

namespace dl::worker::train {

// What the buckets of a step, or of several, took on this rank.
struct Traffic {
  double compressing = 0;        // Seconds of arithmetic.
  double sending = 0;            // Seconds in collectives.
  double exposed = 0;            // Seconds from the last bucket's coming to the last one's leaving.
  std::uint64_t bytes_sent = 0;  // All that went over the links.
  std::uint64_t bytes_plain = 0;  // What an all-reduce of float32 around a ring would have sent.

  Traffic& operator+=(const Traffic& other);
};

class BucketLine {
 public:
  // Over the ring of `group`. `momentum` as for make_compressor.
  BucketLine(const CompressionSpec& spec, double momentum, ProcessGroup group);

  // Between two steps. What the compressor remembers follows its parameters into the new buckets.
  void lay_out(const std::vector<BucketShape>& buckets);
  // For the reducer of these buckets. Answers with the sum over the ranks, in the bucket's own
  // memory; a collective that fails throws from the reducer. The line outlives it.
  std::unique_ptr<c10d::CommHookInterface> make_hook();

  void begin_step(bool compressed);
  // When the backward pass has returned.
  Traffic end_step();

  // What the compressor remembers: what is the same on all ranks, and what each has for itself.
  // Views of its memory, until lay_out.
  std::vector<NamedTensor> shared_state() const { return state(false); }
  std::vector<NamedTensor> own_state() const { return state(true); }

 private:
  class Hook;
  using Clock = std::chrono::steady_clock;

  Result<void> carry(collective::Communicator& communicator, std::size_t bucket,
                     std::span<float> gradients);
  std::vector<NamedTensor> state(bool of_rank) const;

  const CompressionSpec spec_;
  const double momentum_;
  const ProcessGroup group_;
  std::vector<std::string> labels_;  // By bucket, for errors: its first and last parameter.
  std::unique_ptr<Compressor> compressor_;
  bool compressed_ = false;
  Clock::time_point last_came_;  // Each is written by one thread, and read when both have
  Clock::time_point last_left_;  // nothing more to do.
  Traffic traffic_;
};

}  // namespace dl::worker::train
