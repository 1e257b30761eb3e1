// The functions that search_quality minimizes. objectives.py has the same ones.

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "model/search_spec.h"

namespace dl::bench {

struct TestObjective {
  std::string name;
  Parameters parameters;
  std::function<double(const Assignment&)> value;
};

// All of them; the last is read from `table`, fashion_mnist_runs.csv.
std::vector<TestObjective> test_objectives(const std::string& table);

}  // namespace dl::bench
