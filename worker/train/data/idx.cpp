#include "worker/train/data/idx.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

namespace dl::worker::train {
namespace {

namespace fs = std::filesystem;

// More than any data set of this format; a larger product is a damaged header.
constexpr std::uint64_t kBytesMax = 64ull << 30;

std::string hex(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", value);
  return text;
}

// zlib's reader gives a plain file's bytes as they are, so one path serves both kinds.
class ByteReader {
 public:
  static Result<ByteReader> open(const fs::path& path) {
    errno = 0;
    gzFile file = gzopen(path.c_str(), "rb");
    if (file == nullptr) {
      return errno_error("data file " + path.string() + ": open", errno != 0 ? errno : ENOMEM);
    }
    gzbuffer(file, 1 << 18);
    return ByteReader(path, file);
  }

  // Reads up to `size` bytes; fewer at the end of the file.
  Result<std::size_t> read(void* to, std::size_t size) {
    std::size_t done = 0;
    while (done < size) {
      const auto piece = static_cast<unsigned>(std::min<std::size_t>(size - done, 1 << 28));
      const int got = gzread(file_.get(), static_cast<char*>(to) + done, piece);
      if (got < 0 || (got == 0 && failed())) return damaged();
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  Error error(const std::string& what) const {
    return invalid_argument("data file " + path_.string() + ": " + what);
  }

 private:
  ByteReader(fs::path path, gzFile file) : path_(std::move(path)), file_(file, &gzclose) {}

  bool failed() {
    int code = Z_OK;
    gzerror(file_.get(), &code);
    return code != Z_OK && code != Z_STREAM_END;
  }

  Error damaged() {
    int code = Z_OK;
    const std::string why = gzerror(file_.get(), &code);
    if (code == Z_ERRNO) return errno_error("data file " + path_.string() + ": read", errno);
    if (code == Z_BUF_ERROR) return error("truncated: its gzip stream has no end; fetch it again");
    return error("damaged gzip stream (" + why + "); fetch it again");
  }

  fs::path path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

std::uint32_t big_endian(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | std::uint32_t{bytes[3]};
}

std::string words(IdxKind kind) {
  return kind == IdxKind::kImages ? "an IDX image file" : "an IDX label file";
}

std::string shape_words(const std::vector<std::uint32_t>& dimensions) {
  std::string text;
  for (const std::uint32_t dimension : dimensions) {
    text += (text.empty() ? "" : " x ") + std::to_string(dimension);
  }
  return text;
}

Result<std::vector<std::uint32_t>> read_header(ByteReader& reader, IdxKind kind) {
  const std::size_t count = static_cast<std::uint32_t>(kind) & 0xff;
  std::array<std::uint8_t, 16> header{};
  const std::size_t size = 4 + 4 * count;
  DL_TRY(const std::size_t got, reader.read(header.data(), size));
  if (got >= 4 && big_endian(header.data()) != static_cast<std::uint32_t>(kind)) {
    return reader.error("wrong magic " + hex(big_endian(header.data())) + ", " + words(kind) +
                        " begins with " + hex(static_cast<std::uint32_t>(kind)) +
                        "; put the right file in its place");
  }
  if (got < size) {
    return reader.error("truncated: the header needs " + std::to_string(size) +
                        " bytes, there are " + std::to_string(got) + "; fetch it again");
  }
  std::vector<std::uint32_t> dimensions;
  for (std::size_t i = 0; i < count; ++i) dimensions.push_back(big_endian(&header[4 + 4 * i]));
  return dimensions;
}

Result<std::uint64_t> checked_product(const ByteReader& reader,
                                      const std::vector<std::uint32_t>& dimensions) {
  std::uint64_t product = 1;
  for (const std::uint32_t dimension : dimensions) {
    if (dimension == 0) return reader.error("holds nothing: it says " + shape_words(dimensions));
    if (product > kBytesMax / dimension) {
      return reader.error("a size of " + shape_words(dimensions) +
                          " cannot be right; fetch it again");
    }
    product *= dimension;
  }
  return product;
}

// `name` as it is or with .gz, whichever exists.
Result<fs::path> find_file(const fs::path& folder, const std::string& name) {
  std::error_code error;
  for (const char* suffix : {"", ".gz"}) {
    fs::path path = folder / (name + suffix);
    if (fs::exists(path, error)) return path;
  }
  return not_found("data file " + (folder / name).string() +
                   "[.gz]: not found; put it there or correct data.path on every node");
}

// All samples of one pair of files, normalised through a table of the 256 byte values.
struct Samples {
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint8_t> labels;
  Normalisation normalisation;
};

class IdxDataset : public Dataset {
 public:
  IdxDataset(std::shared_ptr<const Samples> samples, std::uint32_t begin, std::uint32_t end,
             Normalisation normalisation, std::uint32_t smallest_side)
      : samples_(std::move(samples)), begin_(begin), end_(end), normalisation_(normalisation) {
    shape_ = {1, std::max(samples_->rows, smallest_side),
              std::max(samples_->columns, smallest_side)};
    for (int value = 0; value < 256; ++value) {
      table_[static_cast<std::size_t>(value)] =
          static_cast<float>((value / 255.0 - normalisation.mean) / normalisation.deviation);
    }
  }

  std::uint64_t size() const override { return end_ - begin_; }
  SampleShape shape() const override { return shape_; }
  Normalisation normalisation() const override { return normalisation_; }

  void fill(std::span<const std::uint32_t> indexes, const BatchMemory& to) const override {
    float* images = to.images;
    std::int64_t* labels = to.labels;
    for (const std::uint32_t index : indexes) {
      fill_image(begin_ + index, images);
      images += shape_.size();
      *labels++ = samples_->labels[begin_ + index];
    }
  }

 private:
  void fill_image(std::size_t sample, float* to) const {
    const std::size_t rows = samples_->rows;
    const std::size_t columns = samples_->columns;
    const std::uint8_t* from = &samples_->pixels[sample * rows * columns];
    if (shape_.size() != rows * columns) std::fill_n(to, shape_.size(), table_[0]);
    to += (shape_.height - rows) / 2 * shape_.width + (shape_.width - columns) / 2;
    for (std::size_t row = 0; row < rows; ++row, to += shape_.width, from += columns) {
      for (std::size_t column = 0; column < columns; ++column) to[column] = table_[from[column]];
    }
  }

  std::shared_ptr<const Samples> samples_;
  std::uint32_t begin_;
  std::uint32_t end_;
  Normalisation normalisation_;
  SampleShape shape_;
  std::array<float, 256> table_{};
};

Normalisation measure(const std::vector<std::uint8_t>& pixels) {
  std::array<std::uint64_t, 256> histogram{};
  for (const std::uint8_t pixel : pixels) ++histogram[pixel];
  double sum = 0;
  double squares = 0;
  for (std::size_t value = 0; value < 256; ++value) {
    const double x = static_cast<double>(value) / 255.0;
    sum += x * static_cast<double>(histogram[value]);
    squares += x * x * static_cast<double>(histogram[value]);
  }
  const double mean = sum / static_cast<double>(pixels.size());
  const double variance = squares / static_cast<double>(pixels.size()) - mean * mean;
  return {.mean = mean, .deviation = variance > 1e-12 ? std::sqrt(variance) : 1.0};
}

Result<void> check_labels(const fs::path& path, const std::vector<std::uint8_t>& labels,
                          std::uint32_t classes) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < classes) continue;
    return invalid_argument("data file " + path.string() + ": sample " + std::to_string(i) +
                            " has label " + std::to_string(labels[i]) + ", model.classes is " +
                            std::to_string(classes) + "; raise model.classes");
  }
  return {};
}

Result<std::shared_ptr<const Samples>> read_pair(const DatasetRequest& request,
                                                 const std::string& prefix) {
  const fs::path folder = request.spec.path;
  DL_TRY(const fs::path image_path, find_file(folder, prefix + "-images-idx3-ubyte"));
  DL_TRY(const fs::path label_path, find_file(folder, prefix + "-labels-idx1-ubyte"));
  DL_TRY(IdxFile labels, read_idx(label_path, IdxKind::kLabels));
  DL_CHECK(check_labels(label_path, labels.bytes, request.classes));
  DL_TRY(IdxFile images, read_idx(image_path, IdxKind::kImages));
  if (images.dimensions[0] != labels.dimensions[0]) {
    return invalid_argument("data file " + label_path.string() + ": " +
                            std::to_string(labels.dimensions[0]) + " labels for " +
                            std::to_string(images.dimensions[0]) + " images of " +
                            image_path.string() + "; fetch both again");
  }
  auto samples = std::make_shared<Samples>();
  samples->rows = images.dimensions[1];
  samples->columns = images.dimensions[2];
  samples->pixels = std::move(images.bytes);
  samples->labels = std::move(labels.bytes);
  return std::shared_ptr<const Samples>(std::move(samples));
}

std::uint32_t count_of(const Samples& samples) {
  return static_cast<std::uint32_t>(samples.labels.size());
}

}  // namespace

Result<IdxFile> read_idx(const std::filesystem::path& path, IdxKind kind) {
  DL_TRY(ByteReader reader, ByteReader::open(path));
  IdxFile file;
  DL_TRY(file.dimensions, read_header(reader, kind));
  DL_TRY(const std::uint64_t size, checked_product(reader, file.dimensions));
  file.bytes.resize(size + 1);  // One more, to notice a file that goes on.
  DL_TRY(const std::size_t got, reader.read(file.bytes.data(), file.bytes.size()));
  if (got < size) {
    return reader.error("truncated: " + shape_words(file.dimensions) + " need " +
                        std::to_string(size) + " bytes, there are " + std::to_string(got) +
                        "; fetch it again");
  }
  if (got > size) {
    return reader.error("longer than the " + std::to_string(size) + " bytes its header of " +
                        shape_words(file.dimensions) + " says; fetch it again");
  }
  file.bytes.resize(size);
  return file;
}

Result<Splits> open_idx(const DatasetRequest& request) {
  DL_TRY(const std::shared_ptr<const Samples> train, read_pair(request, "train"));
  const Normalisation normalisation = measure(train->pixels);
  const std::uint32_t total = count_of(*train);
  const auto split = [&](std::shared_ptr<const Samples> samples, std::uint32_t begin,
                         std::uint32_t end) {
    return std::make_shared<IdxDataset>(std::move(samples), begin, end, normalisation,
                                        request.smallest_side);
  };
  if (const std::uint64_t held_out = request.spec.validation_samples; held_out > 0) {
    if (held_out >= total) {
      return invalid_argument("data.validation_samples: " + std::to_string(held_out) + " of " +
                              std::to_string(total) +
                              " training samples leave none to train on; "
                              "lower it");
    }
    const std::uint32_t cut = total - static_cast<std::uint32_t>(held_out);
    return Splits{split(train, 0, cut), split(train, cut, total)};
  }
  DL_TRY(const std::shared_ptr<const Samples> test, read_pair(request, "t10k"));
  if (test->rows != train->rows || test->columns != train->columns) {
    return invalid_argument("data.path " + request.spec.path + ": training images are " +
                            shape_words({train->rows, train->columns}) + ", held-out ones " +
                            shape_words({test->rows, test->columns}) + "; fetch them again");
  }
  return Splits{split(train, 0, total), split(test, 0, count_of(*test))};
}

}  // namespace dl::worker::train
