#include "worker/train/checkpoint/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

namespace dl::worker::train {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

std::string mebibytes(std::uintmax_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

Error write_error(const fs::path& path, int errnum, std::uintmax_t needed) {
  if (errnum != ENOSPC && errnum != EDQUOT) {
    return errno_error("write " + path.string(), errnum);
  }
  std::error_code ignored;
  const fs::space_info space = fs::space(path.parent_path(), ignored);
  return {Code::kResourceExhausted,
          "write " + path.string() + ": the disk is full: " + mebibytes(needed) + " needed, " +
              (ignored ? "an unknown amount" : mebibytes(space.available)) +
              " free; free space there, or set checkpoint.directory to another disk"};
}

int write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return 0;
}

int sync_folder(const fs::path& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd.get() < 0 || ::fsync(fd.get()) != 0 ? errno : 0;
}

// Errno of what went wrong, or 0.
int write_and_sync(const fs::path& path, std::span<const std::span<const std::byte>> pieces) {
  Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (fd.get() < 0) return errno;
  for (const std::span<const std::byte> piece : pieces) {
    if (const int error = write_all(fd.get(), piece); error != 0) return error;
  }
  if (::fsync(fd.get()) != 0) return errno;
  return ::close(fd.release()) != 0 ? errno : 0;
}

}  // namespace

Result<void> write_durably(const fs::path& path,
                           std::span<const std::span<const std::byte>> pieces) {
  std::error_code made;
  fs::create_directories(path.parent_path(), made);
  if (made) return errno_error("make folder " + path.parent_path().string(), made.value());

  std::uintmax_t size = 0;
  for (const std::span<const std::byte> piece : pieces) size += piece.size();
  const fs::path temporary = path.string() + ".tmp";
  int error = write_and_sync(temporary, pieces);
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) error = sync_folder(path.parent_path());
  if (error == 0) return {};
  const Error result = write_error(path, error, size);
  ::unlink(temporary.c_str());
  return result;
}

Result<void> write_durably(const fs::path& path, std::string_view text) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text));
  return write_durably(path, std::span(&bytes, 1));
}

}  // namespace dl::worker::train
