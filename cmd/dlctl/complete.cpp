#include "cmd/dlctl/complete.h"

#include <CLI/CLI.hpp>

#include "cmd/dlctl/config/contexts.h"
#include "cmd/dlctl/view/job_text.h"

namespace dl::dlctl {
namespace {

struct Candidate {
  std::string word;
  std::string text;
};
using Candidates = std::vector<Candidate>;

constexpr std::string_view kFiles = ":files";

// Where the typing is: behind which verb, after how many of its arguments.
struct Position {
  const CLI::App* app = nullptr;
  const CLI::Option* value_of = nullptr;  // A flag whose value is being typed.
  std::vector<std::string> arguments;
  std::string server;
  std::string context;
};

const CLI::Option* find_flag(const CLI::App* app, const std::string& word) {
  for (; app != nullptr; app = app->get_parent()) {
    if (const auto* option = app->get_option_no_throw(word)) return option;
  }
  return nullptr;
}

Position locate(const CLI::App& root, const std::vector<std::string>& words) {
  Position at{.app = &root, .value_of = nullptr, .arguments = {}, .server = {}, .context = {}};
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (at.value_of != nullptr) {
      if (at.value_of->get_lnames()[0] == "server") at.server = word;
      if (at.value_of->get_lnames()[0] == "context") at.context = word;
      at.value_of = nullptr;
    } else if (word.size() > 1 && word[0] == '-') {
      const auto* option = find_flag(at.app, word);
      if (option != nullptr && option->get_items_expected_max() > 0) at.value_of = option;
    } else if (const auto* sub = find_subcommand(*at.app, word)) {
      at.app = sub;
    } else {
      at.arguments.push_back(word);
    }
  }
  return at;
}

Candidates words_of(std::initializer_list<const char*> words) {
  Candidates candidates;
  for (const auto* word : words) candidates.push_back({word, ""});
  return candidates;
}

Candidates flags_of(const CLI::App* app) {
  Candidates candidates;
  for (; app != nullptr; app = app->get_parent()) {
    for (const auto* option : app->get_options()) {
      for (const auto& name : option->get_lnames()) {
        if (name == "help" && app->get_parent() != nullptr) continue;
        candidates.push_back({"--" + name, option->get_description()});
      }
    }
  }
  return candidates;
}

Candidates contexts_of(Host& host) {
  Candidates candidates;
  if (const auto contexts = load_contexts(host.env)) {
    for (const auto& [name, entry] : contexts->entries) candidates.push_back({name, entry.server});
  }
  return candidates;
}

Result<Client> client_for(const Position& at, Host& host) {
  DL_TRY(Endpoint endpoint, resolve_endpoint(at.server, at.context, host.env));
  return Client(std::move(endpoint), std::chrono::milliseconds(500));
}

Candidates jobs_of(Client& client) {
  Candidates candidates;
  const auto jobs = client.list_jobs("", 100);
  if (!jobs) return candidates;
  for (const auto& job : jobs->jobs()) {
    candidates.push_back(
        {std::to_string(job.id()), one_line(job.name()) + ", " + word_of(job.state())});
  }
  if (jobs->jobs_size() > 0) candidates.push_back({"latest", "the newest job"});
  return candidates;
}

// "42/worker:0" once the job and its slash are there.
Candidates tasks_of(Client& client, const std::string& job_name) {
  Candidates candidates;
  const auto job = client.get_job(job_name);
  if (!job) return candidates;
  for (const auto& trial : job->trials()) {
    for (const auto& task : trial.attempt().tasks()) {
      candidates.push_back({job_name + "/" + task.role() + ":" + std::to_string(task.index()),
                            task.state() + " on " + task.node()});
    }
  }
  return candidates;
}

Candidates metrics_of(Client& client, const std::string& job) {
  Candidates candidates;
  v1::ListMetricsRequest request;
  request.set_job(job);
  request.set_points_max(1);
  const auto metrics = client.list_metrics(request);
  if (!metrics) return candidates;
  for (const auto& series : metrics->series()) candidates.push_back({series.name(), ""});
  return candidates;
}

Candidates nodes_of(Client& client) {
  Candidates candidates;
  const auto nodes = client.list_nodes();
  if (!nodes) return candidates;
  for (const auto& node : nodes->nodes()) candidates.push_back({node.id(), node.state()});
  return candidates;
}

Candidates values_of(const Position& at, Host& host) {
  const std::string& flag = at.value_of->get_lnames()[0];
  if (flag == "output") return words_of({"table", "wide", "json", "yaml"});
  if (flag == "color") return words_of({"auto", "always", "never"});
  if (flag == "context") return contexts_of(host);
  if (flag == "over") return words_of({"resource", "trials", "time"});
  if (flag == "state" && at.app->get_name() == "trials") {
    return words_of({"queued", "running", "paused", "ended", "stopped", "failed", "cancelled"});
  }
  if (flag == "state") {
    return words_of({"queued", "running", "stopping", "succeeded", "failed", "cancelled"});
  }
  if (at.value_of->get_type_name() == "FILE") return {{std::string(kFiles), ""}};
  return {};
}

Candidates arguments_of(const Verb& verb, const Position& at, const std::string& typed,
                        Host& host) {
  switch (verb.completes) {
    case Completion::kNothing: return {};
    case Completion::kFile: return {{std::string(kFiles), ""}};
    case Completion::kContext: return contexts_of(host);
    case Completion::kShell: return words_of({"bash", "zsh", "fish"});
    case Completion::kJob:
    case Completion::kTask:
    case Completion::kNode: break;
  }
  auto client = client_for(at, host);
  if (!client) return {};
  if (verb.completes == Completion::kNode) return nodes_of(*client);
  const auto slash = typed.find('/');
  if (verb.completes == Completion::kTask && slash != std::string::npos) {
    return tasks_of(*client, typed.substr(0, slash));
  }
  if (verb.name == "metrics" && !at.arguments.empty()) {
    return metrics_of(*client, at.arguments.front());
  }
  return jobs_of(*client);
}

Candidates candidates_for(const CommandLine& line, const Position& at, const std::string& typed,
                          Host& host) {
  if (at.value_of != nullptr) return values_of(at, host);
  if (typed.starts_with("-")) return flags_of(at.app);
  if (const Verb* verb = line.verb_of(*at.app)) return arguments_of(*verb, at, typed, host);
  Candidates candidates;
  for (const auto* sub : at.app->get_subcommands({})) {
    candidates.push_back({sub->get_name(), sub->get_description()});
  }
  return candidates;
}

}  // namespace

