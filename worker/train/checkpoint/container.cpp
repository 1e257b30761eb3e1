#include "worker/train/checkpoint/container.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/assert.h"
#include "base/crc32c.h"
#include "worker/train/checkpoint/durable_file.h"

namespace dl::worker::train {
namespace {

namespace fs = std::filesystem;

// As PNG's, it shows a file that was sent as text: it has a byte above 127 and both line ends.
constexpr std::array<char, 8> kMagic = {'\x89', 'D', 'L', 'M', '\r', '\n', '\x1a', '\n'};
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kDimensionsMax = 16;
constexpr std::size_t kAlignment = 64;  // Of data in the file, so that it can be mapped and used.

struct FileHeader {
  std::array<char, 8> magic = kMagic;
  std::uint32_t version = kVersion;
  std::uint32_t tensors = 0;
  std::uint64_t file_bytes = 0;
  std::uint32_t description_bytes = 0;
  std::uint32_t crc = 0;  // Of the fields above and the description.
};
static_assert(sizeof(FileHeader) == 32);

struct TensorHeader {
  std::uint32_t name_bytes = 0;
  std::uint8_t dtype = 0;
  std::uint8_t dimensions = 0;
  std::uint16_t padding = 0;  // Zero bytes between this section's head and its data.
  std::uint64_t data_bytes = 0;
  std::uint32_t data_crc = 0;
  std::uint32_t crc = 0;  // Of the fields above, the name and the dimensions.
};
static_assert(sizeof(TensorHeader) == 24);

template <class T>
std::span<const std::byte> bytes_of_object(const T& object, std::size_t count = sizeof(T)) {
  return std::as_bytes(std::span(&object, 1)).first(count);
}

std::uint32_t head_crc(const TensorHeader& header, std::span<const std::byte> rest) {
  return crc32c(rest, crc32c(bytes_of_object(header, offsetof(TensorHeader, crc))));
}

// Takes pieces off the front of a file's bytes; `at` counts them for messages.
class Cursor {
 public:
  Cursor(const fs::path& path, std::span<const std::byte> bytes) : path_(path), bytes_(bytes) {}

  Result<std::span<const std::byte>> take(std::uint64_t size, std::string_view what) {
    if (size > bytes_.size() - at_) return damaged(std::string(what) + " runs over its end");
    const auto piece = bytes_.subspan(at_, size);
    at_ += size;
    return piece;
  }
  template <class T>
  Result<T> take_object(std::string_view what) {
    DL_TRY(const auto bytes, take(sizeof(T), what));
    T object;
    std::memcpy(&object, bytes.data(), sizeof(T));
    return object;
  }
  bool at_end() const { return at_ == bytes_.size(); }
  std::uint64_t at() const { return at_; }

  Error damaged(const std::string& what) const {
    return {Code::kDataLoss, path_.string() + ": damaged at byte " + std::to_string(at_) + ": " +
                                 what + "; use an older checkpoint or write it again"};
  }

 private:
  const fs::path& path_;
  std::span<const std::byte> bytes_;
  std::uint64_t at_ = 0;
};

Result<std::vector<std::byte>> read_file(const fs::path& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose);
  if (!file) return errno_error("read " + path.string(), errno);
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) return errno_error("read " + path.string(), error.value());
  std::vector<std::byte> bytes(size);
  bytes.resize(std::fread(bytes.data(), 1, size, file.get()));
  if (std::ferror(file.get()) != 0) return errno_error("read " + path.string(), EIO);
  return bytes;
}

Result<FileHeader> check_header(Cursor& cursor, const fs::path& path, std::uint64_t size) {
  FileHeader header;
  if (size < sizeof header) {
    return Error{Code::kDataLoss, path.string() + ": truncated: " + std::to_string(size) +
                                      " bytes are less than a header"};
  }
  DL_TRY(header, cursor.take_object<FileHeader>("the header"));
  if (header.magic != kMagic) return cursor.damaged("it does not begin like a .dlm file");
  if (header.version != kVersion) {
    return Error{Code::kUnimplemented,
                 path.string() + ": format version " + std::to_string(header.version) +
                     ", this program reads " + std::to_string(kVersion) + "; use a newer one"};
  }
  if (header.file_bytes > size) {
    return Error{Code::kDataLoss, path.string() + ": truncated: " + std::to_string(size) + " of " +
                                      std::to_string(header.file_bytes) + " bytes are there"};
  }
  return header;
}

// Whether shape and type make as many bytes as there are.
bool fits(const TensorView& view) {
  std::uint64_t size = bytes_of(view.dtype);
  for (const std::int64_t dimension : view.shape) {
    if (dimension < 0 || __builtin_mul_overflow(size, dimension, &size)) return false;
  }
  return size != 0 ? size == view.bytes.size() : view.bytes.empty() && bytes_of(view.dtype) != 0;
}

