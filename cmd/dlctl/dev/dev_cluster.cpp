#include "cmd/dlctl/dev/dev_cluster.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "cmd/dlctl/view/job_text.h"
#include "daemon/runtime/device/probe.h"

namespace dl::dlctl {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kReadyPatience{30};
constexpr seconds kGrace{10};

std::string first_word(const fs::path& file) {
  std::ifstream in(file);
  std::string word;
  in >> word;
  return word;
}

Result<void> write_line(const fs::path& file, const std::string& line) {
  std::ofstream out(file, std::ios::trunc);
  out << line << "\n" << std::flush;
  if (!out) return errno_error("cannot write " + file.string(), errno);
  return {};
}

// An agent's share of this machine: a GPU has one owner, the rest is divided evenly.
struct Share {
  std::string cpus;
  std::string memory;
  std::string gpus;
};

Result<Share> share_of(std::uint32_t agent, std::uint32_t agents) {
  DL_TRY(const auto report, runtime::device::probe({}));
  const auto& machine = report.resources;
  Share share{.cpus = std::to_string(std::max(1u, machine.cpus / agents)),
              .memory = std::to_string(machine.memory_bytes / agents),
              .gpus = {}};
  for (std::size_t i = 0; i < machine.gpus.size(); ++i) {
    if (i * agents / machine.gpus.size() != agent) continue;
    share.gpus += (share.gpus.empty() ? "" : ",") + std::to_string(machine.gpus[i].index);
  }
  if (share.gpus.empty()) share.gpus = "none";
  return share;
}

bool is_node_ready(Client& client, const std::string& name) {
  const auto nodes = client.list_nodes();
  if (!nodes) return false;
  return std::any_of(nodes->nodes().begin(), nodes->nodes().end(), [&](const v1::Node& node) {
    return node.id() == name && (node.state() == "ready" || node.state() == "draining");
  });
}

v1::ListJobsResponse live_jobs(Client& client) {
  v1::ListJobsResponse live;
  for (const auto* state : {"queued", "running", "stopping"}) {
    const auto jobs = client.list_jobs(state, 0);
    if (!jobs) continue;
    for (const auto& job : jobs->jobs()) *live.add_jobs() = job;
  }
  return live;
}

}  // namespace

Result<DevCluster> DevCluster::open(DevOptions options) {
  std::error_code failed;
  fs::create_directories(options.folder, failed);
  const std::string lock = (options.folder / "lock").string();
  const int fd = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return errno_error("cannot open " + lock, errno);
  while (flock(fd, LOCK_EX) != 0) {
    if (errno != EINTR) {
      const Error error = errno_error("cannot lock " + lock, errno);
      close(fd);
      return error;
    }
  }
  return DevCluster(std::move(options), fd);
}

DevCluster::DevCluster(DevCluster&& other) noexcept
    : options_(std::move(other.options_)), lock_fd_(std::exchange(other.lock_fd_, -1)) {}

DevCluster::~DevCluster() {
  if (lock_fd_ >= 0) close(lock_fd_);
}

std::string DevCluster::address() const { return first_word(options_.folder / "address"); }

Endpoint DevCluster::endpoint() const {
  const fs::path token = coordinator_folder() / "token";
  return {.address = address(),
          .token = first_word(token),
          .token_source = token.string(),
          .tls_ca = {},
          .context = {}};
}

Result<DevDaemon> DevCluster::start_coordinator() {
  DevDaemon daemon{"coordinator", coordinator_folder(), find_daemon(coordinator_folder())};
  if (daemon.process) return daemon;
  DL_CHECK(write_line(options_.folder / "address", options_.address));
  DL_CHECK(write_line(options_.folder / "http_address", options_.http_address));
  DL_TRY(daemon.process,
         start_daemon(daemon.folder, {(options_.binaries / "dl-coordinatord").string(),
                                      "--state-dir", daemon.folder.string(), "--listen",
                                      options_.address, "--http-listen", options_.http_address}));
  daemon.started = true;
  return daemon;
}

Result<DevDaemon> DevCluster::start_agent(std::uint32_t index) {
  const std::string number = std::to_string(index);
  const fs::path folder = options_.folder / ("agent-" + number);
  DevDaemon daemon{"local-" + number, folder, find_daemon(folder)};
  if (daemon.process) return daemon;
  DL_TRY(const Share share, share_of(index, std::max(1u, options_.agents)));
  DL_TRY(daemon.process,
         start_daemon(folder, {(options_.binaries / "dl-agentd").string(), "--state-dir",
                               folder.string(), "--coordinator", address(), "--token-file",
                               (coordinator_folder() / "token").string(), "--node", daemon.name,
                               "--host", "127.0.0.1", "--cpus", share.cpus, "--memory",
                               share.memory, "--gpus", share.gpus}));
  daemon.started = true;
  return daemon;
}

