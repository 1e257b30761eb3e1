// dl-coordinatord: options, log, signals; everything else is daemon/runtime/server and /http.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "base/log.h"
#include "base/memory.h"
#include "base/options.h"
#include "daemon/runtime/config/config_file.h"
#include "daemon/runtime/config/daemon_options.h"
#include "daemon/runtime/http/http_server.h"
#include "daemon/runtime/http/metrics/coordinator_metrics.h"
#include "daemon/runtime/security/token.h"
#include "daemon/runtime/server/server.h"
#include "daemon/runtime/server/state_dir.h"
#include "scheduler/search/searcher.h"

namespace dl {
namespace {

constexpr int kExitUsage = 2;   // Wrong options, or a configuration that cannot be read.
constexpr int kExitFailed = 1;  // Could not start.

// Blocks SIGINT and SIGTERM in this thread and all that it starts; wait() takes them.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }
  int wait() const {
    int signal = 0;
    sigwait(&set_, &signal);
    return signal;
  }

 private:
  sigset_t set_;
};

std::chrono::milliseconds milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

std::filesystem::path or_else(const std::string& given, std::filesystem::path otherwise) {
  return given.empty() ? std::move(otherwise) : std::filesystem::path(given);
}

Result<runtime::server::ServerOptions> server_options(const Options& options) {
  runtime::server::ServerOptions server;
  server.state_dir = std::filesystem::absolute(
      or_else(options.path("state_dir"), runtime::state_home() / "coordinator"));
  DL_TRY(server.listen, runtime::parse_address(options.string("listen")));
  server.tls = {options.path("tls_cert"), options.path("tls_key")};
  server.version = DL_VERSION;
  server.settings.heartbeat = milliseconds(options.duration("heartbeat"));
  server.settings.lost_after = milliseconds(options.duration("lost_after"));
  server.settings.jobs_max = static_cast<std::uint32_t>(options.integer("jobs_max"));
  server.settings.artifact_root = std::filesystem::absolute(
      or_else(options.path("artifact_dir"), server.state_dir / "artifacts"));
  std::random_device random;
  server.settings.seed = std::uint64_t{random()} << 32 | random();
  DL_CHECK(runtime::server::make_state_dir(server.state_dir));
  DL_TRY(server.token, runtime::read_or_make_token(
                           or_else(options.path("token_file"), server.state_dir / "token")));
  return server;
}

runtime::http::HttpOptions http_options(const runtime::server::ServerOptions& options,
                                        const runtime::Address& address,
                                        runtime::server::Server& server) {
  runtime::http::HttpOptions http;
  http.address = address;
  http.tls = options.tls;
  http.token = options.token;
  http.version = options.version;
  http.services = {"dl.v1.JobService", "dl.v1.SearchService", "dl.v1.ClusterService"};
  http.channel = server.channel();
  http.metrics = [&server](runtime::http::HttpOptions::MetricsDone done) {
    server.describe([&server, done = std::move(done)](const v1::Cluster& cluster) {
      done(runtime::http::metrics_of(server.stats()) + runtime::http::metrics_of(cluster));
    });
  };
  http.ready = [&server] {
    const std::string failure = server.failure();
    return std::vector<runtime::http::ReadyCheck>{{"journal", failure.empty(), failure}};
  };
  return http;
}

Result<void> run(const Options& options, const StopSignals& signals) {
  DL_TRY(auto server_setup, server_options(options));
  DL_TRY(const auto http_address, runtime::parse_address(options.string("http_listen")));
  DL_TRY(const auto server, runtime::server::Server::start(server_setup));
  DL_TRY(const auto http,
         runtime::http::HttpServer::start(http_options(server_setup, http_address, *server)));
  std::printf("dl-coordinatord %s ready: grpc %s, http %s, state %s\n", DL_VERSION,
              to_string(server->address()).c_str(), to_string(http->address()).c_str(),
              server_setup.state_dir.c_str());
  std::fflush(stdout);
  const int signal = signals.wait();
  spdlog::info("stopping on {}", signal == SIGTERM ? "SIGTERM" : "SIGINT");
  http->stop();
  server->stop();
  return {};
}

int main_with(std::span<const char* const> arguments) {
  Options options(runtime::coordinator_options());
  const auto startup = runtime::load_options(options, arguments);
  if (!startup) {
    std::fprintf(stderr, "dl-coordinatord: %s\n", startup.error().message.c_str());
    return kExitUsage;
  }
  if (*startup == runtime::Startup::kHelp) {
    std::fputs(help_text("dl-coordinatord [options]", options.table()).c_str(), stdout);
    return 0;
  }
  if (*startup == runtime::Startup::kVersion) {
    std::printf("dl-coordinatord %s\n", DL_VERSION);
    return 0;
  }
  log_init("dl-coordinatord", options.string("log_level"),
           options.string("log_format") == "json" ? LogFormat::kJson : LogFormat::kText);
  keep_freed_memory(scheduler::kSuggestionMemory);
  const StopSignals signals;
  const auto result = run(options, signals);
  if (result) return 0;
  std::fprintf(stderr, "dl-coordinatord: %s\n", result.error().message.c_str());
  return kExitFailed;
}

}  // namespace
}  // namespace dl

int main(int argc, char** argv) { return dl::main_with({argv + 1, argv + argc}); }
