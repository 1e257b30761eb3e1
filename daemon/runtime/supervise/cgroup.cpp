#include "daemon/runtime/supervise/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "daemon/runtime/supervise/spawn.h"
#include "daemon/runtime/supervise/task_folder.h"

namespace dl::runtime::supervise {
namespace {

namespace fs = std::filesystem;

constexpr const char* kControllers[] = {"memory", "cpu", "pids"};

// cgroup files are written in one piece and in place.
Result<void> put(const fs::path& file, std::string_view text) {
  const Fd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return errno_error("open " + file.string(), errno);
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return errno_error("write " + std::string(text) + " to " + file.string(), errno);
  }
  return {};
}

std::set<std::string> words_of(const std::string& text, char separator) {
  std::set<std::string> words;
  std::string word;
  std::istringstream in(text);
  while (std::getline(in, word, separator)) {
    word.erase(word.find_last_not_of(" \n") + 1);
    if (!word.empty()) words.insert(word);
  }
  return words;
}

struct Hierarchy {
  fs::path own;  // This process's cgroup, as a folder.
};

struct Hierarchies {
  std::optional<Hierarchy> v2;
  std::map<std::string, Hierarchy> v1;  // By controller.
};

// Lines of /proc/self/cgroup: "<id>:<controllers>:<path>"; v2 is "0::<path>".
std::map<std::string, std::string> paths_by_controller(const std::string& membership) {
  std::map<std::string, std::string> paths;
  std::istringstream lines(membership);
  std::string line;
  while (std::getline(lines, line)) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) paths[""] = path;
    for (const auto& controller : words_of(controllers, ',')) paths[controller] = path;
  }
  return paths;
}

// In a container the mount shows a part of the tree, from `root` down.
fs::path below_mount(const std::string& mount, const std::string& root, const std::string& path) {
  std::string below = path;
  if (root != "/" && below.rfind(root, 0) == 0) below.erase(0, root.size());
  while (!below.empty() && below.front() == '/') below.erase(0, 1);
  const fs::path folder = below.empty() ? fs::path(mount) : fs::path(mount) / below;
  std::error_code ignored;
  return fs::is_directory(folder, ignored) ? folder : fs::path(mount);
}

Hierarchies read_hierarchies(const CgroupSources& sources) {
  Hierarchies found;
  const auto paths = paths_by_controller(sources.membership);
  std::istringstream lines(sources.mountinfo);
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream in(line);
    std::string id, parent, device, root, mount, word, type, source, options;
    in >> id >> parent >> device >> root >> mount;
    while (in >> word && word != "-") {
    }
    in >> type >> source >> options;
    if (type == "cgroup2" && paths.contains("")) {
      found.v2 = Hierarchy{below_mount(mount, root, paths.at(""))};
    }
    if (type != "cgroup") continue;
    const auto mounted = words_of(options, ',');
    for (const std::string controller : kControllers) {
      if (!mounted.contains(controller) || !paths.contains(controller)) continue;
      found.v1[controller] = Hierarchy{below_mount(mount, root, paths.at(controller))};
    }
  }
  return found;
}

Result<void> make_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0755) == 0 || errno == EEXIST) return {};
  return errno_error("create " + folder.string(), errno);
}

// Hands the controllers down to the children of `folder`.
Result<void> delegate(const fs::path& folder, const std::set<std::string>& controllers) {
  std::string text;
  for (const std::string controller : kControllers) {
    if (controllers.contains(controller)) text += (text.empty() ? "+" : " +") + controller;
  }
  return put(folder / "cgroup.subtree_control", text);
}

// Makes sure that the controllers can be handed down from the agent's own cgroup; returns them.
Result<std::set<std::string>> prepare_v2(const fs::path& own, pid_t self) {
  DL_TRY(const auto text, read_file(own / "cgroup.controllers"));
  const auto controllers = words_of(text, ' ');
  if (!controllers.contains("memory")) {
    return Error{Code::kFailedPrecondition,
                 own.string() + " has no memory controller (systemd: Delegate=yes)"};
  }
  if (auto delegated = delegate(own, controllers); !delegated) {
    // Busy: processes live here, and v2 wants them in leaves. Ours is the one we may move.
    DL_CHECK(make_folder(own / "dl-agentd"));
    DL_CHECK(put(own / "dl-agentd" / "cgroup.procs", std::to_string(self)));
    DL_CHECK(delegate(own, controllers));
  }
  return controllers;
}

}  // namespace

Cgroups Cgroups::none(std::string reason) {
  Cgroups cgroups;
  cgroups.description_ = "no cgroups: " + std::move(reason);
  return cgroups;
}

Cgroups Cgroups::detect(std::string_view node) {
  CgroupSources sources;
  if (auto text = read_file("/proc/self/mountinfo")) sources.mountinfo = *std::move(text);
  if (auto text = read_file("/proc/self/cgroup")) sources.membership = *std::move(text);
  sources.self = ::getpid();
  return detect(sources, node);
}