std::string complete(const CommandLine& line, const std::vector<std::string>& words, Host& host) {
  const std::string typed = words.empty() ? "" : words.back();
  const Position at = locate(line.root(), words);
  std::string text;
  for (const auto& candidate : candidates_for(line, at, typed, host)) {
    if (candidate.word != kFiles && !candidate.word.starts_with(typed)) continue;
    text += candidate.word;
    if (!candidate.text.empty()) text += "\t" + one_line(candidate.text);
    text += "\n";
  }
  return text;
}

Result<std::string> completion_script(const std::string& shell) {
  if (shell == "bash") {
    // bash cuts words at colons, so the line is cut anew, and what stands before the last colon
    // is taken off the candidates again.
    return std::string(R"(_dlctl() {
  local line=${COMP_LINE:0:COMP_POINT} words candidate files=
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  local typed=${words[${#words[@]}-1]}
  local before=${typed%"${typed##*:}"}
  COMPREPLY=()
  while IFS=$'\t' read -r candidate _; do
    if [[ $candidate == :files ]]; then files=1; else COMPREPLY+=("${candidate#"$before"}"); fi
  done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
  if [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen -f -- "$typed")
  fi
}
complete -F _dlctl dlctl
)");
  }
  if (shell == "zsh") {
    return std::string(R"(#compdef dlctl
_dlctl() {
  local -a candidates
  local candidate text files=
  while IFS=$'\t' read -r candidate text; do
    if [[ $candidate == :files ]]; then files=1; continue; fi
    candidates+=("${candidate//:/\\:}${text:+:$text}")
  done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
  (( ${#candidates} )) && _describe dlctl candidates
  [[ -n $files ]] && _files
  return 0
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _dlctl "$@"; else compdef _dlctl dlctl; fi
)");
  }
  if (shell == "fish") {
    return std::string(R"(function __dlctl_complete
  set -l words (commandline -opc) (commandline -ct)
  for candidate in ($words[1] __complete $words[2..-1] 2>/dev/null)
    if test "$candidate" = ":files"
      __fish_complete_path (commandline -ct)
    else
      echo $candidate
    end
  end
end
complete -c dlctl -f -a '(__dlctl_complete)'
)");
  }
  return invalid_argument("there is no completion for \"" + shell +
                          "\"; shells are bash, zsh and fish");
}

}  // namespace dl::dlctl
