#include "worker/train/data/text.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

namespace dl::worker::train {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

class TextDataset : public Dataset {
 public:
  TextDataset(std::shared_ptr<const Bytes> bytes, std::uint32_t context, std::uint64_t first,
              std::uint64_t count)
      : bytes_(std::move(bytes)), context_(context), first_(first), count_(count) {}

  std::uint64_t size() const override { return count_; }
  SampleShape shape() const override { return {.ids = context_, .labels = context_}; }

  void fill(std::span<const std::uint32_t> indexes, const BatchMemory& to) const override {
    std::int64_t* ids = to.ids;
    std::int64_t* labels = to.labels;
    for (const std::uint32_t index : indexes) {
      const std::uint8_t* from = bytes_->data() + (first_ + index) * context_;
      ids = std::copy_n(from, context_, ids);
      labels = std::copy_n(from + 1, context_, labels);
    }
  }

 private:
  std::shared_ptr<const Bytes> bytes_;
  std::uint32_t context_;
  std::uint64_t first_;
  std::uint64_t count_;
};

Result<Bytes> read_file(const std::string& path) {
  std::error_code error;
  const std::uint64_t size = fs::file_size(path, error);
  if (error) {
    return not_found("data.path " + path + ": " + error.message() +
                     "; put the text there, on every node");
  }
  std::ifstream file(path, std::ios::binary);
  Bytes bytes(size);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size))) {
    return errno_error("read data.path " + path, errno);
  }
  return bytes;
}

Result<void> check_bytes(const DatasetRequest& request, const Bytes& bytes) {
  const auto bad = std::find_if(bytes.begin(), bytes.end(),
                                [&](std::uint8_t byte) { return byte >= request.vocabulary; });
  if (bad == bytes.end()) return {};
  return invalid_argument("data.path " + request.spec.path + ": byte " +
                          std::to_string(bad - bytes.begin()) + " is " + std::to_string(*bad) +
                          ", model.vocabulary is " + std::to_string(request.vocabulary) +
                          "; raise it to 256");
}

}  // namespace

Result<Splits> open_text(const DatasetRequest& request) {
  DL_TRY(Bytes read, read_file(request.spec.path));
  DL_CHECK(check_bytes(request, read));
  const auto bytes = std::make_shared<const Bytes>(std::move(read));
  const std::uint64_t samples = bytes->empty() ? 0 : (bytes->size() - 1) / request.context;
  const std::uint64_t held_out = request.spec.validation_samples > 0
                                     ? request.spec.validation_samples
                                     : std::max<std::uint64_t>(samples / 10, 1);
  if (samples <= held_out || samples > UINT32_MAX) {
    return invalid_argument(
        "data.path " + request.spec.path + ": its " + std::to_string(bytes->size()) +
        " bytes make " + std::to_string(samples) + " samples of " +
        std::to_string(request.context) + " tokens (model.context), of which " +
        std::to_string(held_out) +
        " are held out; take a file that leaves some, and fewer than 2^32, to train on");
  }
  const auto part = [&](std::uint64_t first, std::uint64_t count) {
    return std::make_shared<TextDataset>(bytes, request.context, first, count);
  };
  return Splits{part(0, samples - held_out), part(samples - held_out, held_out)};
}

}  // namespace dl::worker::train
