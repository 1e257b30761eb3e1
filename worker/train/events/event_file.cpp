#include "worker/train/events/event_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/crc32c.h"

namespace dl::worker::train {
namespace {

namespace fs = std::filesystem;

// protobuf's wire format, as far as an Event with scalars needs it.
enum WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}
void put_key(std::string& out, std::uint32_t field, WireType type) {
  put_varint(out, field << 3 | type);
}
template <class T>
void put_fixed(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}
void put_bytes(std::string& out, std::uint32_t field, std::string_view bytes) {
  put_key(out, field, kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}

// Event{double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5}
std::string begin_event(Timestamp now) {
  std::string event;
  put_key(event, 1, kFixed64);
  put_fixed(event, std::chrono::duration<double>(now.time_since_epoch()).count());
  return event;
}

// Summary{repeated Value value = 1}; Value{string tag = 1; float simple_value = 2}
std::string encode_summary(const std::vector<Scalar>& scalars) {
  std::string summary;
  for (const Scalar& scalar : scalars) {
    std::string value;
    put_bytes(value, 1, scalar.tag);
    put_key(value, 2, kFixed32);
    put_fixed(value, static_cast<float>(scalar.value));
    put_bytes(summary, 1, value);
  }
  return summary;
}

std::uint32_t masked_crc(std::string_view bytes) {
  const std::uint32_t crc = crc32c(std::as_bytes(std::span(bytes)));
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

std::string host_name() {
  char name[256] = "localhost";
  if (gethostname(name, sizeof name - 1) != 0) return "localhost";
  return name;
}

}  // namespace

std::string tfrecord(std::string_view data) {
  std::string record;
  put_fixed(record, static_cast<std::uint64_t>(data.size()));
  put_fixed(record, masked_crc(record));
  record += data;
  put_fixed(record, masked_crc(data));
  return record;
}

Result<EventFile> EventFile::create(const fs::path& folder, std::string_view suffix,
                                    Timestamp now) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return errno_error("make folder " + folder.string(), error.value());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  const fs::path path = folder / ("events.out.tfevents." + std::to_string(seconds.count()) + "." +
                                  host_name() + "." + std::string(suffix));
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) return errno_error("open " + path.string(), errno);
  EventFile events(path, file);
  std::string event = begin_event(now);
  put_bytes(event, 3, "brain.Event:2");
  DL_CHECK(events.write_record(event));
  return events;
}

Result<void> EventFile::add(std::uint64_t step, const std::vector<Scalar>& scalars, Timestamp now) {
  std::string event = begin_event(now);
  put_key(event, 2, kVarint);
  put_varint(event, step);
  put_bytes(event, 5, encode_summary(scalars));
  return write_record(event);
}

Result<void> EventFile::write_record(std::string_view event) {
  const std::string record = tfrecord(event);
  if (std::fwrite(record.data(), 1, record.size(), file_.get()) != record.size() ||
      std::fflush(file_.get()) != 0) {
    return errno_error("write " + path_.string(), errno);
  }
  return {};
}

}  // namespace dl::worker::train
