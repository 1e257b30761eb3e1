#include "worker/train/checkpoint/container.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <numeric>

#include "worker/train/checkpoint/durable_file.h"

using namespace dl::worker::train;
namespace fs = std::filesystem;

namespace {

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("container_test." + std::to_string(getpid()))) {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void write_text(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

struct Example {
  std::vector<float> weights = std::vector<float>(15);
  std::vector<std::int64_t> steps = {7};
  std::vector<TensorView> views;

  Example() {
    std::iota(weights.begin(), weights.end(), 0.5f);
    views = {{"model.fc.weight", DType::kFloat32, {3, 5}, std::as_bytes(std::span(weights))},
             {"optimizer.step", DType::kInt64, {}, std::as_bytes(std::span(steps))},
             {"nothing", DType::kUint8, {0, 4}, {}}};
  }
};

}  // namespace

TEST_CASE("container gives back what was written", "[checkpoint]") {
  const Folder folder;
  const Example example;
  REQUIRE(write_container(folder / "a.dlm", R"({"step":7})", example.views).has_value());
  const auto read = Container::read(folder / "a.dlm");
  REQUIRE(read.has_value());
  CHECK(read->description() == R"({"step":7})");
  REQUIRE(read->tensors().size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(read->tensors()[i].name == example.views[i].name);
    CHECK(read->tensors()[i].dtype == example.views[i].dtype);
    CHECK(read->tensors()[i].shape == example.views[i].shape);
    CHECK(std::ranges::equal(read->tensors()[i].bytes, example.views[i].bytes));
  }
  CHECK(read->find("optimizer.step") == &read->tensors()[1]);
  CHECK(read->find("optimizer.steps") == nullptr);
  CHECK_FALSE(fs::exists(folder / "a.dlm.tmp"));
}

TEST_CASE("container notices any flipped bit", "[checkpoint]") {
  const Folder folder;
  const Example example;
  REQUIRE(write_container(folder / "a.dlm", "{}", example.views).has_value());
  const std::string whole = read_text(folder / "a.dlm");
  for (std::size_t bit = 0; bit < 8 * whole.size(); bit += 3) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    write_text(folder / "b.dlm", damaged);
    const auto read = Container::read(folder / "b.dlm");
    INFO("bit " << bit);
    REQUIRE(read.has_error());
    CHECK_THAT(read.error().message, Catch::Contains((folder / "b.dlm").string()));
  }
}

TEST_CASE("container notices a file cut anywhere or longer than it was", "[checkpoint]") {
  const Folder folder;
  const Example example;
  REQUIRE(write_container(folder / "a.dlm", "{}", example.views).has_value());
  const std::string whole = read_text(folder / "a.dlm");
  for (std::size_t size = 0; size < whole.size(); size += 5) {
    write_text(folder / "b.dlm", whole.substr(0, size));
    const auto read = Container::read(folder / "b.dlm");
    REQUIRE(read.has_error());
    CHECK(read.error().code == dl::Code::kDataLoss);
    CHECK_THAT(read.error().message, Catch::Contains("truncated"));
  }
  write_text(folder / "b.dlm", whole + "x");
  CHECK_THAT(Container::read(folder / "b.dlm").error().message,
             Catch::Contains("bytes follow the last tensor"));
}

TEST_CASE("container says what is wrong with files that are none", "[checkpoint]") {
  const Folder folder;
  const auto missing = Container::read(folder / "none.dlm");
  REQUIRE(missing.has_error());
  CHECK(missing.error().code == dl::Code::kNotFound);

  write_text(folder / "text.dlm", std::string(100, 'x'));
  CHECK_THAT(Container::read(folder / "text.dlm").error().message,
             Catch::Contains("does not begin like a .dlm file"));

  const Example example;
  REQUIRE(write_container(folder / "a.dlm", "{}", example.views).has_value());
  std::string newer = read_text(folder / "a.dlm");
  newer[8] = 2;
  write_text(folder / "newer.dlm", newer);
  const auto refused = Container::read(folder / "newer.dlm");
  REQUIRE(refused.has_error());
  CHECK(refused.error().code == dl::Code::kUnimplemented);
  CHECK_THAT(refused.error().message, Catch::Contains("format version 2, this program reads 1"));
}

TEST_CASE("a full disk leaves the older file alone and says how much is missing", "[checkpoint]") {
  const Folder folder;
  const Example example;
  REQUIRE(write_container(folder / "a.dlm", "old", example.views).has_value());
  fs::create_symlink("/dev/full", folder / "a.dlm.tmp");
  const auto full = write_container(folder / "a.dlm", "new", example.views);
  REQUIRE(full.has_error());
  CHECK(full.error().code == dl::Code::kResourceExhausted);
  CHECK_THAT(full.error().message, Catch::Contains("write " + (folder / "a.dlm").string()) &&
                                       Catch::Contains("the disk is full") &&
                                       Catch::Contains("MiB free"));
  CHECK(Container::read(folder / "a.dlm")->description() == "old");
  CHECK_FALSE(fs::is_symlink(folder / "a.dlm.tmp"));
}

TEST_CASE("a folder that cannot be made is named", "[checkpoint]") {
  const Folder folder;
  write_text(folder / "file", "");
  const auto result = write_durably(folder / "file/below/x", "text");
  REQUIRE(result.has_error());
  CHECK_THAT(result.error().message, Catch::Contains((folder / "file/below").string()));
}
