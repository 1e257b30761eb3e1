// Why a gang does not fit, as the one dominant reason a user is told.

#pragma once

#include <string>
#include <vector>

#include "model/job_spec.h"
#include "scheduler/placement/pack.h"

namespace dl::scheduler {

enum class Measure {
  kFree,   // The rooms are what is free now.
  kEmpty,  // The rooms are whole nodes.
};

struct Shortage {
  std::string reason;   // "needs 6 GPUs on one node; the largest node has 4"
  bool certain = true;  // The numbers alone prove it. False: the tasks only don't fit together.
};

Shortage shortage_of(const std::vector<Room>& rooms, const std::vector<RoleSpec>& roles,
                     Measure measure);

}  // namespace dl::scheduler
