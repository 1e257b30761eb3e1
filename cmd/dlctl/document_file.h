// Spec documents as verbs get them: from a file, or from stdin as "-".

#pragma once

#include <string>

#include "base/result.h"
#include "cmd/dlctl/host.h"

namespace dl::dlctl {

struct DocumentFile {
  std::string name;  // For messages: "job.yaml", "<stdin>".
  std::string text;
};

// kInvalidArgument: a folder, or larger than a document may be. kNotFound: no such file.
Result<DocumentFile> read_document(Host& host, const std::string& file);

}  // namespace dl::dlctl
