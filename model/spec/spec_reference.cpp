// Prints docs/spec.md; with --schema docs/spec.schema.json.

#include <iostream>
#include <string_view>

#include "model/spec/parse.h"

int main(int argc, char** argv) {
  const bool schema = argc > 1 && std::string_view(argv[1]) == "--schema";
  std::cout << (schema ? dl::spec::schema_json() : dl::spec::reference_markdown());
  return std::cout.good() ? 0 : 1;
}
