// Spec documents as verbs get them: from a file, or from stdin as "-".

#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "cmd/dlctl/host.h"
#include "model/spec/parse.h"

namespace dl::dlctl {

// Which document, and what is changed in it.
struct DocumentFlags {
  std::string file;
  std::vector<std::string> set;
};

// Adds FILE and --set; `flags` outlives the app's parsing.
void add_document_flags(CLI::App& app, DocumentFlags& flags);

struct DocumentFile {
  std::string name;  // For messages: "job.yaml", "<stdin>".
  std::string text;
};

// kInvalidArgument: a folder, or larger than a document may be. kNotFound: no such file.
Result<DocumentFile> read_document(Host& host, const std::string& file);

// Prints to stderr, each with line and column, what the document says and is ignored, and what is
// wrong with it. Whether nothing is wrong.
bool accept(Host& host, const DocumentFile& document, const spec::ParseResult& parsed);

}  // namespace dl::dlctl
