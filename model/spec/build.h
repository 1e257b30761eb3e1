// Making the trees that documents are read into: for specs that are written out, and for documents
// of another dialect on their way to the native one.

#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "model/spec/document.h"

namespace dl::spec {

Node plain(std::string_view word);  // A number or a truth.
Node text(std::string_view text);
Node map();
Node list(std::initializer_list<Node> items);

// Adds an entry to a map, and returns its value.
Node& put(Node& map, std::string_view key, Node value);
// The same with the place where a document says so, for all of the value that has none.
Node& put(Node& map, std::string_view key, Node value, const Mark& mark);

// Sets the value at a dotted path, with the maps on the way to it; all that is new gets the place
// `mark`, where the value has none of its own.
Node& set_path(Node& root, std::string_view path, Node value, const Mark& mark = {});

// Puts the entries of a native document in the order of the table of keys.
void sort_by_table(Node& root);

// "0.5" in quotes as the number that it is.
Node unquoted(Node node);

}  // namespace dl::spec
