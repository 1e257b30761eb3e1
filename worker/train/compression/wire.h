// The wire: the collectives that compressors use, with the time and the bytes that they took.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "worker/collective/communicator.h"
#include "worker/collective/reduction/data_type.h"

namespace dl::worker::train {

class Wire {
 public:
  // `label`: as in AllreduceOptions, of all calls.
  explicit Wire(collective::Communicator& communicator, std::string_view label = {})
      : communicator_(communicator), label_(label) {}

  std::uint32_t rank() const { return communicator_.rank(); }
  std::uint32_t world_size() const { return communicator_.world_size(); }

  // In place. Errors as for collective::allreduce, and so below.
  Result<void> sum(std::span<float> values);
  // Of float16 or bfloat16 values.
  Result<void> sum(collective::DataType type, std::span<std::uint16_t> values);
  // `all` is the world's blocks in the order of ranks; this rank's is in its place already.
  Result<void> all_gather(std::span<std::byte> all);
  // `out` and `in` have a block for each rank; block r of `out` goes to rank r, and block r of `in`
  // comes from it, this rank's own too.
  Result<void> all_to_all(std::span<const std::byte> out, std::span<std::byte> in);

  // Since it was made.
  std::chrono::steady_clock::duration spent() const { return spent_; }
  std::uint64_t bytes_sent() const;

 private:
  template <class Call>
  Result<void> timed(Call call);

  collective::Communicator& communicator_;
  const std::string_view label_;
  std::uint64_t bytes_before_ = communicator_.mesh().counters().bytes_sent;
  std::chrono::steady_clock::duration spent_{};
  std::vector<transport::ConstBytes> blocks_out_;
  std::vector<transport::Bytes> blocks_in_;
};

}  // namespace dl::worker::train
