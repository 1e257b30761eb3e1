#include "daemon/runtime/server/job_list.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "daemon/runtime/server/job_messages.h"

namespace dl::runtime::server {
namespace {

constexpr std::size_t kPageMax = 1000;

bool is_wanted(const ListQuery& query, const coordinator::Job& job) {
  return (!query.state || job.state == *query.state) && (!query.before || job.id < *query.before);
}

// Newest first, at most query.limit.
std::vector<JobView> live_jobs(const Services& services, const ListQuery& query,
                               const coordinator::State& state) {
  const Timestamp now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  std::vector<JobView> views;
  for (auto job = state.jobs.rbegin(); job != state.jobs.rend(); ++job) {
    if (views.size() == query.limit) break;
    if (!is_wanted(query, job->second)) continue;
    views.push_back(view_of(job->second, true, {}));
    views.back().why = coordinator::why(state, services.settings, job->second, now);
  }
  return views;
}

// Merges by number, newest first. A job that ended between the two looks is in both: once here.
std::vector<JobView> merge(std::vector<JobView> live,
                           const std::vector<coordinator::Job>& finished) {
  std::vector<JobView> all = std::move(live);
  for (const coordinator::Job& job : finished) all.push_back(view_of(job, false, {}));
  std::stable_sort(all.begin(), all.end(),
                   [](const JobView& a, const JobView& b) { return b.job.id < a.job.id; });
  const auto same = [](const JobView& a, const JobView& b) { return a.job.id == b.job.id; };
  all.erase(std::unique(all.begin(), all.end(), same), all.end());
  return all;
}

}  // namespace

Result<ListQuery> parse_list_query(const v1::ListJobsRequest& request) {
  ListQuery query;
  if (!request.state().empty()) {
    query.state = job_state_from_string(request.state());
    if (!query.state) {
      return invalid_argument("\"" + request.state() +
                              "\" is not a job's state; it is one of queued, running, stopping, "
                              "succeeded, failed, cancelled");
    }
  }
  if (!request.page_token().empty()) {
    const auto before = parse_job_reference(request.page_token());
    if (!before || before->value == 0) {
      return invalid_argument("page_token \"" + request.page_token() +
                              "\" is not one that ListJobs gave");
    }
    query.before = *before;
  }
  if (request.page_size() != 0) query.limit = request.page_size();
  query.limit = std::min(query.limit, kPageMax);
  return query;
}

void list_jobs(const Services& services, const ListQuery& query,
               std::function<void(Result<v1::ListJobsResponse>)> then) {
  services.control.query([&services, query, then = std::move(then)](const coordinator::Loop& loop) {
    boost::asio::post(services.pool, [&services, query, then,
                                      live = live_jobs(services, query, loop.state())]() mutable {
      auto finished = services.history.finished_jobs({query.state, query.before, query.limit + 1});
      if (!finished) return then(finished.error());
      const std::vector<JobView> all = merge(std::move(live), *finished);
      v1::ListJobsResponse page;
      const std::size_t count = std::min(all.size(), query.limit);
      for (std::size_t i = 0; i < count; ++i) {
        *page.add_jobs() = to_message(all[i], services.settings.artifact_root, JobDetail::kRow);
      }
      const bool full = count == query.limit && count != 0;
      if (full && all[count - 1].job.id.value > 1) {
        page.set_next_page_token(to_string(all[count - 1].job.id));
      }
      then(std::move(page));
    });
  });
}

}  // namespace dl::runtime::server
