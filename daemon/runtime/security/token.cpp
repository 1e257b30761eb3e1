#include "daemon/runtime/security/token.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>

namespace dl::runtime {
namespace {

constexpr std::size_t kRandomBytes = 32;
constexpr std::size_t kTokenCharsMin = 16;
constexpr std::size_t kTokenCharsMax = 1024;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Result<std::string> random_token() {
  std::array<unsigned char, kRandomBytes> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return errno_error("make a token", errno);
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string token;
  for (const unsigned char byte : bytes) {
    token += kDigits[byte >> 4];
    token += kDigits[byte & 15];
  }
  return token;
}

// Writes the whole file under another name and links it to its own, so that nobody ever reads half
// a token and the first of two makers wins.
Result<void> make_token_file(const std::filesystem::path& file) {
  DL_TRY(const std::string token, random_token());
  std::error_code made;
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), made);
  if (made) return errno_error("make " + file.parent_path().string(), made.value());
  std::string unfinished = file.string() + ".XXXXXX";
  const FileDescriptor fd(::mkostemp(unfinished.data(), O_CLOEXEC));  // O_EXCL and 0600.
  if (fd.get() < 0) return errno_error("make the token file " + file.string(), errno);
  const std::string line = token + "\n";
  const bool written =
      ::write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
      ::fsync(fd.get()) == 0;
  const int write_errno = errno;
  const bool linked = written && (::link(unfinished.c_str(), file.c_str()) == 0 || errno == EEXIST);
  const int link_errno = errno;
  ::unlink(unfinished.c_str());
  if (!written) return errno_error("write the token file " + file.string(), write_errno);
  if (!linked) return errno_error("make the token file " + file.string(), link_errno);
  return {};
}

Result<void> check_private(const std::filesystem::path& file, int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return errno_error("read the token file " + file.string(), errno);
  if (!S_ISREG(status.st_mode)) {
    return Error{Code::kFailedPrecondition, "the token file " + file.string() + " is not a file"};
  }
  if ((status.st_mode & 077) != 0) {
    std::array<char, 8> mode{};
    std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(status.st_mode & 07777));
    return Error{Code::kFailedPrecondition, "the token file " + file.string() +
                                                " is open to other users (mode " + mode.data() +
                                                "); run: chmod 600 " + file.string()};
  }
  return {};
}

bool is_token_char(char c) { return c > ' ' && c <= '~'; }

}  // namespace

Result<std::string> read_token(const std::filesystem::path& file) {
  const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return errno_error("read the token file " + file.string(), errno);
  DL_CHECK(check_private(file, fd.get()));
  std::array<char, kTokenCharsMax + 2> buffer{};
  const ssize_t size = ::read(fd.get(), buffer.data(), buffer.size());
  if (size < 0) return errno_error("read the token file " + file.string(), errno);
  std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  bool usable = text.size() >= kTokenCharsMin && text.size() <= kTokenCharsMax;
  for (const char c : text) usable = usable && is_token_char(c);
  if (!usable) {
    return Error{Code::kFailedPrecondition,
                 "the token file " + file.string() +
                     " has no usable token (one line of 16 to 1024 visible characters); remove it, "
                     "and the coordinator makes a new one at its start"};
  }
  return std::string(text);
}

Result<std::string> read_or_make_token(const std::filesystem::path& file) {
  auto token = read_token(file);
  if (token || token.error().code != Code::kNotFound) return token;
  DL_CHECK(make_token_file(file));
  return read_token(file);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

Result<void> check_authorization(std::string_view authorization, std::string_view token) {
  constexpr std::string_view kScheme = "bearer ";
  const auto refuse = [](std::string message) {
    return Error{Code::kUnauthenticated, std::move(message)};
  };
  if (authorization.empty()) {
    return refuse(
        "no token; send the header \"Authorization: Bearer <token>\" with the content of the "
        "coordinator's token file");
  }
  bool is_bearer = authorization.size() > kScheme.size();
  for (std::size_t i = 0; is_bearer && i < kScheme.size(); ++i) {
    is_bearer = (authorization[i] | ' ') == kScheme[i];
  }
  if (!is_bearer) return refuse("the authorization is not of the form \"Bearer <token>\"");
  const std::string_view shown = authorization.substr(kScheme.size());
  if (token.empty() || !equal_in_constant_time(shown, token)) {
    return refuse("the token is not this coordinator's; take the one in its token file");
  }
  return {};
}

}  // namespace dl::runtime
