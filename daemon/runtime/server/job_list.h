// ListJobs: live jobs from the state, finished ones from the database, merged newest first.

#pragma once

#include <functional>
#include <optional>

#include "daemon/runtime/server/services.h"
#include "dl/v1/jobs.pb.h"

namespace dl::runtime::server {

struct ListQuery {
  std::optional<JobState> state;  // Only of this state.
  std::optional<JobId> before;    // Only with smaller numbers: where the page before ended.
  std::size_t limit = 100;
};

// kInvalidArgument for a state or a page token that is none.
Result<ListQuery> parse_list_query(const v1::ListJobsRequest& request);

// Calls `then` once, in the pool.
void list_jobs(const Services& services, const ListQuery& query,
               std::function<void(Result<v1::ListJobsResponse>)> then);

}  // namespace dl::runtime::server
