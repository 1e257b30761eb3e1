// dlctl validate: everything that is wrong with a document, without a coordinator.

#include <boost/json.hpp>

#include "cmd/dlctl/document_file.h"
#include "cmd/dlctl/verb.h"
#include "cmd/dlctl/view/job_text.h"

namespace dl::dlctl {
namespace {

boost::json::value problems_document(const std::vector<spec::Problem>& problems) {
  boost::json::array items;
  for (const auto& p : problems) {
    items.push_back(boost::json::object{
        {"line", p.line}, {"column", p.column}, {"key", p.key}, {"message", p.message}});
  }
  return boost::json::object{{"items", std::move(items)}};
}

std::string summary(const std::string& file, const JobSpec& spec) {
  std::string text = file + ": ok: job \"" + spec.name + "\", ";
  text += spec.model ? "model " + spec.model->name : std::string("a command");
  for (const auto& role : spec.roles) {
    text += ", " + std::to_string(role.count) + " × " + std::string(to_string(role.role)) + " (" +
            (role.resources.gpus > 0 ? std::to_string(role.resources.gpus) + " GPUs"
                                     : std::to_string(role.resources.cpus) + " CPUs") +
            ")";
  }
  if (spec.search) {
    const SearchSpec& search = *spec.search;
    text += ", a search by " + method_text(search.algorithm, search.early_stopping.rule) +
            " over " + std::to_string(search.parameters.size()) +
            (search.parameters.size() == 1 ? " parameter" : " parameters");
    const std::uint64_t trials =
        search.max_trials > 0 ? search.max_trials : count_grid(search.parameters);
    text += ", " + std::to_string(trials) + " trials";
  }
  return text;
}

Result<ExitCode> validate(Invocation& run, const DocumentFlags& flags) {
  DL_TRY(const DocumentFile document, read_document(run.host(), flags.file));
  const auto parsed = spec::parse(document.text, flags.set);
  if (!parsed.spec && run.structured()) {
    run.print(problems_document(parsed.problems));
    return ExitCode::kBadSpec;
  }
  if (!accept(run.host(), document, parsed)) return ExitCode::kBadSpec;
  if (run.flags().output == "yaml") {
    run.host().out << spec::to_yaml(*parsed.spec) << std::flush;
  } else if (run.flags().output == "json") {
    run.print(boost::json::parse(spec::to_json(*parsed.spec)));
  } else {
    run.host().out << summary(document.name, *parsed.spec) << "\n";
  }
  return ExitCode::kOk;
}

}  // namespace

Verb validate_verb() {
  return {
      .name = "validate",
      .summary = "Check a spec document, offline",
      .description =
          "Says all that is wrong with it, each with line and column, and what a document of "
          "another dialect says and is ignored here. -o yaml and -o json print the complete spec "
          "with all defaults.",
      .examples = {{"dlctl validate job.yaml", "is it right?"},
                   {"dlctl validate job.yaml -o yaml", "with all defaults"},
                   {"dlctl validate - --set train.epochs=3 <job.yaml", "as submit would see it"}},
      .completes = Completion::kFile,
      .setup = [](CLI::App& app) -> Action {
        auto flags = std::make_shared<DocumentFlags>();
        add_document_flags(app, *flags);
        return [flags](Invocation& run) { return validate(run, *flags); };
      }};
}

}  // namespace dl::dlctl
