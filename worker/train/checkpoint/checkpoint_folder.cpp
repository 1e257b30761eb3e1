#include "worker/train/checkpoint/checkpoint_folder.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

namespace dl::worker::train {
namespace {

namespace fs = std::filesystem;

// Of two attempts the later one is right, whatever step the earlier one reached: the later one
// resumed from what the coordinator knew to be complete.
bool is_newer(const CheckpointName& a, const CheckpointName& b) {
  return std::tie(a.attempt, a.step) > std::tie(b.attempt, b.step);
}

}  // namespace

std::string to_string(const CheckpointName& name) {
  char text[64];
  std::snprintf(text, sizeof text, "step-%09llu-attempt-%u.dlm",
                static_cast<unsigned long long>(name.step), name.attempt);
  return text;
}

std::optional<CheckpointName> checkpoint_name_from_string(std::string_view file) {
  unsigned long long step = 0;
  unsigned attempt = 0;
  const std::string text(file);
  if (std::sscanf(text.c_str(), "step-%llu-attempt-%u.dlm", &step, &attempt) != 2) return {};
  const CheckpointName name{.step = step, .attempt = attempt};
  if (to_string(name) != text) return {};
  return name;
}

std::vector<CheckpointName> CheckpointFolder::list() const {
  std::vector<CheckpointName> names;
  std::error_code error;
  for (fs::directory_iterator entry(path_, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto name = checkpoint_name_from_string(entry->path().filename().string());
    if (name && name->attempt <= attempt_) names.push_back(*name);
  }
  std::sort(names.begin(), names.end(), is_newer);
  return names;
}

Result<Resumable> CheckpointFolder::resume(const std::string& wanted) const {
  const fs::path given(wanted);
  std::vector<fs::path> candidates = {given.is_absolute() ? given : path_ / given.filename()};
  std::vector<CheckpointName> others = list();
  if (const auto name = checkpoint_name_from_string(given.filename().string())) {
    std::erase(others, *name);
    std::stable_partition(others.begin(), others.end(),
                          [&](const CheckpointName& other) { return other.step <= name->step; });
  }
  for (const CheckpointName& other : others) candidates.push_back(path_ / to_string(other));

  std::vector<std::string> refused;
  for (const fs::path& candidate : candidates) {
    Result<Container> container = Container::read(candidate);
    if (container) {
      return Resumable{candidate.filename().string(), *std::move(container), std::move(refused)};
    }
    refused.push_back(container.error().message);
  }
  std::string message = "no checkpoint in " + path_.string() + " can be used";
  for (const std::string& reason : refused) message += "; " + reason;
  return Error{Code::kDataLoss, message};
}

Result<std::string> CheckpointFolder::write(std::uint64_t step, std::string_view description,
                                            std::span<const TensorView> tensors,
                                            std::uint32_t keep) const {
  const std::string file = to_string(CheckpointName{.step = step, .attempt = attempt_});
  DL_CHECK(write_container(path_ / file, description, tensors));
  prune(keep);
  return file;
}

void CheckpointFolder::prune(std::uint32_t keep) const {
  const std::vector<CheckpointName> names = list();
  for (std::size_t i = std::max(keep, 1u); i < names.size(); ++i) {
    std::error_code ignored;  // What cannot be removed now is tried again after the next one.
    fs::remove(path_ / to_string(names[i]), ignored);
  }
}

}  // namespace dl::worker::train
