#include "worker/train/data/idx.h"

#include <unistd.h>
#include <zlib.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <functional>

using namespace dl::worker::train;
namespace fs = std::filesystem;

namespace {

// A folder with a data set of 4 + 2 images of 2 x 3 pixels, removed at the end of the test.
class Folder {
 public:
  Folder() {
    path_ = fs::temp_directory_path() / ("idx_test." + std::to_string(getpid()));
    fs::create_directories(path_);
    write("train-images-idx3-ubyte", header(0x803, {4, 2, 3}) + pixels(24));
    write("train-labels-idx1-ubyte", header(0x801, {4}) + std::string("\x0\x1\x2\x1", 4));
    write("t10k-images-idx3-ubyte", header(0x803, {2, 2, 3}) + pixels(12));
    write("t10k-labels-idx1-ubyte", header(0x801, {2}) + std::string("\x2\x0", 2));
  }
  ~Folder() { fs::remove_all(path_); }

  static std::string header(std::uint32_t magic, std::vector<std::uint32_t> dimensions) {
    std::string text;
    dimensions.insert(dimensions.begin(), magic);
    for (const std::uint32_t value : dimensions) {
      for (int shift = 24; shift >= 0; shift -= 8) {
        text += static_cast<char>((value >> shift) & 0xff);
      }
    }
    return text;
  }
  static std::string pixels(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += static_cast<char>(i * 10);
    return text;
  }

  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(path_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void compress(const std::string& name) const {
    const std::string bytes = read(name);
    gzFile file = gzopen((path_ / (name + ".gz")).c_str(), "wb");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
    fs::remove(path_ / name);
  }
  const fs::path& path() const { return path_; }

  DatasetRequest request() const {
    DatasetRequest request;
    request.spec.format = "idx";
    request.spec.path = path_.string();
    request.classes = 3;
    return request;
  }

 private:
  fs::path path_;
};

std::string error_of(const Folder& folder) {
  const auto splits = open_dataset(folder.request());
  REQUIRE(splits.has_error());
  return splits.error().message;
}

}  // namespace

TEST_CASE("idx reads plain and compressed files alike", "[data]") {
  const Folder folder;
  const bool compressed = GENERATE(false, true);
  if (compressed) {
    for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                             "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
      folder.compress(name);
    }
  }
  const auto splits = open_dataset(folder.request());
  REQUIRE(splits.has_value());
  CHECK(splits->train->size() == 4);
  CHECK(splits->validation->size() == 2);
  CHECK(splits->train->shape() == SampleShape{1, 2, 3});

  std::vector<float> images(12);
  std::vector<std::int64_t> labels(2);
  const std::vector<std::uint32_t> indexes = {3, 1};
  splits->train->fill(indexes, {.images = images.data(), .labels = labels.data()});
  CHECK(labels == std::vector<std::int64_t>{1, 1});
  const Normalisation n = splits->train->normalisation();
  CHECK(images[0] == Approx((180 / 255.0 - n.mean) / n.deviation));
  CHECK(images[6] == Approx((60 / 255.0 - n.mean) / n.deviation));
}

TEST_CASE("idx normalises the training images to mean 0 and deviation 1", "[data]") {
  const Folder folder;
  const auto splits = open_dataset(folder.request());
  REQUIRE(splits.has_value());
  std::vector<float> images(24);
  std::vector<std::int64_t> labels(4);
  const std::vector<std::uint32_t> indexes = {0, 1, 2, 3};
  splits->train->fill(indexes, {.images = images.data(), .labels = labels.data()});
  double sum = 0;
  double squares = 0;
  for (const float x : images) {
    sum += x;
    squares += x * x;
  }
  CHECK(sum / 24 == Approx(0).margin(1e-6));
  CHECK(squares / 24 == Approx(1));
}

TEST_CASE("idx puts a border around images smaller than the model needs", "[data]") {
  const Folder folder;
  DatasetRequest request = folder.request();
  request.smallest_side = 5;
  const auto splits = open_dataset(request);
  REQUIRE(splits.has_value());
  CHECK(splits->train->shape() == SampleShape{1, 5, 5});
  std::vector<float> image(25);
  std::int64_t label = 0;
  const std::vector<std::uint32_t> indexes = {0};
  splits->train->fill(indexes, {.images = image.data(), .labels = &label});
  const Normalisation n = splits->train->normalisation();
  const float border = static_cast<float>(-n.mean / n.deviation);
  CHECK(image[0] == Approx(border));
  CHECK(image[24] == Approx(border));
  CHECK(image[5 + 2] == Approx((10 / 255.0 - n.mean) / n.deviation));
}

