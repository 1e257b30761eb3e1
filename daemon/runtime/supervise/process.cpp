#include "daemon/runtime/supervise/process.h"

#include <dirent.h>
#include <unistd.h>

#include <charconv>
#include <memory>
#include <sstream>

#include "daemon/runtime/supervise/protocol.h"

namespace dl::runtime::supervise {
namespace {

namespace fs = std::filesystem;

struct Stat {
  char state = '?';
  pid_t session = 0;
  std::uint64_t start_time = 0;
};

std::string proc_path(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

std::optional<Stat> stat_of(pid_t pid) {
  const auto text = read_file(proc_path(pid, "stat"));
  if (!text) return std::nullopt;
  // The program's name, in parentheses, may hold anything.
  const auto name_end = text->rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream in(text->substr(name_end + 1));
  Stat stat;
  std::string skipped;
  in >> stat.state >> skipped >> skipped >> stat.session;  // Fields 3 to 6.
  for (int field = 7; field < 22; ++field) in >> skipped;
  if (!(in >> stat.start_time)) return std::nullopt;
  return stat;
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), &::closedir);
  while (const dirent* entry = proc ? ::readdir(proc.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc{} && end == name.data() + name.size()) pids.push_back(pid);
  }
  return pids;
}

// Looks for NAME=folder among the NUL-terminated entries.
bool carries(const std::string& environment, const fs::path& folder) {
  const std::string entry = std::string(kFolderVariable) + "=" + folder.string() + '\0';
  const auto at = environment.find(entry);
  return at != std::string::npos && (at == 0 || environment[at - 1] == '\0');
}

bool belongs(pid_t pid, const fs::path& folder) {
  const auto environment = read_file(proc_path(pid, "environ"));
  return environment && carries(*environment, folder);
}

}  // namespace

std::optional<std::uint64_t> start_time_of(pid_t pid) {
  const auto stat = stat_of(pid);
  if (!stat || stat->state == 'Z' || stat->state == 'X') return std::nullopt;
  return stat->start_time;
}

const std::string& boot_id() {
  static const std::string id = [] {
    auto text = read_file("/proc/sys/kernel/random/boot_id");
    if (!text) return std::string("-");
    text->erase(text->find_last_not_of("\r\n") + 1);
    return *text;
  }();
  return id;
}

bool is_alive(const PidRecord& record) {
  return record.boot_id == boot_id() && start_time_of(record.supervisor) == record.start_time;
}

std::vector<pid_t> find_strays(const fs::path& folder, pid_t session) {
  std::vector<pid_t> strays;
  for (const pid_t pid : all_processes()) {
    const auto stat = stat_of(pid);
    if (!stat || stat->state == 'Z' || stat->state == 'X' || pid == ::getpid()) continue;
    const bool same_session = session > 0 && stat->session == session;
    if (same_session || belongs(pid, folder)) strays.push_back(pid);
  }
  return strays;
}

std::optional<pid_t> find_supervisor(const fs::path& folder) {
  for (const pid_t pid : all_processes()) {
    const auto name = read_file(proc_path(pid, "comm"));
    if (name && *name == "dl-supervisor\n" && belongs(pid, folder)) return pid;
  }
  return std::nullopt;
}

}  // namespace dl::runtime::supervise
