#include "model/job_spec.h"

namespace dl {

std::uint32_t JobSpec::task_count() const {
  std::uint32_t count = 0;
  for (const RoleSpec& role : roles) count += role.count;
  return count;
}

}  // namespace dl