Cgroups Cgroups::detect(const CgroupSources& sources, std::string_view node) {
  const std::string name = "dl-" + std::string(node);
  const auto found = read_hierarchies(sources);
  Cgroups cgroups;
  if (found.v1.contains("memory")) {
    cgroups.version_ = Version::kV1;
    for (const auto& [controller, hierarchy] : found.v1) {
      cgroups.parents_.push_back(hierarchy.own / name);
    }
    cgroups.description_ = "cgroup v1 below " + found.v1.at("memory").own.string();
  } else if (found.v2) {
    auto controllers = prepare_v2(found.v2->own, sources.self);
    if (!controllers) return none(controllers.error().message);
    cgroups.version_ = Version::kV2;
    cgroups.controllers_ = *std::move(controllers);
    cgroups.parents_ = {found.v2->own / name};
    cgroups.description_ = "cgroup v2 below " + found.v2->own.string();
  } else {
    return none("no hierarchy is mounted");
  }
  for (const auto& parent : cgroups.parents_) {
    if (auto made = cgroups.make_parent(parent); !made) return none(made.error().message);
    ::rmdir(parent.c_str());
  }
  return cgroups;
}

Result<void> Cgroups::make_parent(const fs::path& parent) const {
  DL_CHECK(make_folder(parent));
  return version_ == Version::kV2 ? delegate(parent, controllers_) : Result<void>();
}

Result<std::string> Cgroups::make_task(const fs::path& parent, const std::string& task,
                                       const CgroupLimits& limits) const {
  const fs::path folder = parent / task;
  // A supervisor that has just ended may take the parent away between our two steps.
  constexpr int kTriesMax = 8;
  Result<void> made;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    made = make_parent(parent);
    if (made) made = make_folder(folder);
    if (made || made.error().code != Code::kNotFound) break;
  }
  DL_CHECK(made);
  DL_CHECK(apply(folder, limits));
  return folder.string();
}

Result<std::vector<std::string>> Cgroups::create(const std::string& task,
                                                 const CgroupLimits& limits) const {
  std::vector<std::string> folders;
  for (const auto& parent : parents_) {
    auto folder = make_task(parent, task, limits);
    if (!folder) {
      remove(task);
      return std::move(folder).error();
    }
    folders.push_back(*std::move(folder));
  }
  return folders;
}

Result<void> Cgroups::apply(const fs::path& folder, const CgroupLimits& limits) const {
  constexpr std::uint64_t kPeriodUs = 100'000;
  // v1 keeps a controller's files in that controller's hierarchy.
  const auto has = [&](const char* file) {
    return version_ == Version::kV2 || ::access((folder / file).c_str(), F_OK) == 0;
  };
  const bool v2 = version_ == Version::kV2;
  const char* memory = v2 ? "memory.max" : "memory.limit_in_bytes";
  if (limits.memory_bytes > 0 && has(memory)) {
    DL_CHECK(put(folder / memory, std::to_string(limits.memory_bytes)));
    // Swap would only hide the limit. Absent where the kernel does not account for it.
    if (v2 && ::access((folder / "memory.swap.max").c_str(), F_OK) == 0) {
      DL_CHECK(put(folder / "memory.swap.max", "0"));
    }
  }
  const char* weight = v2 ? "cpu.weight" : "cpu.shares";
  if (limits.cpus > 0 && has(weight)) {
    const std::uint64_t value = v2 ? std::min<std::uint64_t>(100ULL * limits.cpus, 10'000)
                                   : std::min<std::uint64_t>(1024ULL * limits.cpus, 262'144);
    DL_CHECK(put(folder / weight, std::to_string(value)));
  }
  const char* quota = v2 ? "cpu.max" : "cpu.cfs_quota_us";
  if (limits.cpu_quota > 0 && has(quota)) {
    const std::string share = std::to_string(kPeriodUs * limits.cpu_quota);
    DL_CHECK(put(folder / quota, v2 ? share + " " + std::to_string(kPeriodUs) : share));
  }
  if (limits.processes_max > 0 && has("pids.max")) {
    DL_CHECK(put(folder / "pids.max", std::to_string(limits.processes_max)));
  }
  return {};
}

std::vector<pid_t> Cgroups::processes(const std::string& task) const {
  std::set<pid_t> pids;
  for (const auto& parent : parents_) {
    const auto text = read_file(parent / task / "cgroup.procs");
    if (!text) continue;
    std::istringstream in(*text);
    for (pid_t pid = 0; in >> pid;) pids.insert(pid);
  }
  return {pids.begin(), pids.end()};
}

void Cgroups::remove(const std::string& task) const {
  for (const auto& parent : parents_) {
    ::rmdir((parent / task).c_str());
    ::rmdir(parent.c_str());  // Stays while it has other tasks.
  }
}

}  // namespace dl::runtime::supervise
