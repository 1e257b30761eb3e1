// CommandLine is the table of verbs as a parser: what --help, completion and docs/dlctl.md are
// read off, and what turns arguments into an action.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "cmd/dlctl/verb.h"

namespace dl::dlctl {

class CommandLine {
 public:
  CommandLine();

  struct Parsed {
    const Verb* verb = nullptr;  // Nothing when `help` is set.
    Action action;
    std::string help;  // The text asked for by --help, or by naming no verb.
  };
  // kInvalidArgument says what is wrong, with the nearest right word, and where help is.
  Result<Parsed> parse(const std::vector<std::string>& arguments);

  const GlobalFlags& flags() const { return flags_; }

  const CLI::App& root() const { return root_; }
  // The parser of a verb, and back; null for a group.
  const CLI::App& app_of(const Verb& verb) const { return *apps_.at(verb.name); }
  const Verb* verb_of(const CLI::App& app) const;

 private:
  void add_global_flags();
  void add_verb(const Verb& verb);
  std::string help_of_selected() const;
  Error explain(const CLI::ParseError& error) const;

  CLI::App root_;
  GlobalFlags flags_;
  std::map<std::string_view, CLI::App*> apps_;
  std::map<const CLI::App*, std::pair<const Verb*, Action>> actions_;
};

// The subcommand that was named last: "dev up" after `dlctl dev up …`.
const CLI::App& deepest(const CLI::App& app);

// The subcommand of this name, or null.
CLI::App* find_subcommand(const CLI::App& app, const std::string& name);

}  // namespace dl::dlctl
