// dlctl nodes: the machines and what is free on them.

#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/verb.h"
#include "cmd/dlctl/view/cluster_view.h"

namespace dl::dlctl {
namespace {

Result<std::string> render(Invocation& run) {
  DL_TRY(Client * client, run.client());
  DL_TRY(const v1::ListNodesResponse nodes, client->list_nodes());
  if (run.structured()) return run.document_text(to_items(nodes.nodes()));
  if (nodes.nodes_size() == 0) run.say("There are no nodes; start an agent, or `dlctl dev up`.");
  return render_nodes(nodes, run.host().now(), run.table_options());
}

}  // namespace

Verb nodes_verb() {
  return {
      .name = "nodes",
      .summary = "List the nodes and what is free on them",
      .description = "",
      .examples = {{"dlctl nodes", "one row a node"},
                   {"dlctl nodes -o wide --watch", "with hosts and GPU types, kept up to date"}},
      .setup = [](CLI::App& app) -> Action {
        auto watch = std::make_shared<bool>(false);
        app.add_flag("-w,--watch", *watch, "Keep up to date until Ctrl-C");
        return
            [watch](Invocation& run) { return run.show(*watch, [&run] { return render(run); }); };
      }};
}

}  // namespace dl::dlctl
