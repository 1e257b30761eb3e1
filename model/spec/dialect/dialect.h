// Documents of other systems that say what to search. Each dialect is a function from its tree to
// the native one; the native reader then checks the values, at the places of the document they
// came from.
//
// Nothing is dropped in silence: what a document says and this system does not do is a note.

#pragma once

#include <span>
#include <string_view>

#include "model/spec/document.h"

namespace dl::spec {

struct Findings {
  Problems& problems;
  Problems& notes;  // What is ignored, or read as something else.
};

struct Dialect {
  std::string_view name;  // "katib": the name of its folder.
  std::string_view mark;  // What it is recognised by, for a message: "kind: Experiment".
  bool (*recognizes)(const Node& root);
  Node (*to_native)(const Node& root, Findings& findings);
};

std::span<const Dialect> dialects();

// The dialect of a document whose root is a mapping; null for a native one. False when it is none
// that is known, and a problem was added.
bool recognize(const Node& root, const Dialect*& dialect, Problems& problems);

}  // namespace dl::spec
