#include "model/spec/parse.h"

#include <algorithm>

#include "model/spec/build.h"
#include "model/spec/dialect/dialect.h"
#include "model/spec/document.h"
#include "model/spec/native/read.h"

namespace dl::spec {

std::string to_string(std::span<const Problem> problems, std::string_view document_name) {
  std::string text;
  for (const Problem& problem : problems) {
    text += document_name;
    text += ":";
    if (problem.line > 0) {
      text += std::to_string(problem.line) + ":" + std::to_string(problem.column) + ":";
    }
    text += " ";
    if (!problem.key.empty()) text += problem.key + ": ";
    text += problem.message + "\n";
  }
  return text;
}

namespace {

// A document that names no program gets one here, so that the rest of it is checked too.
void require_program(Node& root, const Dialect& dialect, Problems& problems) {
  if (root.find("command") != nullptr || root.find("model") != nullptr) return;
  if (const Entry* roles = root.find("roles")) {
    const auto& entries = roles->value.entries;
    if (!entries.empty() && std::all_of(entries.begin(), entries.end(), [](const Entry& role) {
          return role.value.find("command") != nullptr;
        })) {
      return;
    }
  }
  problems.add(root.mark, "command",
               "is missing: this " + std::string(dialect.name) +
                   " document names no program that a node could start; add --set "
                   "command='python3 train.py ${search.args}'");
  put(root, "command", text("${search.args}"), root.mark);
}

// The tree of a document as a native one, before its values are read. False: there is none.
bool read_native(std::string_view document, std::span<const std::string> overrides, Node& root,
                 ParseResult& result, Problems& problems) {
  if (!read_document(document, root, problems)) return false;
  if (!root.is_map()) {
    problems.add(root.mark, "",
                 "a spec is a mapping of keys, such as \"model: {name: lenet}\", not " +
                     std::string(root.kind == Node::Kind::kList ? "a list" : "a single value"));
    return false;
  }
  const Dialect* dialect = nullptr;
  if (!recognize(root, dialect, problems)) return false;
  Problems notes;
  if (dialect != nullptr) {
    Findings findings{problems, notes};
    root = dialect->to_native(root, findings);
    result.dialect = dialect->name;
    result.notes = notes.sorted();
  }
  for (std::size_t i = 0; i < overrides.size(); ++i) {
    apply_override(overrides[i], static_cast<std::uint32_t>(i) + 1, root, problems);
  }
  if (dialect != nullptr) {
    require_program(root, *dialect, problems);
    sort_by_table(root);
  }
  return true;
}

ParseResult parse_tree(std::string_view document, std::span<const std::string> overrides,
                       Node& root) {
  ParseResult result;
  Problems problems(overrides);
  if (read_native(document, overrides, root, result, problems)) {
    JobSpec job = native::read_job(root, problems);
    native::check_job(root, job, problems);
    if (problems.empty()) result.spec = std::move(job);
  }
  result.problems = problems.sorted();
  return result;
}

}  // namespace

ParseResult parse(std::string_view document, std::span<const std::string> overrides) {
  Node root;
  return parse_tree(document, overrides, root);
}

Conversion convert(std::string_view document, std::span<const std::string> overrides,
                   Language language) {
  Node root;
  Conversion conversion{parse_tree(document, overrides, root), ""};
  if (conversion.parsed.spec) conversion.text = print_document(root, language);
  return conversion;
}

}  // namespace dl::spec
