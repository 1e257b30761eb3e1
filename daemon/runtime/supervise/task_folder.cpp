#include "daemon/runtime/supervise/task_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>

#include "daemon/runtime/supervise/protocol.h"

namespace dl::runtime::supervise {
namespace {

namespace fs = std::filesystem;

class File {
 public:
  File(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

std::string without_control_characters(std::string_view line) {
  std::string clean;
  for (const char c : line) clean += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return clean;
}

// Cuts at a character's border, so that UTF-8 stays UTF-8.
std::string_view cut(std::string_view text, std::size_t size_max) {
  if (text.size() <= size_max) return text;
  std::size_t size = size_max;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

}  // namespace

std::string folder_name(const TaskId& task) {
  return to_string(task.attempt) + "-" + std::string(to_string(task.role)) + "-" +
         std::to_string(task.index);
}

std::optional<TaskId> task_of_folder(std::string_view name) {
  const auto index = name.rfind('-');
  const auto role = index == std::string_view::npos || index == 0 ? std::string_view::npos
                                                                  : name.rfind('-', index - 1);
  if (role == std::string_view::npos) return std::nullopt;
  std::string text(name);
  text[role] = '/';
  text[index] = ':';
  const auto task = task_id_from_string(text);
  if (!task || folder_name(*task) != name) return std::nullopt;
  return *task;
}

std::optional<PidRecord> read_pid_record(const fs::path& folder) {
  const auto text = read_file(folder / kPidFile);
  if (!text) return std::nullopt;
  PidRecord record;
  std::istringstream in(*text);
  if (!(in >> record.supervisor >> record.start_time >> record.boot_id >> record.task)) {
    return std::nullopt;
  }
  return record;
}

std::optional<ExitRecord> read_exit_record(const fs::path& folder) {
  const auto text = read_file(folder / kExitFile);
  if (!text) return std::nullopt;
  ExitRecord record;
  std::istringstream in(*text);
  std::array<std::string, 5> keys;
  std::string step;
  if (!(in >> keys[0] >> record.code >> keys[1] >> record.signal >> keys[2] >> record.oom_kills >>
        keys[3] >> step >> keys[4] >> record.errnum)) {
    return std::nullopt;
  }
  if (step != "-") record.failed_step = step;
  return record;
}

std::vector<fs::path> entries_of(const fs::path& dir) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (auto it = fs::directory_iterator(dir, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    entries.push_back(it->path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

Result<std::string> read_file(const fs::path& path) {
  const File file(path, O_RDONLY);
  if (file.fd() < 0) return errno_error("open " + path.string(), errno);
  std::string text;
  std::array<char, 16384> block{};
  for (;;) {
    const ssize_t got = ::read(file.fd(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read " + path.string(), errno);
    if (got == 0) return text;
    text.append(block.data(), static_cast<std::size_t>(got));
  }
}

Result<void> write_file(const fs::path& path, std::string_view text) {
  fs::path temporary = path;
  temporary += ".new";
  {
    const File file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (file.fd() < 0) return errno_error("create " + temporary.string(), errno);
    while (!text.empty()) {
      const ssize_t put = ::write(file.fd(), text.data(), text.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return errno_error("write " + temporary.string(), errno);
      text.remove_prefix(static_cast<std::size_t>(put));
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return errno_error("rename " + temporary.string(), errno);
  }
  return {};
}

Result<void> create_task_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return errno_error("create " + folder.string(), errno);
  for (int number = 1; number < 1000; ++number) {
    fs::path aside = folder;
    aside += ".old-" + std::to_string(number);
    if (::access(aside.c_str(), F_OK) == 0) continue;
    if (::rename(folder.c_str(), aside.c_str()) != 0) {
      return errno_error("set " + folder.string() + " aside", errno);
    }
    drop_task_folder(aside);
    if (::mkdir(folder.c_str(), 0700) == 0) return {};
    return errno_error("create " + folder.string(), errno);
  }
  return Error{Code::kResourceExhausted,
               "1000 old folders like " + folder.string() + " are there; remove some"};
}

void drop_task_folder(const fs::path& folder) {
  // The order goes first: without it the folder is no task any more.
  for (const char* name : {kOrderFile, kTaskFile, kFailureFile, kPidFile, kExitFile}) {
    ::unlink((folder / name).c_str());
  }
}

std::string last_log_line(const fs::path& folder) {
  constexpr off_t kTailMax = 4096;
  constexpr std::size_t kLineMax = 240;
  const File file(folder / kLogFile, O_RDONLY);
  if (file.fd() < 0) return {};
  const off_t size = ::lseek(file.fd(), 0, SEEK_END);
  const off_t from = std::max<off_t>(0, size - kTailMax);
  std::string tail(static_cast<std::size_t>(size - from), '\0');
  const ssize_t got = ::pread(file.fd(), tail.data(), tail.size(), from);
  tail.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  const auto last = tail.find_last_not_of(" \t\r\n");
  if (last == std::string::npos) return {};
  const auto before = tail.find_last_of("\r\n", last);
  const auto first = before == std::string::npos ? 0 : before + 1;
  return without_control_characters(
      cut(std::string_view(tail).substr(first, last + 1 - first), kLineMax));
}

}  // namespace dl::runtime::supervise