Result<TensorView> read_tensor(Cursor& cursor) {
  DL_TRY(const TensorHeader header, cursor.take_object<TensorHeader>("a tensor's header"));
  if (header.dimensions > kDimensionsMax) return cursor.damaged("a tensor's header");
  const std::uint64_t head = std::uint64_t{header.name_bytes} + 8u * header.dimensions;
  DL_TRY(const auto rest, cursor.take(head, "a tensor's name"));
  if (head_crc(header, rest) != header.crc) return cursor.damaged("a tensor's header");

  TensorView view;
  view.name.assign(reinterpret_cast<const char*>(rest.data()), header.name_bytes);
  view.dtype = static_cast<DType>(header.dtype);
  view.shape.resize(header.dimensions);
  std::memcpy(view.shape.data(), rest.data() + header.name_bytes, 8u * header.dimensions);
  DL_TRY(const auto padding, cursor.take(header.padding, "padding"));
  if (std::any_of(padding.begin(), padding.end(), [](std::byte b) { return b != std::byte{0}; })) {
    return cursor.damaged("padding that is not zero");
  }
  DL_TRY(view.bytes, cursor.take(header.data_bytes, "tensor " + view.name));
  if (crc32c(view.bytes) != header.data_crc) {
    return cursor.damaged("the checksum of tensor " + view.name + " does not match");
  }
  if (!fits(view)) return cursor.damaged("the shape of tensor " + view.name);
  return view;
}

// The head of one tensor's section and the zero bytes that align its data.
std::vector<std::byte> encode_head(const TensorView& tensor, std::uint64_t at) {
  DL_ASSERT(tensor.shape.size() <= kDimensionsMax, "tensors have few dimensions");
  const std::size_t rest = tensor.name.size() + 8 * tensor.shape.size();
  const std::uint64_t end = at + sizeof(TensorHeader) + rest;
  TensorHeader header{
      .name_bytes = static_cast<std::uint32_t>(tensor.name.size()),
      .dtype = static_cast<std::uint8_t>(tensor.dtype),
      .dimensions = static_cast<std::uint8_t>(tensor.shape.size()),
      .padding = static_cast<std::uint16_t>((kAlignment - end % kAlignment) % kAlignment),
      .data_bytes = tensor.bytes.size(),
      .data_crc = crc32c(tensor.bytes),
  };
  std::vector<std::byte> bytes(sizeof header + rest + header.padding);
  std::byte* name = bytes.data() + sizeof header;
  std::memcpy(name, tensor.name.data(), tensor.name.size());
  std::memcpy(name + tensor.name.size(), tensor.shape.data(), 8 * tensor.shape.size());
  header.crc = head_crc(header, {name, rest});
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

}  // namespace

std::size_t bytes_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
    case DType::kInt64: return 8;
    case DType::kFloat32:
    case DType::kInt32: return 4;
    case DType::kFloat16:
    case DType::kBfloat16: return 2;
    case DType::kUint8: return 1;
  }
  return 0;  // Not a type: no shape has the right size then.
}

const TensorView* Container::find(std::string_view name) const {
  const auto found = std::find_if(tensors_.begin(), tensors_.end(),
                                  [name](const TensorView& view) { return view.name == name; });
  return found == tensors_.end() ? nullptr : &*found;
}

Result<Container> Container::read(const fs::path& path) {
  Container container;
  DL_TRY(container.file_, read_file(path));
  Cursor cursor(path, container.file_);
  DL_TRY(const FileHeader header, check_header(cursor, path, container.file_.size()));
  DL_TRY(const auto description, cursor.take(header.description_bytes, "the description"));
  const std::uint32_t fields = crc32c(bytes_of_object(header, offsetof(FileHeader, crc)));
  if (crc32c(description, fields) != header.crc) {
    return cursor.damaged("the checksum of the header does not match");
  }
  container.description_.assign(reinterpret_cast<const char*>(description.data()),
                                description.size());
  for (std::uint32_t i = 0; i < header.tensors; ++i) {
    DL_TRY(TensorView view, read_tensor(cursor));
    container.tensors_.push_back(std::move(view));
  }
  if (!cursor.at_end()) return cursor.damaged("bytes follow the last tensor");
  return container;
}

Result<void> write_container(const fs::path& path, std::string_view description,
                             std::span<const TensorView> tensors) {
  FileHeader header;
  header.tensors = static_cast<std::uint32_t>(tensors.size());
  header.description_bytes = static_cast<std::uint32_t>(description.size());
  std::uint64_t size = sizeof header + description.size();

  std::vector<std::vector<std::byte>> heads;
  for (const TensorView& tensor : tensors) {
    heads.push_back(encode_head(tensor, size));
    size += heads.back().size() + tensor.bytes.size();
  }
  header.file_bytes = size;
  const auto text = std::as_bytes(std::span(description));
  header.crc = crc32c(text, crc32c(bytes_of_object(header, offsetof(FileHeader, crc))));

  std::vector<std::span<const std::byte>> pieces = {bytes_of_object(header), text};
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    pieces.push_back(heads[i]);
    pieces.push_back(tensors[i].bytes);
  }
  return write_durably(path, pieces);
}

}  // namespace dl::worker::train
