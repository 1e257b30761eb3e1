// Prints docs/spec.md.

#include <iostream>

#include "model/spec/parse.h"

int main() {
  std::cout << dl::spec::reference_markdown();
  return std::cout.good() ? 0 : 1;
}
