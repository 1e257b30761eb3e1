// Reading a job's spec document: YAML or JSON text to JobSpec.
//
// Every error has a line and a column and says what would be right, and all errors of a document
// are found at once. The keys, their types, bounds and defaults stand in one table
// (keys.h), from which docs/spec.md is generated too.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/job_spec.h"

namespace dl::spec {

inline constexpr std::size_t kDocumentBytesMax = 1u << 20;
inline constexpr std::size_t kDepthMax = 64;

// One thing wrong with a document. `line` and `column` count from 1; 0 when the error is in an
// override or in no place at all.
struct Problem {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string key;      // Dotted: "train.epochs". Empty for the whole document.
  std::string message;  // "unknown key \"epoch\"; did you mean \"epochs\"?"

  friend bool operator==(const Problem&, const Problem&) = default;
};

// "<name>:<line>:<column>: <key>: <message>", one line a problem.
std::string to_string(std::span<const Problem> problems, std::string_view document_name);

// A spec or everything that is wrong with it: exactly one of the two is there.
struct ParseResult {
  std::optional<JobSpec> spec;
  std::vector<Problem> problems;
  std::vector<Problem> notes;  // What a document of another dialect says and is ignored here.
  std::string dialect = "native";
};

// Reads a document in any dialect (docs/search.md). `overrides` are "dotted.key=value" (dlctl
// submit --set), native keys applied over the document before it is checked; the value is YAML.
ParseResult parse(std::string_view document, std::span<const std::string> overrides = {});

enum class Language : std::uint8_t { kYaml, kJson };

// The document in the native dialect, with what it says and no defaults; empty when it has
// problems. parse(text) gives the same spec as the document.
struct Conversion {
  ParseResult parsed;
  std::string text;
};
Conversion convert(std::string_view document, std::span<const std::string> overrides,
                   Language language);

// The whole spec with all defaults. parse(to_yaml(s)) gives s again.
std::string to_yaml(const JobSpec& spec);
std::string to_json(const JobSpec& spec);

// docs/spec.md, from the table of keys.
std::string reference_markdown();

// docs/spec.schema.json: a JSON Schema (2020-12) of native documents, for editors. What it accepts
// may still be wrong as a whole; what it refuses is wrong.
std::string schema_json();

}  // namespace dl::spec
