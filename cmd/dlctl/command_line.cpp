#include "cmd/dlctl/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/nearest.h"
#include "cmd/dlctl/help.h"

namespace dl::dlctl {
namespace {

std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
    for (const auto* option : at->get_options()) {
      for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

std::vector<std::string> subcommand_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* sub : app.get_subcommands({})) names.push_back(sub->get_name());
  return names;
}

// "dlctl dev up"
std::string path_of(const CLI::App& app) {
  return app.get_parent() == nullptr ? "dlctl" : path_of(*app.get_parent()) + " " + app.get_name();
}

}  // namespace

const CLI::App& deepest(const CLI::App& app) {
  const auto selected = app.get_subcommands();
  return selected.empty() ? app : deepest(*selected.front());
}

CLI::App* find_subcommand(const CLI::App& app, const std::string& name) {
  for (auto* sub : const_cast<CLI::App&>(app).get_subcommands([](CLI::App*) { return true; })) {
    if (sub->get_name() == name) return sub;
  }
  return nullptr;
}

CommandLine::CommandLine() : root_("", "dlctl") {
  root_.set_help_flag("-h,--help", "Say what there is, and how it is used");
  root_.require_subcommand(0, 1);
  add_global_flags();
  for (const auto& verb : verbs()) add_verb(verb);
}

void CommandLine::add_global_flags() {
  root_.add_option("-o,--output", flags_.output, "table, wide, json or yaml")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"table", "wide", "json", "yaml"}));
  root_.add_option("--server", flags_.server, "Address of the coordinator")->type_name("HOST:PORT");
  root_.add_option("--context", flags_.context, "A context of `dlctl context list`")
      ->type_name("NAME");
  root_.add_option("--timeout", flags_.timeout, "For one call to the coordinator; 10s by default")
      ->type_name("TIME");
  root_.add_flag("--no-headers", flags_.no_headers, "Tables without their first line");
  root_.add_option("--color", flags_.color, "auto, always or never")
      ->type_name("WHEN")
      ->check(CLI::IsMember({"auto", "always", "never"}));
}

void CommandLine::add_verb(const Verb& verb) {
  const auto space = verb.name.find(' ');
  CLI::App* parent = &root_;
  std::string name(verb.name);
  if (space != std::string::npos) {
    const std::string group = name.substr(0, space);
    parent = find_subcommand(root_, group);
    if (parent == nullptr) {
      parent = root_.add_subcommand(group, std::string(group_summary(group)));
      parent->require_subcommand(0, 1)->fallthrough();
    }
    name = name.substr(space + 1);
  }
  CLI::App* app = parent->add_subcommand(name, std::string(verb.summary));
  app->fallthrough();
  apps_[verb.name] = app;
  actions_[app] = {&verb, verb.setup(*app)};
}

const Verb* CommandLine::verb_of(const CLI::App& app) const {
  const auto found = actions_.find(&app);
  return found == actions_.end() ? nullptr : found->second.first;
}

std::string CommandLine::help_of_selected() const {
  const CLI::App& app = deepest(root_);
  const Verb* verb = verb_of(app);
  if (verb != nullptr) return verb_help(*verb, app);
  return app.get_parent() == nullptr ? root_help(*this) : group_help(*this, app);
}

Error CommandLine::explain(const CLI::ParseError& error) const {
  const CLI::App& app = deepest(root_);
  const std::string help = "; see `" + path_of(app) + " --help`";
  const auto left = root_.remaining(true);
  if (left.empty()) return invalid_argument(error.what() + help);
  const std::string& word = left.front();
  if (word.starts_with("-")) {
    const std::string flag = word.substr(0, word.find('='));
    return invalid_argument("unknown flag " + flag + did_you_mean(flag, flag_names(app)) + help);
  }
  if (verb_of(app) == nullptr) {
    return invalid_argument("unknown verb \"" + word + "\"" +
                            did_you_mean(word, subcommand_names(app)) + help);
  }
  return invalid_argument("\"" + word + "\" is one argument too many" + help);
}

Result<CommandLine::Parsed> CommandLine::parse(const std::vector<std::string>& arguments) {
  try {
    // The parser takes them from the end.
    root_.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return Parsed{.verb = nullptr, .action = {}, .help = help_of_selected()};
  } catch (const CLI::ParseError& error) {
    return explain(error);
  }
  const CLI::App& app = deepest(root_);
  const auto found = actions_.find(&app);
  if (found == actions_.end()) {
    return Parsed{.verb = nullptr, .action = {}, .help = help_of_selected()};
  }
  return Parsed{.verb = found->second.first, .action = found->second.second, .help = ""};
}

}  // namespace dl::dlctl
