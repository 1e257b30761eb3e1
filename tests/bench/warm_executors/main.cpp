// The bench of warm executors: from the end of one trial to the first step of the next one, in an
// executor and in processes of their own. Prints one JSON object; exits 1 below the bound.
//
// Real dl-agentd, dl-supervisor and dl-worker; the coordinator answers an end with the next order
// at once. Both kinds take turns, and the first round, in which the executor starts, does not
// count.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <vector>

#include "daemon/runtime/agent/testing/agent_node.h"

namespace dl::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Settings {
  std::filesystem::path bin = DL_BINARY_DIR;
  std::uint32_t rounds = 7;
  double min_ratio = 5;
  std::string data = "{format: idx, path: /usr/share/datasets/fashion-mnist}";
  std::string model = "{name: lenet, classes: 10}";
};

class Trials {
 public:
  explicit Trials(const Settings& settings) : settings_(settings), node_(settings.bin) {
    node_.coordinator.acknowledge_reports();
  }

  // Runs two trials after one another; milliseconds between them.
  double gap_ms(bool warm) {
    end_of(start(warm));
    const auto ended = Clock::now();
    const TaskId second = start(warm);
    first_step_of(second);
    const std::chrono::duration<double, std::milli> gap = Clock::now() - ended;
    end_of(second);
    return gap.count();
  }

 private:
  TaskId start(bool warm) {
    StartTask order;
    order.context.task = {
        .attempt = {.job = JobId{warm ? 1U : 2U}, .trial = ++trial_, .attempt = 1},
        .role = Role::kWorker,
        .index = 0};
    const std::string name = to_string(order.context.task.attempt.trial_id());
    order.context.job_name = "bench";
    order.context.cluster.members = {{.node = "node-0", .host = "127.0.0.1", .port = 29999}};
    order.context.cluster.run_id = name;
    order.context.artifact_dir = node_.dir / ("artifacts/" + name);
    order.context.spec = "{name: bench, model: " + settings_.model + ", data: " + settings_.data +
                         ", train: {epochs: 1, max_steps: 5, batch_size: 128, "
                         "report_every_steps: 1}, checkpoint: {every_epochs: 0}}";
    order.slots.cpus = 1;
    order.builtin = true;
    order.warm = warm;
    order.env = task_environment(order.context.cluster, order.context.task);
    order.grace = std::chrono::seconds(10);
    node_.coordinator.clear();
    node_.coordinator.start(order);
    return order.context.task;
  }

  void first_step_of(const TaskId& task) {
    const bool seen = node_.coordinator.wait_for([&](const v1::FromAgent& message) {
      return message.has_report() && message.report().report().step() >= 1;
    });
    runtime::agent::expect(seen, to_string(task) + " takes a step; " + node_.log(task));
  }

  void end_of(const TaskId& task) {
    const TaskExit exit = node_.exit_of(task);
    runtime::agent::expect(exit.ok(), to_string(task) + " ends well: " + exit.message);
  }

  const Settings& settings_;
  runtime::agent::AgentNode node_;
  std::uint32_t trial_ = 0;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void print_list(const char* name, const std::vector<double>& values) {
  std::printf("  \"%s\": [", name);
  for (std::size_t i = 0; i < values.size(); ++i)
    std::printf(i == 0 ? "%.1f" : ", %.1f", values[i]);
  std::printf("],\n");
}

int run(const Settings& settings) {
  Trials trials(settings);
  std::vector<double> warm;
  std::vector<double> cold;
  for (std::uint32_t round = 0; round <= settings.rounds; ++round) {
    const double cold_ms = trials.gap_ms(false);
    const double warm_ms = trials.gap_ms(true);
    if (round == 0) continue;
    cold.push_back(cold_ms);
    warm.push_back(warm_ms);
  }
  const double ratio = median(cold) / median(warm);
  std::printf("{\n  \"bench\": \"warm_executors\",\n");
  std::printf("  \"what\": \"ms from a trial's end to the next one's first step\",\n");
  std::printf("  \"rounds\": %u,\n", settings.rounds);
  print_list("warm_ms", warm);
  print_list("cold_ms", cold);
  std::printf("  \"warm_median_ms\": %.1f,\n  \"cold_median_ms\": %.1f,\n", median(warm),
              median(cold));
  std::printf("  \"ratio\": %.2f,\n  \"bound\": %.2f\n}\n", ratio, settings.min_ratio);
  if (ratio >= settings.min_ratio) return 0;
  std::fprintf(stderr, "warm_executors_bench: the ratio is below the bound\n");
  return 1;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
  dl::bench::Settings settings;
  CLI::App app{"From the end of one trial to the first step of the next, warm and cold"};
  app.add_option("--bin", settings.bin, "Where the programs are");
  app.add_option("--rounds", settings.rounds, "Of both kinds in turn");
  app.add_option("--min-ratio", settings.min_ratio, "Exit 1 below this ratio of cold to warm");
  app.add_option("--model", settings.model, "The model section of the trials' spec");
  app.add_option("--data", settings.data, "The data section");
  CLI11_PARSE(app, argc, argv);
  try {
    return dl::bench::run(settings);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "warm_executors_bench: %s\n", error.what());
    return 1;
  }
}
