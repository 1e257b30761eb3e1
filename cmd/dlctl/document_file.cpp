#include "cmd/dlctl/document_file.h"

#include <cerrno>
#include <filesystem>
#include <fstream>

namespace dl::dlctl {

void add_document_flags(CLI::App& app, DocumentFlags& flags) {
  app.add_option("FILE", flags.file, "YAML or JSON; - for stdin")->required();
  app.add_option("--set", flags.set, "Set a native key over the document; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

Result<DocumentFile> read_document(Host& host, const std::string& file) {
  DocumentFile document{file == "-" ? "<stdin>" : file, ""};
  std::error_code ignored;
  if (file != "-" && std::filesystem::is_directory(file, ignored)) {
    return invalid_argument(file + " is a folder; name a YAML or JSON file");
  }
  std::ifstream opened;
  if (file != "-") {
    opened.open(file, std::ios::binary);
    if (!opened) return errno_error("cannot read " + file, errno);
  }
  std::istream& in = file == "-" ? host.in : opened;
  document.text.resize(spec::kDocumentBytesMax + 1);
  in.read(document.text.data(), static_cast<std::streamsize>(document.text.size()));
  document.text.resize(static_cast<std::size_t>(in.gcount()));
  if (document.text.size() > spec::kDocumentBytesMax) {
    return invalid_argument(document.name +
                            " is larger than 1 MiB, the most a spec document may "
                            "be; keep data in files of its own");
  }
  return document;
}

bool accept(Host& host, const DocumentFile& document, const spec::ParseResult& parsed) {
  host.err << spec::to_string(parsed.notes, document.name)
           << spec::to_string(parsed.problems, document.name) << std::flush;
  return parsed.spec.has_value();
}

}  // namespace dl::dlctl
