#include "cmd/dlctl/help.h"

#include <CLI/CLI.hpp>
#include <array>

#include "cmd/dlctl/terminal/text.h"

namespace dl::dlctl {
namespace {

struct Line {
  std::string head;
  std::string text;
};

constexpr std::string_view kReferences =
    "A job is named by its number, by `latest`, or by its name if only one job has it; a task as "
    "42/worker:0, all of a role as 42/worker.";

const std::vector<Line>& environment_lines() {
  static const std::vector<Line> kLines = {
      {"DL_SERVER", "address of the coordinator; --server and --context are stronger"},
      {"DL_CONTEXT", "a context of `dlctl context list`"},
      {"DL_TOKEN", "the token; stronger than the context's"},
      {"NO_COLOR, CLICOLOR_FORCE", "never colours; colours in pipes too. --color is stronger"},
      {"XDG_CONFIG_HOME", "contexts are in its dl/config.yaml; ~/.config by default"},
      {"XDG_STATE_HOME", "`dlctl dev` keeps its cluster in its dl/dev; ~/.local/state by default"},
  };
  return kLines;
}

// Broken at spaces so that no line is longer than 80 columns.
std::string wrapped(std::string_view text, std::size_t indent) {
  std::string result;
  std::size_t column = indent;
  while (!text.empty()) {
    const auto space = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, space);
    if (column > indent && column + 1 + display_width(word) > 80) {
      result += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      result += ' ';
      ++column;
    }
    result += word;
    column += display_width(word);
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return result;
}

std::string block(const std::string& title, const std::vector<Line>& lines) {
  if (lines.empty()) return "";
  std::size_t width = 0;
  for (const auto& line : lines) width = std::max(width, display_width(line.head));
  std::string text = "\n" + title + ":\n";
  for (const auto& line : lines) {
    text += "  " + pad_right(line.head, width) + "  " + wrapped(line.text, width + 4) + "\n";
  }
  return text;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

std::string argument_name(const CLI::Option& option) {
  const std::string name = option.get_name() + (option.get_items_expected_max() > 1 ? "…" : "");
  return option.get_required() ? name : "[" + name + "]";
}

// "-o, --output FORMAT"
std::string flag_head(const CLI::Option& option) {
  std::string head;
  for (const auto& name : option.get_snames()) head += "-" + name + ", ";
  if (option.get_snames().empty()) head += "    ";
  for (const auto& name : option.get_lnames()) head += "--" + name;
  // Behind it the parser names the values allowed, which the text beside says better.
  const std::string type = option.get_type_name();
  return takes_value(option) ? head + " " + type.substr(0, type.find(":{")) : head;
}

std::vector<Line> argument_lines(const CLI::App& app) {
  std::vector<Line> lines;
  for (const auto* option : app.get_options()) {
    if (option->get_positional()) lines.push_back({option->get_name(), option->get_description()});
  }
  return lines;
}

std::vector<Line> flag_lines(const CLI::App& app, bool with_help) {
  std::vector<Line> lines;
  for (const auto* option : app.get_options()) {
    const bool is_help = option == app.get_help_ptr();
    if (option->nonpositional() && (with_help || !is_help)) {
      lines.push_back({flag_head(*option), option->get_description()});
    }
  }
  return lines;
}

std::vector<Line> exit_code_lines() {
  std::vector<Line> lines;
  for (const auto& [code, meaning] : exit_code_texts()) {
    lines.push_back({std::to_string(static_cast<int>(code)), std::string(meaning)});
  }
  return lines;
}

std::string usage(const Verb& verb, const CLI::App& app) {
  std::string text = "dlctl " + std::string(verb.name);
  if (!flag_lines(app, false).empty()) text += " [FLAGS]";
  for (const auto* option : app.get_options()) {
    if (option->get_positional()) text += " " + argument_name(*option);
  }
  return text;
}

std::vector<Line> example_lines(const Verb& verb) {
  std::vector<Line> lines;
  for (const auto& example : verb.examples) {
    lines.push_back({std::string(example.command), std::string(example.effect)});
  }
  return lines;
}

std::string markdown_table(const std::string& first, const std::vector<Line>& lines) {
  if (lines.empty()) return "";
  std::string text = "\n| " + first + " | |\n| --- | --- |\n";
  for (const auto& line : lines) {
    const auto head = line.head.substr(line.head.find_first_not_of(' '));
    text += "| `" + head + "` | " + line.text + " |\n";
  }
  return text;
}

std::string verb_markdown(const Verb& verb, const CLI::App& app) {
  std::string text = "\n## dlctl " + std::string(verb.name) + "\n\n" + std::string(verb.summary) +
                     ". " + std::string(verb.description);
  while (text.back() == ' ') text.pop_back();
  text += "\n\n```\n" + usage(verb, app) + "\n```\n" +
          markdown_table("argument", argument_lines(app)) +
          markdown_table("flag", flag_lines(app, false)) + "\n```sh\n";
  for (const auto& example : verb.examples) {
    text += std::string(example.command) + "  # " + std::string(example.effect) + "\n";
  }
  return text + "```\n";
}

}  // namespace

std::string verb_help(const Verb& verb, const CLI::App& app) {
  std::string text = std::string(verb.summary) + ".\n\nUsage: " + usage(verb, app) + "\n";
  if (!verb.description.empty()) text += "\n" + wrapped(verb.description, 0) + "\n";
  text += block("Arguments", argument_lines(app)) + block("Flags", flag_lines(app, false));
  text += "\nExamples:\n";
  for (const auto& example : example_lines(verb)) {
    text += "  " + example.head + "\n      " + wrapped(example.text, 6) + "\n";
  }
  return text + "\nGlobal flags and exit codes: dlctl --help\n";
}

std::string group_help(const CommandLine& line, const CLI::App& group) {
  std::vector<Line> lines;
  for (const auto* app : group.get_subcommands({})) {
    lines.push_back({std::string(line.verb_of(*app)->name), app->get_description()});
  }
  return group.get_description() + ".\n" + block("Verbs", lines) + "\nMore about one: dlctl " +
         group.get_name() + " VERB --help\n";
}

std::string root_help(const CommandLine& line) {
  std::vector<Line> lines;
  for (const auto& verb : verbs())
    lines.push_back({std::string(verb.name), std::string(verb.summary)});
  return "dlctl submits jobs to a cluster, watches, explains and stops them.\n\n"
         "Usage: dlctl VERB [FLAGS] [ARGUMENTS]\n" +
         block("Verbs", lines) + "\n" + wrapped(kReferences, 0) + "\n" +
         block("Flags of all verbs", flag_lines(line.root(), true)) +
         block("Environment", environment_lines()) + block("Exit codes", exit_code_lines()) +
         "\nMore about one: dlctl VERB --help\n";
}

std::string reference_markdown(const CommandLine& line) {
  std::string text =
      "# dlctl\n\n"
      "Made from the table of verbs in cmd/dlctl by `dlctl __reference`; the test cli_test "
      "compares."
      "\n\n" +
      std::string(kReferences) +
      "\n\nData goes to stdout, messages to stderr. `-o json` and `-o yaml` have the field names "
      "of "
      "REST; lists are\n`{\"items\": […]}`. Nothing is cut in a pipe.\n\n"
      "The coordinator's address is the first of: `--server`, `--context`, `DL_SERVER`, "
      "`DL_CONTEXT`, the current\ncontext, the dev cluster's, 127.0.0.1:7400. Its token: "
      "`DL_TOKEN`, "
      "the context's `token` or `token_file`, and on this\nmachine the token file of the dev "
      "cluster "
      "or of a coordinator with its default state folder.\n";
  text += markdown_table("flag of all verbs", flag_lines(line.root(), false));
  text += markdown_table("environment", environment_lines());
  text += markdown_table("exit code", exit_code_lines());
  for (const auto& verb : verbs()) text += verb_markdown(verb, line.app_of(verb));
  return text;
}

}  // namespace dl::dlctl
