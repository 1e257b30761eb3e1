// dlctl dev: a cluster on this machine.

#include <filesystem>

#include "cmd/dlctl/dev/dev_cluster.h"
#include "cmd/dlctl/verb.h"

namespace dl::dlctl {
namespace {

struct Flags {
  std::uint32_t agents = 2;
  std::uint32_t port = 7400;
  std::uint32_t http_port = 7401;
  bool force = false;
  bool purge = false;
};

DevOptions options_of(Host& host, const Flags& flags) {
  return {.folder = dev_dir(host.env),
          .binaries = std::filesystem::path(host.program).parent_path(),
          .agents = flags.agents,
          .address = "127.0.0.1:" + std::to_string(flags.port),
          .http_address = "127.0.0.1:" + std::to_string(flags.http_port)};
}

void print_daemons(Invocation& run, const std::vector<DevDaemon>& daemons) {
  Table table({{.header = "DAEMON"},
               {.header = "STATE"},
               {.header = "PID", .right = true},
               {.header = "LOG", .cut_to = 20}});
  boost::json::array items;
  for (const auto& daemon : daemons) {
    const std::string state = !daemon.process ? "stopped" : daemon.started ? "started" : "running";
    const std::int64_t pid = daemon.process ? daemon.process->pid : 0;
    const std::string log = (daemon.folder / "log").string();
    items.push_back(
        boost::json::object{{"name", daemon.name}, {"state", state}, {"pid", pid}, {"log", log}});
    table.add_row({{daemon.name},
                   {state, daemon.process ? Style::kGreen : Style::kRed},
                   {pid == 0 ? "" : std::to_string(pid)},
                   {log}});
  }
  if (run.structured()) {
    run.print(boost::json::object{{"items", std::move(items)}});
  } else {
    run.host().out << table.render(run.table_options());
  }
}

Result<ExitCode> up(Invocation& run, const Flags& flags) {
  DL_TRY(DevCluster cluster, DevCluster::open(options_of(run.host(), flags)));
  DL_TRY(const auto daemons, cluster.up());
  print_daemons(run, daemons);
  run.say("The dev cluster is ready at " + cluster.address() +
          ". Next: dlctl submit FILE --follow · dlctl status · dlctl dev down");
  return ExitCode::kOk;
}

Result<ExitCode> status(Invocation& run, const Flags& flags) {
  DL_TRY(DevCluster cluster, DevCluster::open(options_of(run.host(), flags)));
  const auto daemons = cluster.daemons();
  print_daemons(run, daemons);
  for (const auto& daemon : daemons) {
    if (daemon.process) continue;
    run.say(daemon.name + " does not run; `dlctl dev up` starts what is missing.");
    return ExitCode::kUnreachable;
  }
  if (!daemons.empty()) return ExitCode::kOk;
  run.say("There is no dev cluster; `dlctl dev up` starts one.");
  return ExitCode::kUnreachable;
}

Result<ExitCode> down(Invocation& run, const Flags& flags) {
  DL_TRY(DevCluster cluster, DevCluster::open(options_of(run.host(), flags)));
  if (!flags.force) {
    DL_TRY(const auto running, cluster.what_runs());
    std::string list;
    for (std::size_t i = 0; i < running.size() && i < 5; ++i) list += (i ? ", " : "") + running[i];
    if (running.size() > 5) list += ", …";
    if (!running.empty()) {
      return Error{Code::kFailedPrecondition,
                   list + (running.size() == 1 ? " has" : " have") +
                       " not ended; wait (`dlctl wait`), or cancel all and go down with "
                       "`dlctl dev down --force`"};
    }
  }
  DL_TRY(const std::size_t killed, cluster.down());
  if (killed > 0) run.say("Killed " + std::to_string(killed) + " tasks that had lost their agent.");
  if (flags.purge) DL_CHECK(cluster.purge());
  run.say(flags.purge ? "The dev cluster is down, and all it kept is removed."
                      : "The dev cluster is down; its jobs' history stays in " +
                            dev_dir(run.host().env) + ".");
  return ExitCode::kOk;
}

Verb up_verb() {
  return {.name = "dev up",
          .summary = "Start what is missing of a cluster on this machine",
          .description =
              "A coordinator and agents, in the background, on loopback only; returns "
              "when they are ready. The machine's CPUs and GPUs are shared out among "
              "the agents. Other verbs find it without a context.",
          .examples = {{"dlctl dev up", "a coordinator and two agents"},
                       {"dlctl dev up --agents 4", "four agents; those that run stay as they are"}},
          .setup = [](CLI::App& app) -> Action {
            auto flags = std::make_shared<Flags>();
            app.add_option("--agents", flags->agents, "How many agents; 2 by default")
                ->type_name("N")
                ->check(CLI::Range(1, 64));
            app.add_option("--port", flags->port, "Of gRPC; 7400 by default")
                ->type_name("PORT")
                ->check(CLI::Range(1, 65535));
            app.add_option("--http-port", flags->http_port, "Of REST; 7401 by default")
                ->type_name("PORT")
                ->check(CLI::Range(1, 65535));
            return [flags](Invocation& run) { return up(run, *flags); };
          }};
}

Verb down_verb() {
  return {.name = "dev down",
          .summary = "Stop the cluster on this machine",
          .description =
              "Nothing of it is left running afterwards. While jobs are queued or run "
              "it refuses (exit code 5), unless --force cancels them. What they wrote "
              "stays, unless --purge removes it.",
          .examples = {{"dlctl dev down", "stop coordinator and agents"},
                       {"dlctl dev down --force --purge", "cancel everything, leave no trace"}},
          .setup = [](CLI::App& app) -> Action {
            auto flags = std::make_shared<Flags>();
            app.add_flag("--force", flags->force, "Cancel the jobs that have not ended");
            app.add_flag("--purge", flags->purge, "Remove journal, logs and artifacts too");
            return [flags](Invocation& run) { return down(run, *flags); };
          }};
}

Verb status_of_dev_verb() {
  return {.name = "dev status",
          .summary = "Show which daemons of the cluster on this machine run",
          .description = "Exit code 6 when one of them does not.",
          .examples = {{"dlctl dev status", "processes and their logs"}},
          .setup = [](CLI::App&) -> Action {
            return [](Invocation& run) { return status(run, Flags{}); };
          }};
}

}  // namespace

std::vector<Verb> dev_verbs() { return {up_verb(), down_verb(), status_of_dev_verb()}; }

}  // namespace dl::dlctl
