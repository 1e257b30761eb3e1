// dlctl convert: a document of any dialect in the native one.

#include <boost/json.hpp>

#include "cmd/dlctl/document_file.h"
#include "cmd/dlctl/verb.h"

namespace dl::dlctl {
namespace {

Result<ExitCode> convert(Invocation& run, const DocumentFlags& flags) {
  DL_TRY(const DocumentFile document, read_document(run.host(), flags.file));
  const bool json = run.flags().output == "json";
  const auto conversion =
      spec::convert(document.text, flags.set, json ? spec::Language::kJson : spec::Language::kYaml);
  if (!accept(run.host(), document, conversion.parsed)) return ExitCode::kBadSpec;
  if (json) {
    run.print(boost::json::parse(conversion.text));
  } else {
    run.host().out << conversion.text << std::flush;
  }
  return ExitCode::kOk;
}

}  // namespace

Verb convert_verb() {
  return {
      .name = "convert",
      .summary = "Print a spec document of any dialect in the native one",
      .description =
          "Reads CloudML, SageMaker, Katib, Determined and W&B documents, and native ones. Prints "
          "what the document says and no defaults, as YAML or with -o json as JSON; to stderr what "
          "it says and this system ignores, each with line and column.",
      .examples = {{"dlctl convert experiment.yaml >job.yaml", "what is it here?"},
                   {"dlctl convert tuning.json --set command='python3 train.py ${search.args}'",
                    "a document that names no program"}},
      .completes = Completion::kFile,
      .setup = [](CLI::App& app) -> Action {
        auto flags = std::make_shared<DocumentFlags>();
        add_document_flags(app, *flags);
        return [flags](Invocation& run) { return convert(run, *flags); };
      }};
}

}  // namespace dl::dlctl
