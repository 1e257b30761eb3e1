#include "worker/train/data/dataset_cache.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <tuple>

namespace dl::worker::train {

namespace fs = std::filesystem;

namespace {

bool same(const DatasetRequest& a, const DatasetRequest& b) {
  return std::tie(a.spec, a.classes, a.seed, a.smallest_side, a.categories, a.vocabulary,
                  a.context) == std::tie(b.spec, b.classes, b.seed, b.smallest_side, b.categories,
                                         b.vocabulary, b.context);
}

}  // namespace

Result<Splits> DatasetCache::open(const DatasetRequest& request) {
  auto files = files_of(request.spec);
  if (entry_ && files && same(entry_->request, request) && entry_->files == *files) {
    return entry_->splits;
  }
  entry_.reset();  // First, so that there are never two.
  DL_TRY(Splits splits, open_dataset(request));
  if (files) entry_ = {request, *std::move(files), splits};
  return splits;
}

// What is at the spec's path: the file, or the files of the folder. Nothing if that cannot be read:
// open_dataset() says why.
std::optional<std::vector<DatasetCache::File>> DatasetCache::files_of(const DataSpec& spec) {
  std::vector<File> files;
  if (spec.path.empty()) return files;
  std::vector<std::string> paths{spec.path};
  std::error_code error;
  if (fs::is_directory(spec.path, error)) {
    paths.clear();
    for (auto it = fs::directory_iterator(spec.path, error);
         !error && it != fs::directory_iterator(); it.increment(error)) {
      paths.push_back(it->path().string());
    }
  }
  if (error) return std::nullopt;
  std::sort(paths.begin(), paths.end());
  for (std::string& path : paths) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    const std::int64_t changed =
        std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    files.push_back({.path = std::move(path),
                     .size = static_cast<std::uint64_t>(status.st_size),
                     .changed_ns = changed,
                     .inode = status.st_ino});
  }
  return files;
}

}  // namespace dl::worker::train
