#include "worker/paramserver/state/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace dl::worker::paramserver {
namespace {

Result<std::byte*> map(int fd, std::uint64_t bytes, const std::string& path) {
  const int flags = fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (memory == MAP_FAILED) {
    return errno_error("map " + std::to_string(bytes) + " bytes of " + path, errno);
  }
  return static_cast<std::byte*>(memory);
}

Result<void> reserve(int fd, std::uint64_t bytes, const std::string& path) {
  const int error = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  if (error == 0) return {};
  return errno_error("reserve " + std::to_string(bytes) + " bytes for " + path, error);
}

}  // namespace

Result<MappedFile> MappedFile::create(const std::filesystem::path& path, std::uint64_t bytes) {
  MappedFile file;
  file.path_ = path;
  if (!path.empty()) {
    file.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file.fd_ < 0) return errno_error("create " + path.string(), errno);
    DL_CHECK(reserve(file.fd_, bytes, path.string()));
  }
  DL_TRY(file.data_, map(file.fd_, bytes, path.empty() ? "memory" : path.string()));
  file.size_ = bytes;
  return file;
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  MappedFile file;
  file.path_ = path;
  file.fd_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file.fd_ < 0) return errno_error("open " + path.string(), errno);
  struct stat status {};
  if (::fstat(file.fd_, &status) != 0) return errno_error("look at " + path.string(), errno);
  if (status.st_size == 0) return not_found(path.string() + " is empty");
  DL_TRY(file.data_, map(file.fd_, static_cast<std::uint64_t>(status.st_size), path.string()));
  file.size_ = static_cast<std::uint64_t>(status.st_size);
  return file;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
  if (fd_ >= 0) ::close(fd_);
}

Result<void> MappedFile::grow(std::uint64_t bytes) {
  if (bytes <= size_) return {};
  if (fd_ >= 0) DL_CHECK(reserve(fd_, bytes, path_.string()));
  void* memory = ::mremap(data_, size_, bytes, MREMAP_MAYMOVE);
  if (memory == MAP_FAILED) {
    return errno_error("map " + std::to_string(bytes) + " bytes of " + path_.string(), errno);
  }
  data_ = static_cast<std::byte*>(memory);
  size_ = bytes;
  return {};
}

}  // namespace dl::worker::paramserver
