#include "daemon/runtime/supervise/retention.h"

#include <algorithm>
#include <system_error>

#include "daemon/runtime/supervise/protocol.h"
#include "daemon/runtime/supervise/task_folder.h"

namespace dl::runtime::supervise {
namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path;
  fs::file_time_type written{};
  std::uint64_t bytes = 0;
};

// Files may vanish while we look; what cannot be read counts as nothing.
Folder measure(const fs::path& path) {
  Folder folder{.path = path};
  std::error_code error;
  folder.written = fs::last_write_time(path / kLogFile, error);
  if (error) folder.written = fs::last_write_time(path, error);
  for (auto it = fs::recursive_directory_iterator(
           path, fs::directory_options::skip_permission_denied, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    std::error_code ignored;
    if (!it->is_regular_file(ignored) || it->is_symlink(ignored)) continue;
    const auto size = it->file_size(ignored);
    if (!ignored) folder.bytes += size;
  }
  return folder;
}

std::vector<Folder> removable(const fs::path& tasks_dir, const std::set<std::string>& keep) {
  std::vector<Folder> folders;
  std::error_code error;
  for (auto it = fs::directory_iterator(tasks_dir, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    std::error_code ignored;
    if (keep.contains(it->path().filename().string())) continue;
    if (!it->is_directory(ignored) || fs::exists(it->path() / kOrderFile, ignored)) continue;
    folders.push_back(measure(it->path()));
  }
  return folders;
}

}  // namespace

std::vector<std::string> remove_old_folders(const fs::path& tasks_dir, const Retention& retention,
                                            const std::set<std::string>& keep,
                                            fs::file_time_type now) {
  auto folders = removable(tasks_dir, keep);
  std::sort(folders.begin(), folders.end(),
            [](const Folder& a, const Folder& b) { return a.written < b.written; });
  std::uint64_t bytes = 0;
  for (const auto& folder : folders) bytes += folder.bytes;
  std::vector<std::string> removed;
  for (const auto& folder : folders) {
    if (now - folder.written <= retention.age_max && bytes <= retention.bytes_max) break;
    std::error_code error;
    fs::remove_all(folder.path, error);
    bytes -= folder.bytes;
    if (!error) removed.push_back(folder.path.filename().string());
  }
  return removed;
}

}  // namespace dl::runtime::supervise