TEST_CASE("idx cuts the held-out samples off the end when it is told to", "[data]") {
  const Folder folder;
  DatasetRequest request = folder.request();
  request.spec.validation_samples = 1;
  fs::remove(folder.path() / "t10k-images-idx3-ubyte");
  const auto splits = open_dataset(request);
  REQUIRE(splits.has_value());
  CHECK(splits->train->size() == 3);
  CHECK(splits->validation->size() == 1);
  request.spec.validation_samples = 4;
  const auto none = open_dataset(request);
  REQUIRE(none.has_error());
  CHECK_THAT(none.error().message, Catch::Contains("data.validation_samples: 4 of 4"));
}

TEST_CASE("idx names the file, the fault and the next step", "[data]") {
  const Folder folder;
  const std::string images = "train-images-idx3-ubyte";
  const std::string whole = folder.read(images);
  struct Case {
    std::string what;
    std::function<void()> damage;
    std::vector<std::string> says;
  };
  const std::vector<Case> cases = {
      {"missing",
       [&] { fs::remove(folder.path() / images); },
       {"[.gz]: not found", "correct data.path"}},
      {"empty", [&] { folder.write(images, ""); }, {"truncated: the header needs 16 bytes"}},
      {"wrong magic",
       [&] {
         folder.write(images,
                      "\x7f"
                      "ELF" +
                          whole.substr(4));
       },
       {"wrong magic 0x7f454c46, an IDX image file begins with 0x00000803"}},
      {"labels as images",
       [&] { folder.write(images, folder.read("train-labels-idx1-ubyte")); },
       {"wrong magic 0x00000801"}},
      {"truncated",
       [&] { folder.write(images, whole.substr(0, 30)); },
       {"truncated: 4 x 2 x 3 need 24 bytes, there are 14", "fetch it again"}},
      {"too long", [&] { folder.write(images, whole + "x"); }, {"longer than the 24 bytes"}},
      {"no samples",
       [&] {
         folder.write(images, Folder::header(0x803, {0, 2, 3}));
       },
       {"holds nothing"}},
      {"absurd size",
       [&] {
         folder.write(images, Folder::header(0x803, {~0u, ~0u, ~0u}));
       },
       {"cannot be right"}},
      {"truncated gzip",
       [&] {
         folder.compress(images);
         const std::string gz = folder.read(images + ".gz");
         folder.write(images + ".gz", gz.substr(0, gz.size() - 12));
       },
       {"truncated"}},
      {"damaged gzip",
       [&] {
         folder.compress(images);
         std::string gz = folder.read(images + ".gz");
         gz[gz.size() - 6] ^= 0x40;
         folder.write(images + ".gz", gz);
       },
       {"damaged gzip stream"}},
      {"fewer labels",
       [&] { folder.write("train-labels-idx1-ubyte", Folder::header(0x801, {3}) + "\x1\x1\x1"); },
       {"3 labels for 4 images"}},
      {"label too large",
       [&] {
         folder.write("train-labels-idx1-ubyte", Folder::header(0x801, {4}) + "\x1\x1\x3\x1");
       },
       {"sample 2 has label 3, model.classes is 3; raise model.classes"}},
  };
  const std::size_t which = GENERATE(range(0, 12));
  REQUIRE(cases.size() == 12);
  const Case& c = cases[which];
  INFO(c.what);
  c.damage();
  const std::string message = error_of(folder);
  CHECK_THAT(message, Catch::Contains("data file " + folder.path().string()));
  for (const std::string& text : c.says) CHECK_THAT(message, Catch::Contains(text));
}

TEST_CASE("idx reads Fashion-MNIST as Debian packages it", "[data]") {
  const fs::path folder = "/usr/share/datasets/fashion-mnist";
  if (!fs::exists(folder)) {
    WARN("dataset-fashion-mnist is not installed");
    return;
  }
  DatasetRequest request;
  request.spec.format = "idx";
  request.spec.path = folder.string();
  const auto splits = open_dataset(request);
  REQUIRE(splits.has_value());
  CHECK(splits->train->size() == 60'000);
  CHECK(splits->validation->size() == 10'000);
  CHECK(splits->train->normalisation().mean == Approx(0.2860).epsilon(1e-3));
  CHECK(splits->train->normalisation().deviation == Approx(0.3530).epsilon(1e-3));
}
