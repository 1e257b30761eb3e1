// dlctl drain: no new tasks for a node, or take it back.

#include "base/nearest.h"
#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/verb.h"

namespace dl::dlctl {
namespace {

struct Flags {
  std::string node;
  std::string reason;
  bool undo = false;
};

// The node as it is now; an unknown name gets the nearest known one.
Result<v1::Node> find_node(Client& client, const std::string& name) {
  DL_TRY(const v1::ListNodesResponse nodes, client.list_nodes());
  std::vector<std::string> names;
  for (const auto& node : nodes.nodes()) {
    if (node.id() == name) return node;
    names.push_back(node.id());
  }
  return not_found("there is no node \"" + name + "\"" + did_you_mean(name, names) +
                   "; `dlctl nodes` lists them");
}

Result<ExitCode> drain(Invocation& run, const Flags& flags) {
  DL_TRY(Client * client, run.client());
  DL_CHECK(find_node(*client, flags.node));
  v1::DrainNodeRequest request;
  request.set_node(flags.node);
  request.set_undo(flags.undo);
  request.set_reason(flags.reason);
  DL_CHECK(client->drain_node(request));
  DL_TRY(const v1::Node node, find_node(*client, flags.node));
  if (run.structured()) {
    run.print(to_document(node));
    return ExitCode::kOk;
  }
  run.host().out << "Node " << node.id() << " is " << node.state();
  if (!flags.undo && node.tasks_size() > 0) {
    run.host().out << "; " << node.tasks_size() << " of its tasks still run";
  }
  run.host().out << "\n";
  return ExitCode::kOk;
}

}  // namespace

Verb drain_verb() {
  return {
      .name = "drain",
      .summary = "Give a node no new tasks, or take it back",
      .description = "Tasks that run on it go on. `dlctl status` shows the reason.",
      .examples = {{"dlctl drain gpu-09 --reason \"ECC errors\"", "no new tasks for gpu-09"},
                   {"dlctl drain gpu-09 --undo", "take it back"}},
      .completes = Completion::kNode,
      .setup = [](CLI::App& app) -> Action {
        auto flags = std::make_shared<Flags>();
        app.add_option("NODE", flags->node, "The node's name")->required();
        app.add_option("--reason", flags->reason, "Why, for the other users")->type_name("TEXT");
        app.add_flag("--undo", flags->undo, "Take the node back");
        return [flags](Invocation& run) { return drain(run, *flags); };
      }};
}

}  // namespace dl::dlctl
