#include "cmd/dlctl/view/cluster_view.h"

#include "cmd/dlctl/terminal/text.h"
#include "cmd/dlctl/view/job_text.h"

namespace dl::dlctl {
namespace {

std::string used_of(std::uint64_t used, std::uint64_t total) {
  return with_commas(used) + " of " + with_commas(total);
}

// " (gpu-09: ECC errors)" of the nodes being drained.
std::string drain_reasons(const v1::ListNodesResponse& nodes) {
  std::string text;
  for (const auto& node : nodes.nodes()) {
    if (node.state() != "draining") continue;
    text += (text.empty() ? "" : ", ") + node.id();
    if (!node.drain_reason().empty()) text += ": " + node.drain_reason();
  }
  return text.empty() ? "" : " (" + one_line(text) + ")";
}

std::string node_counts(const v1::Cluster& cluster, const v1::ListNodesResponse& nodes) {
  std::string text = std::to_string(cluster.nodes_ready()) + " ready";
  if (cluster.nodes_draining() > 0) {
    text += ", " + std::to_string(cluster.nodes_draining()) + " draining" + drain_reasons(nodes);
  }
  if (cluster.nodes_disconnected() > 0) {
    text += ", " + std::to_string(cluster.nodes_disconnected()) + " disconnected";
  }
  if (cluster.nodes_lost() > 0) text += ", " + std::to_string(cluster.nodes_lost()) + " lost";
  return text;
}

std::string tasks_text(const v1::Node& node) {
  std::string text;
  for (const auto& task : node.tasks()) text += (text.empty() ? "" : " ") + task;
  return text;
}

std::string memory_text(const v1::Node& node) {
  if (node.memory_total_bytes() == 0) return "";
  return byte_size(node.memory_used_bytes()) + " of " + byte_size(node.memory_total_bytes());
}

}  // namespace

std::string render_cluster(const v1::Cluster& cluster, const v1::ListNodesResponse& nodes,
                           Timestamp now, const Terminal& terminal) {
  const auto word = [&](const char* text, std::size_t width) {
    return styled(pad_right(text, width), Style::kBold, terminal.color);
  };
  std::string text = word("coordinator", 13) + cluster.address() + "  up " +
                     span(now - time_of(cluster.start_time())) + "  journal " +
                     byte_size(cluster.journal_bytes()) + "\n";
  text += word("nodes", 13) + node_counts(cluster, nodes);
  if (cluster.gpus_total() > 0) {
    text +=
        "   " + word("GPUs", 6) + used_of(cluster.gpus_used(), cluster.gpus_total()) + " in use";
  }
  text += "   " + word("CPUs", 6) + used_of(cluster.cpus_used(), cluster.cpus_total()) + " in use";
  text += "   " + word("queued", 8) + std::to_string(cluster.jobs_queued()) + "\n";
  if (!cluster.read_only_reason().empty()) {
    text += styled("read-only", Style::kRed, terminal.color) + "    " +
            one_line(cluster.read_only_reason()) + "\n";
  }
  return text;
}

std::string render_nodes(const v1::ListNodesResponse& nodes, Timestamp now,
                         const TableOptions& options) {
  Table table({{.header = "NODE"},
               {.header = "STATE"},
               {.header = "FOR", .right = true},
               {.header = "GPUS", .if_any = true},
               {.header = "CPUS"},
               {.header = "MEMORY", .drop_order = 1, .if_any = true},
               {.header = "HOST", .wide_only = true},
               {.header = "VERSION", .wide_only = true},
               {.header = "GPU", .wide_only = true},
               {.header = "TASKS", .cut_to = 12, .if_any = true},
               {.header = "REASON", .cut_to = 8, .drop_order = 2, .if_any = true}});
  for (const auto& node : nodes.nodes()) {
    const auto gpus = static_cast<std::uint64_t>(node.gpus_size());
    table.add_row({{node.id()},
                   {node.state(), style_of_state(node.state())},
                   {span(now - time_of(node.change_time()))},
                   {gpus == 0 ? "" : used_of(node.gpus_used(), gpus)},
                   {used_of(node.cpus_used(), node.cpus_total())},
                   {memory_text(node)},
                   {node.host()},
                   {node.agent_version()},
                   {gpus == 0 ? "" : node.gpus(0).name()},
                   {tasks_text(node)},
                   {node.drain_reason()}});
  }
  return table.render(options);
}

}  // namespace dl::dlctl
