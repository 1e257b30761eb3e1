#include "model/spec/parse.h"

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

ParseResult parse(std::string_view document, std::span<const std::string> overrides) {
  Problems problems(overrides);
  Node root;
  if (!read_document(document, root, problems)) return {std::nullopt, problems.sorted()};
  if (!root.is_map()) {
    problems.add(root.mark, "",
                 "a spec is a mapping of keys, such as \"model: {name: lenet}\", not " +
                     std::string(root.kind == Node::Kind::kList ? "a list" : "a single value"));
    return {std::nullopt, problems.sorted()};
  }
  for (std::size_t i = 0; i < overrides.size(); ++i) {
    apply_override(overrides[i], static_cast<std::uint32_t>(i) + 1, root, problems);
  }
  JobSpec job = native::read_job(root, problems);
  native::check_job(root, job, problems);
  if (!problems.empty()) return {std::nullopt, problems.sorted()};
  return {std::move(job), {}};
}

}  // namespace dl::spec