Result<void> DevCluster::wait_until(const DevDaemon& daemon,
                                    const std::function<bool(Client&)>& ready) {
  const auto deadline = std::chrono::steady_clock::now() + kReadyPatience;
  while (true) {
    // The token is made at the coordinator's first start, so it is read each time.
    Client client(endpoint(), milliseconds(1000));
    if (ready(client)) return {};
    const bool alive = daemon.process && is_alive(*daemon.process);
    if (!alive || std::chrono::steady_clock::now() >= deadline) {
      return unavailable(daemon.name +
                         (alive ? " is not ready after " + to_short_string(kReadyPatience)
                                : " ended before it was ready") +
                         "; its log (" + (daemon.folder / "log").string() +
                         ") ends:" + log_tail(daemon.folder, 8));
    }
    std::this_thread::sleep_for(milliseconds(30));
  }
}

Result<std::vector<DevDaemon>> DevCluster::up() {
  std::vector<DevDaemon> all;
  DL_TRY(all.emplace_back(), start_coordinator());
  DL_CHECK(
      wait_until(all.front(), [](Client& client) { return client.get_version().has_value(); }));
  for (std::uint32_t i = 0; i < options_.agents; ++i) {
    DL_TRY(all.emplace_back(), start_agent(i));
  }
  for (std::size_t i = 1; i < all.size(); ++i) {
    DL_CHECK(
        wait_until(all[i], [&](Client& client) { return is_node_ready(client, all[i].name); }));
  }
  return all;
}

std::vector<DevDaemon> DevCluster::daemons() const {
  std::vector<DevDaemon> all;
  std::error_code failed;
  if (fs::exists(coordinator_folder(), failed)) {
    all.push_back({"coordinator", coordinator_folder(), find_daemon(coordinator_folder())});
  }
  for (std::uint32_t i = 0;; ++i) {
    const fs::path folder = options_.folder / ("agent-" + std::to_string(i));
    if (!fs::exists(folder, failed)) return all;
    all.push_back({"local-" + std::to_string(i), folder, find_daemon(folder)});
  }
}

Result<std::vector<std::string>> DevCluster::what_runs() {
  std::vector<std::string> names;
  if (find_daemon(coordinator_folder())) {
    Client client(endpoint(), seconds(5));
    DL_CHECK(client.get_version());
    const auto live = live_jobs(client);
    for (const auto& job : live.jobs()) {
      names.push_back("job " + std::to_string(job.id()) + " (" + one_line(job.name()) + ")");
    }
    return names;
  }
  for (const auto& daemon : daemons()) {
    const auto tasks = count_tasks_alive(daemon.folder);
    if (tasks > 0) names.push_back(std::to_string(tasks) + " tasks on " + daemon.name);
  }
  return names;
}

void DevCluster::cancel_jobs() {
  if (!find_daemon(coordinator_folder())) return;
  Client client(endpoint(), seconds(5));
  for (const bool by_force : {false, true}) {
    const auto live = live_jobs(client);
    for (const auto& job : live.jobs()) {
      // What cannot be cancelled is killed with its agent.
      (void)client.cancel_job(std::to_string(job.id()), by_force);
    }
    const auto deadline = std::chrono::steady_clock::now() + kGrace;
    while (live_jobs(client).jobs_size() > 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(100));
    }
  }
}

Result<std::size_t> DevCluster::down() {
  cancel_jobs();
  std::vector<DaemonRecord> agents;
  std::vector<DaemonRecord> coordinator;
  const auto all = daemons();
  for (const auto& daemon : all) {
    if (!daemon.process) continue;
    (daemon.name == "coordinator" ? coordinator : agents).push_back(*daemon.process);
  }
  stop_daemons(agents, kGrace);
  stop_daemons(coordinator, kGrace);
  std::size_t killed = 0;
  for (const auto& daemon : all) {
    killed += kill_tasks(daemon.folder);
    std::error_code ignored;
    fs::remove(daemon.folder / "process", ignored);
  }
  return killed;
}

Result<void> DevCluster::purge() {
  std::error_code failed;
  fs::remove_all(options_.folder, failed);
  if (failed) {
    return internal("cannot remove " + options_.folder.string() + ": " + failed.message());
  }
  return {};
}

}  // namespace dl::dlctl
