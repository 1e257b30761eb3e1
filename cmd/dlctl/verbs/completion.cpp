// dlctl completion: the script for a shell.

#include "cmd/dlctl/complete.h"
#include "cmd/dlctl/verb.h"

namespace dl::dlctl {

Verb completion_verb() {
  return {.name = "completion",
          .summary = "Print a script that completes dlctl's words in bash, zsh or fish",
          .description =
              "Verbs, flags, contexts and files, and from the coordinator jobs, tasks, "
              "metrics and nodes.",
          .examples = {{"source <(dlctl completion bash)", "in this shell; in ~/.bashrc for all"},
                       {"dlctl completion zsh > ~/.zsh/completions/_dlctl", "a folder of $fpath"},
                       {"dlctl completion fish > ~/.config/fish/completions/dlctl.fish",
                        "for all fish shells"}},
          .completes = Completion::kShell,
          .setup = [](CLI::App& app) -> Action {
            auto shell = std::make_shared<std::string>();
            app.add_option("SHELL", *shell, "bash, zsh or fish")->required();
            return [shell](Invocation& run) -> Result<ExitCode> {
              DL_TRY(const std::string script, completion_script(*shell));
              run.host().out << script;
              return ExitCode::kOk;
            };
          }};
}

}  // namespace dl::dlctl
