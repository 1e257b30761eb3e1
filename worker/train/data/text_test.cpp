#include "worker/train/data/text.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace dl::worker::train;
namespace fs = std::filesystem;

namespace {

class TextFile {
 public:
  explicit TextFile(const std::string& text)
      : path_(fs::temp_directory_path() / ("text_test." + std::to_string(getpid()))) {
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~TextFile() { fs::remove(path_); }
  DatasetRequest request(std::uint32_t context) const {
    DatasetRequest request{.vocabulary = 128, .context = context};
    request.spec.format = "text";
    request.spec.path = path_;
    return request;
  }

 private:
  fs::path path_;
};

// Ids and labels of one sample as text.
std::pair<std::string, std::string> read(const Dataset& data, std::uint32_t index) {
  std::vector<std::int64_t> ids(data.shape().ids);
  std::vector<std::int64_t> labels(data.shape().labels);
  data.fill(std::span(&index, 1), {.ids = ids.data(), .labels = labels.data()});
  return {{ids.begin(), ids.end()}, {labels.begin(), labels.end()}};
}

}  // namespace

TEST_CASE("text is cut into samples whose labels are the next bytes", "[data]") {
  const TextFile file("abcdefghijklm");
  const auto splits = open_dataset(file.request(4));
  REQUIRE(splits.has_value());
  CHECK(splits->train->size() == 2);
  CHECK(splits->validation->size() == 1);
  CHECK(read(*splits->train, 0) == std::pair<std::string, std::string>("abcd", "bcde"));
  CHECK(read(*splits->train, 1) == std::pair<std::string, std::string>("efgh", "fghi"));
  CHECK(read(*splits->validation, 0) == std::pair<std::string, std::string>("ijkl", "jklm"));
}

TEST_CASE("text that cannot be learned from says why", "[data]") {
  const auto message = [](const DatasetRequest& request) {
    const auto splits = open_dataset(request);
    REQUIRE(splits.has_error());
    return splits.error().message;
  };
  const TextFile file("some caf\xc3\xa9 in Paris");
  CHECK_THAT(message(file.request(4)),
             Catch::Contains("byte 8 is 195, model.vocabulary is 128; raise it to 256"));
  DatasetRequest request = file.request(18);
  request.vocabulary = 256;
  CHECK_THAT(message(request), Catch::Contains("its 19 bytes make 1 samples of 18 tokens") &&
                                   Catch::Contains("1 are held out"));
  request.spec.path = "/nowhere/text";
  CHECK_THAT(message(request), Catch::Contains("data.path /nowhere/text: No such file"));
  request.spec.path = "/tmp";
  CHECK_THAT(message(request), Catch::Contains("data.path /tmp: Is a directory"));
  request.vocabulary = 0;
  CHECK_THAT(message(request), Catch::Contains("text is for a model that reads tokens"));
}
