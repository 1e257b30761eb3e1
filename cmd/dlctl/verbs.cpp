#include "cmd/dlctl/verb.h"

namespace dl::dlctl {

std::span<const Verb> verbs() {
  static const std::vector<Verb> kVerbs = [] {
    std::vector<Verb> all = {submit_verb(), follow_verb(),   status_verb(),  jobs_verb(),
                             nodes_verb(),  logs_verb(),     metrics_verb(), explain_verb(),
                             cancel_verb(), pause_verb(),    resume_verb(),  extend_verb(),
                             wait_verb(),   validate_verb(), convert_verb(), preview_verb(),
                             trials_verb(), best_verb(),     compare_verb(), report_verb(),
                             drain_verb()};
    for (auto& verb : dev_verbs()) all.push_back(std::move(verb));
    for (auto& verb : context_verbs()) all.push_back(std::move(verb));
    all.push_back(completion_verb());
    all.push_back(version_verb());
    return all;
  }();
  return kVerbs;
}

std::string_view group_summary(std::string_view name) {
  if (name == "dev") return "A cluster on this machine: coordinator and agents in the background";
  if (name == "context") return "Which coordinator the verbs talk to";
  return "";
}

}  // namespace dl::dlctl
