#include "daemon/runtime/config/daemon_options.h"

namespace dl::runtime {
namespace {

void add_log_options(std::vector<Option>& table) {
  table.push_back({.name = "log_level",
                   .default_value = "info",
                   .help = "How much is logged",
                   .choices = {"trace", "debug", "info", "warn", "error"},
                   .environment = "DL_LOG_LEVEL"});
  table.push_back({.name = "log_format",
                   .default_value = "text",
                   .help = "How a log line is written",
                   .choices = {"text", "json"},
                   .environment = "DL_LOG_FORMAT"});
}

Option config_option() {
  return {.name = "config",
          .type = OptionType::kPath,
          .default_value = "",
          .help = "A YAML file with these options as keys",
          .environment = "DL_CONFIG"};
}

}  // namespace

std::vector<Option> coordinator_options() {
  std::vector<Option> table{
      config_option(),
      {.name = "state_dir",
       .type = OptionType::kPath,
       .default_value = "",
       .help = "Where the journal and the token are; empty: $XDG_STATE_HOME/dl/coordinator",
       .environment = "DL_STATE_DIR"},
      {.name = "listen",
       .default_value = "127.0.0.1:7400",
       .help = "Address of gRPC; beyond loopback it needs tls_cert and tls_key",
       .environment = "DL_LISTEN"},
      {.name = "http_listen",
       .default_value = "127.0.0.1:7401",
       .help = "Address of REST, metrics and health; beyond loopback it needs tls_cert and tls_key",
       .environment = "DL_HTTP_LISTEN"},
      {.name = "tls_cert",
       .type = OptionType::kPath,
       .default_value = "",
       .help = "The server's certificate chain, PEM"},
      {.name = "tls_key",
       .type = OptionType::kPath,
       .default_value = "",
       .help = "The certificate's private key, PEM"},
      {.name = "token_file",
       .type = OptionType::kPath,
       .default_value = "",
       .help = "The token clients and agents must show, made at first start; empty: "
               "token in state_dir",
       .environment = "DL_TOKEN_FILE"},
      {.name = "artifact_dir",
       .type = OptionType::kPath,
       .default_value = "",
       .help = "Where jobs keep checkpoints and results, shared by all nodes; empty: "
               "artifacts in state_dir"},
      {.name = "heartbeat",
       .type = OptionType::kDuration,
       .default_value = "2s",
       .help = "How often an agent reports",
       .min = "50ms",
       .max = "1m"},
      {.name = "lost_after",
       .type = OptionType::kDuration,
       .default_value = "30s",
       .help = "A node whose agent is silent for so long is given up, its tasks start elsewhere",
       .min = "200ms",
       .max = "1h"},
      {.name = "jobs_max",
       .type = OptionType::kInteger,
       .default_value = "100000",
       .help = "Live jobs; more are refused until some end",
       .min = "1",
       .max = "10000000"},
  };
  add_log_options(table);
  return table;
}

namespace {

// Who the agent is, and where its coordinator is.
std::vector<Option> agent_place_options() {
  return {
      config_option(),
      {.name = "state_dir",
       .type = OptionType::kPath,
       .default_value = "",
       .help = "Where the tasks' folders and logs are; empty: $XDG_STATE_HOME/dl/agent",
       .environment = "DL_STATE_DIR"},
      {.name = "coordinator",
       .default_value = "127.0.0.1:7400",
       .help = "The coordinator's gRPC address",
       .environment = "DL_COORDINATOR"},
      {.name = "token_file",
       .type = OptionType::kPath,
       .default_value = "",
       .help = "The coordinator's token; empty: $XDG_STATE_HOME/dl/coordinator/token",
       .environment = "DL_TOKEN_FILE"},
      {.name = "tls_ca",
       .type = OptionType::kPath,
       .default_value = "",
       .help = "The authority that signed the coordinator's certificate, PEM; empty: no TLS"},
      {.name = "node",
       .default_value = "",
       .help = "This node's name in the cluster; empty: the host's name",
       .environment = "DL_NODE"},
      {.name = "host",
       .default_value = "",
       .help = "The address at which other nodes reach this node's tasks; empty: 127.0.0.1 with a "
               "coordinator on loopback, else the host's name"},
  };
}

// What the node offers to tasks.
std::vector<Option> agent_offer_options() {
  return {
      {.name = "cpus",
       .type = OptionType::kInteger,
       .default_value = "0",
       .help = "CPUs offered to tasks; 0: all there are",
       .min = "0",
       .max = "65536"},
      {.name = "memory",
       .type = OptionType::kBytes,
       .default_value = "0",
       .help = "Memory offered to tasks; 0: all there is"},
      {.name = "gpus",
       .type = OptionType::kList,
       .default_value = "all",
       .help = "Indexes of the GPUs offered to tasks, \"all\" or \"none\""},
      {.name = "ports",
       .default_value = "20000-32767",
       .help = "Ports that may be given to tasks, outside the kernel's ephemeral range"},
      {.name = "heartbeat",
       .type = OptionType::kDuration,
       .default_value = "2s",
       .help = "How often to report until the coordinator says how often it wants it",
       .min = "50ms",
       .max = "1m"},
  };
}

// How tasks are run and what is kept of them.
std::vector<Option> agent_task_options() {
  return {
      {.name = "cgroup",
       .default_value = "auto",
       .help = "Limit tasks by control groups where they can be made: their memory and their share "
               "of the CPUs; \"quota\" makes the CPUs a hard limit",
       .choices = {"auto", "quota", "none"}},
      {.name = "keep_logs",
       .type = OptionType::kDuration,
       .default_value = "168h",
       .help = "The folder of an ended task goes after so long",
       .min = "1h"},
      {.name = "keep_logs_bytes",
       .type = OptionType::kBytes,
       .default_value = "10GiB",
       .help = "The oldest folders of ended tasks go when all together are larger"},
      {.name = "worker",
       .type = OptionType::kPath,
       .default_value = "",
       .help = "The program of built-in training; empty: dl-worker beside dl-agentd"},
      {.name = "supervisor",
       .type = OptionType::kPath,
       .default_value = "",
       .help = "The program that watches over a task; empty: dl-supervisor beside dl-agentd"},
  };
}

}  // namespace

std::vector<Option> agent_options() {
  std::vector<Option> table = agent_place_options();
  for (const auto& part : {agent_offer_options(), agent_task_options()}) {
    table.insert(table.end(), part.begin(), part.end());
  }
  add_log_options(table);
  return table;
}

std::string options_document() {
  return "# Options of the daemons\n\n"
         "Made from daemon/runtime/config/daemon_options.cpp; the test config_test compares, and "
         "writes this\nfile anew with DL_UPDATE_GOLDEN=1. A flag beats the environment, that the "
         "file named by `config`,\nand that the default. A list's flag may be repeated.\n\n"
         "## dl-coordinatord\n\n" +
         options_markdown(coordinator_options()) + "\n## dl-agentd\n\n" +
         options_markdown(agent_options());
}

}  // namespace dl::runtime
