// dl-agentd: the daemon of one machine of the cluster. Wiring only.

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <thread>

#include "base/log.h"
#include "daemon/runtime/agent/agent_shell.h"
#include "daemon/runtime/config/config_file.h"
#include "daemon/runtime/config/daemon_options.h"
#include "daemon/runtime/device/probe.h"
#include "daemon/runtime/security/listen.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

fs::path own_folder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name[0] != '\0' ? name : "localhost";
}

// Letters, digits, '-' and '.' of the host's name, in lower case.
std::string node_name_of(const std::string& host) {
  std::string name;
  for (const char c : host) {
    const auto lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    name += std::isalnum(static_cast<unsigned char>(c)) || c == '.' ? lower : '-';
  }
  name.resize(std::min<std::size_t>(name.size(), 63));
  while (!name.empty() && !std::isalnum(static_cast<unsigned char>(name.back()))) name.pop_back();
  while (!name.empty() && !std::isalnum(static_cast<unsigned char>(name.front()))) name.erase(0, 1);
  return name.empty() ? "node" : name;
}

Result<std::string> node_of(const Options& options) {
  if (options.string("node").empty()) return node_name_of(host_name());
  if (is_valid_node_id(options.string("node"))) return options.string("node");
  return invalid_argument("--node \"" + options.string("node") +
                          "\" is no node's name; use lower-case letters, digits, '-' and '.', at "
                          "most 63, as in gpu-07");
}

fs::path path_or(const Options& options, const char* name, const fs::path& fallback) {
  if (options.path(name).empty()) return fallback;
  return options.path(name);
}

Result<runtime::agent::AgentConfig> config_of(const Options& options) {
  runtime::agent::AgentConfig config;
  DL_TRY(config.node, node_of(options));
  DL_TRY(const auto coordinator, runtime::parse_address(options.string("coordinator")));
  DL_TRY(config.ports, runtime::agent::parse_port_range(options.string("ports")));
  config.host = options.string("host");
  if (config.host.empty()) config.host = is_loopback(coordinator) ? "127.0.0.1" : host_name();
  config.version = DL_VERSION;
  config.state_dir = path_or(options, "state_dir", runtime::state_home() / "agent");
  config.supervisor = path_or(options, "supervisor", own_folder() / "dl-supervisor");
  config.worker = path_or(options, "worker", own_folder() / "dl-worker");
  config.stand_in = own_folder() / "dl-stand-in";
  config.heartbeat = std::chrono::ceil<std::chrono::milliseconds>(options.duration("heartbeat"));
  config.link.coordinator = to_string(coordinator);
  config.link.token_file =
      path_or(options, "token_file", runtime::state_home() / "coordinator" / "token");
  config.link.tls_ca = options.path("tls_ca");
  config.cgroups = options.string("cgroup") != "none";
  config.cpu_quota = options.string("cgroup") == "quota";
  config.retention = {
      .age_max = std::chrono::ceil<std::chrono::hours>(options.duration("keep_logs")),
      .bytes_max = options.bytes("keep_logs_bytes")};
  DL_TRY(auto report,
         runtime::device::probe({.cpus = static_cast<std::uint32_t>(options.integer("cpus")),
                                 .memory_bytes = options.bytes("memory"),
                                 .gpus = options.list("gpus")}));
  for (const auto& remark : report.remarks) spdlog::info("{}", remark);
  config.resources = std::move(report.resources);
  return config;
}

// Signals are blocked in all threads and taken by one that waits for them.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

// Held ports and watched tasks cost descriptors, more than the usual 1,024 on a large node.
void raise_descriptor_limit() {
  constexpr rlim_t kWanted = 65536;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kWanted) return;
  limit.rlim_cur = std::min(limit.rlim_max, kWanted);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<void> run(const Options& options) {
  const sigset_t set = block_signals();
  raise_descriptor_limit();
  DL_TRY(auto config, config_of(options));
  const std::string node = config.node;
  const std::string coordinator = config.link.coordinator;
  DL_TRY(auto agent, runtime::agent::AgentShell::create(std::move(config)));
  std::thread waiter([&] {
    int number = 0;
    sigwait(&set, &number);
    spdlog::info("{}: stopping; tasks go on", ::strsignal(number));
    agent->stop();
  });
  std::printf("dl-agentd is ready: node %s, coordinator %s\n", node.c_str(), coordinator.c_str());
  std::fflush(stdout);
  agent->run();
  waiter.join();
  return {};
}

int fail(const Error& error) {
  std::fprintf(stderr, "dl-agentd: %s\n", error.message.c_str());
  return error.code == Code::kInvalidArgument ? 2 : 1;
}

int run_main(std::span<const char* const> arguments) {
  Options options(runtime::agent_options());
  const auto startup = runtime::load_options(options, arguments);
  if (!startup) return fail(startup.error());
  if (*startup == runtime::Startup::kHelp) {
    std::fputs(help_text("dl-agentd [options]", options.table()).c_str(), stdout);
    return 0;
  }
  if (*startup == runtime::Startup::kVersion) {
    std::puts("dl-agentd " DL_VERSION);
    return 0;
  }
  log_init("dl-agentd", options.string("log_level"),
           options.string("log_format") == "json" ? LogFormat::kJson : LogFormat::kText);
  const auto done = run(options);
  return done ? 0 : fail(done.error());
}

}  // namespace
}  // namespace dl

int main(int argc, char** argv) {
  return dl::run_main({argv + 1, static_cast<std::size_t>(std::max(argc - 1, 0))});
}
