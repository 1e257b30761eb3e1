#include "worker/train/data/dataset_cache.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace dl::worker::train;
namespace fs = std::filesystem;

namespace {

// A text of letters to learn, in a folder of its own.
struct Text {
  fs::path folder = fs::temp_directory_path() / ("dataset_cache_test." + std::to_string(getpid()));
  fs::path path = folder / "text";

  Text() { fs::create_directories(folder); }
  ~Text() { fs::remove_all(folder); }
  void write(const std::string& text) const { std::ofstream(path, std::ios::binary) << text; }
  DatasetRequest request() const {
    DatasetRequest request{.vocabulary = 128, .context = 4};
    request.spec.format = "text";
    request.spec.path = path;
    return request;
  }
};

const Dataset* train_of(DatasetCache& cache, const DatasetRequest& request) {
  const auto splits = cache.open(request);
  REQUIRE(splits.has_value());
  return splits->train.get();
}

}  // namespace

TEST_CASE("what was opened last is not opened again", "[data]") {
  const Text text;
  text.write("abcdefghijklm");
  DatasetCache cache;
  const auto first = cache.open(text.request());
  REQUIRE(first.has_value());
  CHECK(train_of(cache, text.request()) == first->train.get());
}

TEST_CASE("another request, or a file that has changed, is opened anew", "[data]") {
  const Text text;
  text.write("abcdefghijklm");
  DatasetCache cache;
  const auto first = cache.open(text.request());
  REQUIRE(first.has_value());

  DatasetRequest longer = text.request();
  longer.context = 5;
  CHECK(train_of(cache, longer) != first->train.get());
  CHECK(train_of(cache, longer)->shape().ids == 5);

  // Of the same size, and changed in the same moment: another file by its inode.
  const auto before = cache.open(text.request());
  fs::rename(text.path, text.folder / "older");
  text.write("ABCDEFGHIJKLM");
  CHECK(train_of(cache, text.request()) != before->train.get());
}

TEST_CASE("the cache keeps one dataset alive and no more", "[data]") {
  const Text text;
  text.write("abcdefghijklm");
  DatasetCache cache;
  const std::weak_ptr<const Dataset> first = cache.open(text.request())->train;
  CHECK_FALSE(first.expired());
  DatasetRequest longer = text.request();
  longer.context = 5;
  REQUIRE(cache.open(longer).has_value());
  CHECK(first.expired());
}

TEST_CASE("what cannot be opened is said each time", "[data]") {
  const Text text;
  DatasetCache cache;
  CHECK(cache.open(text.request()).has_error());
  text.write("abcdefghijklm");
  CHECK(cache.open(text.request()).has_value());
}
