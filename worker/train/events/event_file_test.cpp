#include "worker/train/events/event_file.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

using namespace dl::worker::train;
namespace fs = std::filesystem;

namespace {

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

dl::Timestamp at(std::int64_t microseconds) { return dl::Timestamp(dl::Duration(microseconds)); }

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("events." + std::to_string(getpid()))) {}
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

TEST_CASE("tfrecord frames as TensorFlow does", "[events]") {
  const std::string record = tfrecord(std::string(24, 'x'));
  REQUIRE(record.size() == 8 + 4 + 24 + 4);
  CHECK(record.substr(0, 12) == std::string("\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22", 12));
}

TEST_CASE("an event file begins with its version and goes on with scalars", "[events]") {
  const Folder folder;
  auto file = EventFile::create(folder.path(), "42.1.1", at(1'700'000'000'500'000));
  REQUIRE(file.has_value());
  CHECK_THAT(file->path().filename().string(),
             Catch::StartsWith("events.out.tfevents.1700000000.") && Catch::EndsWith(".42.1.1"));

  const std::string wall = std::string("\x09\x00\x00\x20\x40\xfc\x54\xd9\x41", 9);
  const std::string first = tfrecord(wall +
                                     "\x1a\x0d"
                                     "brain.Event:2");
  CHECK(read_text(file->path()) == first);

  REQUIRE(file->add(300, {{"train.loss", 0.5}}, at(1'700'000'000'500'000)).has_value());
  const std::string value =
      std::string("\x0a\x0a") + "train.loss" + std::string("\x15\0\0\0\x3f", 5);
  const std::string summary = std::string("\x0a\x11") + value;
  const std::string second = tfrecord(wall + "\x10\xac\x02" + "\x2a\x13" + summary);
  CHECK(read_text(file->path()) == first + second);
}

TEST_CASE("a resumed run begins a file of its own", "[events]") {
  const Folder folder;
  const auto one = EventFile::create(folder.path(), "42.1.1", at(1'000'000));
  const auto two = EventFile::create(folder.path(), "42.1.2", at(1'000'000));
  REQUIRE((one && two));
  CHECK(one->path() != two->path());
}

TEST_CASE("an event file that cannot be made names its folder", "[events]") {
  const auto file = EventFile::create("/proc/nothing/events", "x", at(0));
  REQUIRE(file.has_error());
  CHECK_THAT(file.error().message, Catch::Contains("/proc/nothing/events"));
}
