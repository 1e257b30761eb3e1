#include "worker/train/checkpoint/checkpoint_folder.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <set>

using namespace dl::worker::train;
namespace fs = std::filesystem;

namespace {

class Fixture {
 public:
  Fixture() : path_(fs::temp_directory_path() / ("checkpoints." + std::to_string(getpid()))) {}
  ~Fixture() { fs::remove_all(path_); }

  CheckpointFolder folder(std::uint32_t attempt) const { return {path_, attempt}; }

  std::string write(std::uint64_t step, std::uint32_t attempt, std::uint32_t keep = 100) const {
    const auto file = folder(attempt).write(step, "step " + std::to_string(step), {}, keep);
    REQUIRE(file.has_value());
    return *file;
  }
  void flip_bit(const std::string& file) const {
    std::fstream stream(path_ / file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(30);
    const int byte = stream.get();
    stream.seekp(30);
    stream.put(static_cast<char>(byte ^ 0x10));
  }
  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_)) names.insert(entry.path().filename());
    return names;
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

TEST_CASE("checkpoint names carry step and attempt", "[checkpoint]") {
  const CheckpointName name{.step = 4690, .attempt = 2};
  CHECK(to_string(name) == "step-000004690-attempt-2.dlm");
  CHECK(checkpoint_name_from_string("step-000004690-attempt-2.dlm") == name);
  CHECK(checkpoint_name_from_string("step-12345678901-attempt-3.dlm")->step == 12345678901u);
  for (const char* other : {"", "model.dlm", "step-000004690-attempt-2.dlm.tmp",
                            "step-1-attempt-2.dlm", "step-000000001-attempt-.dlm"}) {
    CHECK_FALSE(checkpoint_name_from_string(other));
  }
}

TEST_CASE("resume uses the checkpoint it is told to use", "[checkpoint]") {
  const Fixture f;
  f.write(100, 1);
  const std::string wanted = f.write(200, 1);
  f.write(300, 1);
  const auto found = f.folder(2).resume(wanted);
  REQUIRE(found.has_value());
  CHECK(found->file == wanted);
  CHECK(found->container.description() == "step 200");
  CHECK(found->refused.empty());
  CHECK(f.folder(2).resume((f.path() / wanted).string())->container.description() == "step 200");
}

TEST_CASE("resume falls back to the one before a damaged checkpoint, and says so", "[checkpoint]") {
  const Fixture f;
  f.write(100, 1);
  const std::string before = f.write(200, 1);
  const std::string wanted = f.write(300, 2);
  f.write(400, 2);
  f.flip_bit(wanted);
  const auto found = f.folder(3).resume(wanted);
  REQUIRE(found.has_value());
  CHECK(found->file == before);
  REQUIRE(found->refused.size() == 1);
  CHECK_THAT(found->refused[0], Catch::Contains(wanted) && Catch::Contains("damaged"));
}

TEST_CASE("resume takes a newer checkpoint when the wanted one was removed", "[checkpoint]") {
  const Fixture f;
  f.write(300, 1);
  f.write(400, 1);
  const auto found = f.folder(2).resume("step-000000200-attempt-1.dlm");
  REQUIRE(found.has_value());
  CHECK(found->container.description() == "step 400");
}

TEST_CASE("resume says what is wrong with each when none can be used", "[checkpoint]") {
  const Fixture f;
  const std::string one = f.write(100, 1);
  const std::string two = f.write(200, 1);
  f.flip_bit(one);
  fs::resize_file(f.path() / two, 20);
  const auto found = f.folder(2).resume(two);
  REQUIRE(found.has_error());
  CHECK(found.error().code == dl::Code::kDataLoss);
  CHECK_THAT(found.error().message, Catch::Contains(one) && Catch::Contains(two));
}

TEST_CASE("the newest checkpoints stay, by attempt first", "[checkpoint]") {
  const Fixture f;
  f.write(100, 1);
  f.write(900, 1);
  f.write(200, 2);
  const std::string last = f.write(300, 2, 2);
  CHECK(f.files() == std::set<std::string>{"step-000000200-attempt-2.dlm", last});
  CHECK(f.write(400, 2, 0) == "step-000000400-attempt-2.dlm");
  CHECK(f.files().size() == 1);
}

TEST_CASE("an attempt that was given up neither overwrites nor removes its successor's files",
          "[checkpoint]") {
  const Fixture f;
  const std::string good = f.write(300, 2);
  f.write(200, 1);
  const std::string stale = f.write(300, 1, 1);
  CHECK(f.files() == std::set<std::string>{stale, good});
}
