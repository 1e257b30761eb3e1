// dlctl version: of this program and of the coordinator.

#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/verb.h"

namespace dl::dlctl {
namespace {

Result<ExitCode> show_version(Invocation& run, bool client_only) {
  boost::json::object document{{"client", DL_VERSION}};
  std::string server = "";
  if (!client_only) {
    DL_TRY(Client * client, run.client());
    auto version = client->get_version();
    if (version) {
      document["server"] = to_document(*version);
      server = version->version() + "  at " + client->endpoint().address;
    } else {
      // The question for this program's version has an answer all the same.
      run.host().err << error_line(version.error(), run.err_terminal());
    }
  }
  if (run.structured()) {
    run.print(document);
  } else {
    run.host().out << "dlctl        " << DL_VERSION << "\n";
    if (!server.empty()) run.host().out << "coordinator  " << server << "\n";
  }
  return ExitCode::kOk;
}

}  // namespace

Verb version_verb() {
  return {.name = "version",
          .summary = "Print the versions of dlctl and of the coordinator",
          .description = "",
          .examples = {{"dlctl version", "both"},
                       {"dlctl version --client", "without asking the coordinator"}},
          .setup = [](CLI::App& app) -> Action {
            auto client_only = std::make_shared<bool>(false);
            app.add_flag("--client", *client_only, "Only of dlctl");
            return [client_only](Invocation& run) { return show_version(run, *client_only); };
          }};
}

}  // namespace dl::dlctl
