// What the tests ask of a decision's effects.

#pragma once

#include <variant>
#include <vector>

#include "daemon/agent/effect.h"

namespace dl::agent {

// Those of one kind, in their order.
template <class T>
std::vector<T> only(const std::vector<Effect>& effects) {
  std::vector<T> found;
  for (const auto& effect : effects) {
    if (const auto* one = std::get_if<T>(&effect)) found.push_back(*one);
  }
  return found;
}

}  // namespace dl::agent
