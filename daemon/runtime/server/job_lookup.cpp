#include "daemon/runtime/server/job_lookup.h"

#include <boost/asio/post.hpp>
#include <charconv>

namespace dl::runtime::server {
namespace {

std::map<NodeId, std::string> hosts_of(const coordinator::State& state) {
  std::map<NodeId, std::string> hosts;
  for (const auto& [id, node] : state.nodes) hosts.emplace(id, node.host);
  return hosts;
}

}  // namespace

Result<JobId> parse_job_reference(const std::string& reference) {
  if (reference == "latest") return JobId{0};
  JobId id;
  const auto [end, error] =
      std::from_chars(reference.data(), reference.data() + reference.size(), id.value);
  if (error != std::errc{} || end != reference.data() + reference.size() || id.value == 0) {
    return invalid_argument("\"" + reference +
                            "\" is not a job; give its number, as in 42, or \"latest\"");
  }
  return id;
}

JobView view_of(const coordinator::Job& job, bool live, const Wanted& wanted) {
  JobView view{.job = {},
               .live = live,
               .hosts = {},
               .why = {},
               .explanation = {},
               .search = count_trials(job)};
  const std::uint32_t best = view.search ? view.search->first_best() : 0;
  view.job = excerpt(job, wanted.trials, wanted.trial == 0 ? best : wanted.trial);
  return view;
}

void JobLookup::find(const std::string& reference, Found then, const Wanted& wanted) {
  const auto parsed = parse_job_reference(reference);
  if (!parsed) {
    boost::asio::post(pool_, [then = std::move(then), error = parsed.error()] { then(error); });
    return;
  }
  control_.query([this, id = *parsed, wanted,
                  then = std::move(then)](const coordinator::Loop& loop) {
    const coordinator::State& state = loop.state();
    const JobId number = id.value == 0 ? JobId{state.next_job - 1} : id;
    const auto job = state.jobs.find(number);
    if (job == state.jobs.end()) {
      boost::asio::post(pool_, [this, number, wanted, hosts = hosts_of(state), then]() mutable {
        find_finished(number, std::move(hosts), wanted, then);
      });
      return;
    }
    JobView view = explained(job->second, state, true, wanted);
    view.hosts = hosts_of(state);
    boost::asio::post(pool_, [view = std::move(view), then]() mutable { then(std::move(view)); });
  });
}

JobView JobLookup::explained(const coordinator::Job& job, const coordinator::State& state,
                             bool live, const Wanted& wanted) const {
  const Timestamp now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  JobView view = view_of(job, live, wanted);
  view.why = coordinator::why(state, settings_, job, now);
  if (wanted.detail == LookupDetail::kExplained) {
    view.explanation = coordinator::explain(state, settings_, job, now);
  }
  return view;
}

void JobLookup::find_finished(JobId id, std::map<NodeId, std::string> hosts, const Wanted& wanted,
                              const Found& then) {
  if (id.value == 0) return then(not_found("there is no job yet; submit one: dlctl submit"));
  auto job = history_.finished_job(id);
  if (!job) return then(job.error());
  if (!*job) {
    return then(not_found("there is no job " + to_string(id) + "; dlctl jobs lists all"));
  }
  // The state says nothing of jobs that have ended.
  JobView view = explained(**job, {}, false, wanted);
  view.hosts = std::move(hosts);
  then(std::move(view));
}

}  // namespace dl::runtime::server
