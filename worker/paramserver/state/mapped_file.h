// Memory that outlives its process: a file mapped and shared, so that what was stored is there even
// if the process is killed by the next instruction. It does not outlive the machine.

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <utility>

#include "base/result.h"

namespace dl::worker::paramserver {

class MappedFile {
 public:
  MappedFile() = default;

  // A new file of zeros in place of any older one; its blocks are reserved, so that a full disk is
  // an error now (kResourceExhausted) and not a signal later. An empty path: plain memory.
  static Result<MappedFile> create(const std::filesystem::path& path, std::uint64_t bytes);
  // kNotFound when there is none.
  static Result<MappedFile> open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept { swap(other); }
  MappedFile& operator=(MappedFile&& other) noexcept {
    swap(other);
    return *this;
  }
  ~MappedFile();

  std::byte* data() const { return data_; }
  std::uint64_t size() const { return size_; }

  // Makes it larger; addresses change, contents do not.
  Result<void> grow(std::uint64_t bytes);

 private:
  void swap(MappedFile& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(path_, other.path_);
  }

  int fd_ = -1;
  std::byte* data_ = nullptr;
  std::uint64_t size_ = 0;
  std::filesystem::path path_;
};

}  // namespace dl::worker::paramserver
