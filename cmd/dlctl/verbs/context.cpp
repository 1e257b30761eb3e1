// dlctl context: which coordinator the verbs talk to.

#include "base/nearest.h"
#include "cmd/dlctl/config/contexts.h"
#include "cmd/dlctl/verb.h"
#include "cmd/dlctl/view/facts.h"

namespace dl::dlctl {
namespace {

boost::json::object document_of(const std::string& name, const ContextEntry& entry, bool current) {
  // Not the token: what is printed ends up in bug reports.
  return {{"name", name},
          {"current", current},
          {"server", entry.server},
          {"token_file", entry.token_file},
          {"tls_ca", entry.tls_ca}};
}

Result<ExitCode> list(Invocation& run) {
  DL_TRY(const Contexts contexts, load_contexts(run.host().env));
  boost::json::array items;
  Table table({{.header = "CURRENT"},
               {.header = "NAME"},
               {.header = "SERVER"},
               {.header = "TOKEN", .cut_to = 12},
               {.header = "TLS", .cut_to = 8}});
  for (const auto& [name, entry] : contexts.entries) {
    const bool current = name == contexts.current;
    items.push_back(document_of(name, entry, current));
    table.add_row({{current ? "*" : " "},
                   {name, current ? Style::kBold : Style::kPlain},
                   {entry.server},
                   {entry.token.empty() ? entry.token_file : "set"},
                   {entry.tls_ca}});
  }
  if (run.structured()) {
    run.print(boost::json::object{{"items", std::move(items)}});
  } else if (table.empty()) {
    run.say("There are no contexts; make one with `dlctl context set NAME --server HOST:PORT`.");
  } else {
    run.host().out << table.render(run.table_options());
  }
  return ExitCode::kOk;
}

Result<ExitCode> use(Invocation& run, const std::string& name) {
  DL_TRY(Contexts contexts, load_contexts(run.host().env));
  std::vector<std::string> names;
  for (const auto& [known, entry] : contexts.entries) names.push_back(known);
  if (!contexts.entries.contains(name)) {
    return not_found("there is no context \"" + name + "\"" + did_you_mean(name, names) +
                     "; make it with `dlctl context set " + name + " --server HOST:PORT`");
  }
  contexts.current = name;
  DL_CHECK(save_contexts(run.host().env, contexts));
  run.say("The context is now " + name + " (" + contexts.entries[name].server + ").");
  return ExitCode::kOk;
}

struct SetFlags {
  std::string name;
  ContextEntry entry;
  bool use = false;
};

Result<ExitCode> set(Invocation& run, const SetFlags& flags) {
  DL_TRY(Contexts contexts, load_contexts(run.host().env));
  ContextEntry& entry = contexts.entries[flags.name];
  if (!flags.entry.server.empty()) entry.server = flags.entry.server;
  if (!flags.entry.tls_ca.empty()) entry.tls_ca = flags.entry.tls_ca;
  if (!flags.entry.token.empty() || !flags.entry.token_file.empty()) {
    entry.token = flags.entry.token;
    entry.token_file = flags.entry.token_file;
  }
  if (entry.server.empty()) {
    return invalid_argument("a new context needs its address: --server HOST:PORT");
  }
  if (flags.use || contexts.current.empty()) contexts.current = flags.name;
  DL_CHECK(save_contexts(run.host().env, contexts));
  run.say("Context " + flags.name + " is saved in " + contexts_file(run.host().env) + ".");
  return ExitCode::kOk;
}

Result<ExitCode> show(Invocation& run) {
  DL_TRY(const Endpoint endpoint,
         resolve_endpoint(run.flags().server, run.flags().context, run.host().env));
  if (run.structured()) {
    run.print(boost::json::object{{"context", endpoint.context},
                                  {"server", endpoint.address},
                                  {"token_source", endpoint.token_source},
                                  {"tls", !endpoint.tls_ca.empty()}});
    return ExitCode::kOk;
  }
  Facts facts(run.out_terminal().color);
  facts.add("context", endpoint.context.empty() ? "none" : endpoint.context);
  facts.add("server", endpoint.address);
  facts.add("token", endpoint.token_source.empty() ? "none" : "of " + endpoint.token_source);
  facts.add("TLS", endpoint.tls_ca.empty() ? "no" : "yes");
  run.host().out << facts.text();
  return ExitCode::kOk;
}

Verb list_verb() {
  return {.name = "context list",
          .summary = "List the contexts",
          .description = "",
          .examples = {{"dlctl context list", "all of them; the current one has a star"}},
          .setup = [](CLI::App&) -> Action { return list; }};
}

Verb use_verb() {
  return {.name = "context use",
          .summary = "Choose the context for the verbs that follow",
          .description = "--context and DL_CONTEXT choose one for a single command.",
          .examples = {{"dlctl context use lab", "talk to lab from now on"}},
          .completes = Completion::kContext,
          .setup = [](CLI::App& app) -> Action {
            auto name = std::make_shared<std::string>();
            app.add_option("NAME", *name, "A context")->required();
            return [name](Invocation& run) { return use(run, *name); };
          }};
}

Verb set_verb() {
  return {
      .name = "context set",
      .summary = "Make or change a context",
      .description =
          "The first context made is the current one. What is not given stays as it "
          "is. The file is $XDG_CONFIG_HOME/dl/config.yaml, readable by its owner "
          "only.",
      .examples = {{"dlctl context set lab --server gpu-01:7400 --token-file ~/.dl-token",
                    "a coordinator and what opens its door"},
                   {"dlctl context set lab --tls-ca /etc/dl/ca.pem --use", "by TLS, from now on"}},
      .completes = Completion::kContext,
      .setup = [](CLI::App& app) -> Action {
        auto flags = std::make_shared<SetFlags>();
        app.add_option("NAME", flags->name, "A context, new or not")->required();
        app.add_option("--server", flags->entry.server, "Address of the coordinator")
            ->type_name("HOST:PORT");
        app.add_option("--token", flags->entry.token, "The token itself; better a file")
            ->type_name("TOKEN");
        app.add_option("--token-file", flags->entry.token_file, "A file with the token in it")
            ->type_name("FILE");
        app.add_option("--tls-ca", flags->entry.tls_ca, "Certificates to trust, PEM")
            ->type_name("FILE");
        app.add_flag("--use", flags->use, "Make it the current one");
        return [flags](Invocation& run) { return set(run, *flags); };
      }};
}

Verb show_verb() {
  return {.name = "context show",
          .summary = "Show which coordinator is talked to, and why",
          .description = "",
          .examples = {{"dlctl context show", "address and where the token is from"}},
          .setup = [](CLI::App&) -> Action { return show; }};
}

}  // namespace

std::vector<Verb> context_verbs() { return {list_verb(), use_verb(), set_verb(), show_verb()}; }

}  // namespace dl::dlctl
