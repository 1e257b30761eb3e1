// Finds the job that a request names, live or finished.

#pragma once

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <string>

#include "daemon/coordinator/explain.h"
#include "daemon/runtime/journal/history.h"
#include "daemon/runtime/server/control_thread.h"
#include "daemon/runtime/server/job_excerpt.h"

namespace dl::runtime::server {

// A job as it is at one moment, taken out of the state.
struct JobView {
  coordinator::Job job;  // An excerpt.
  bool live = false;
  std::map<NodeId, std::string> hosts;   // Of the nodes in the cluster, by name.
  std::string why;                       // The dominant reason for its state, if there is one.
  coordinator::Explanation explanation;  // Only with kExplained.
  std::optional<SearchCounts> search;    // Of all its trials.
};

enum class LookupDetail { kPlain, kExplained };

// How much of a job is wanted: of a search few trials, and among them the one of that number.
struct Wanted {
  LookupDetail detail = LookupDetail::kPlain;
  Trials trials = Trials::kFew;
  std::uint32_t trial = 0;  // 0: the best.
};

// Without its reasons and the hosts.
JobView view_of(const coordinator::Job& job, bool live, const Wanted& wanted);

class JobLookup {
 public:
  // All outlive the lookup. What may block runs in `pool`.
  JobLookup(ControlThread& control, journal::History& history, boost::asio::thread_pool& pool,
            const coordinator::Settings& settings)
      : control_(control), history_(history), pool_(pool), settings_(settings) {}

  // `reference` is a number or "latest". Calls `then` once, in the pool: kInvalidArgument when it
  // is neither, kNotFound for a job that never was.
  using Found = std::function<void(Result<JobView> view)>;
  void find(const std::string& reference, Found then, const Wanted& wanted = {});

 private:
  JobView explained(const coordinator::Job& job, const coordinator::State& state, bool live,
                    const Wanted& wanted) const;
  void find_finished(JobId id, std::map<NodeId, std::string> hosts, const Wanted& wanted,
                     const Found& then);

  ControlThread& control_;
  journal::History& history_;
  boost::asio::thread_pool& pool_;
  const coordinator::Settings& settings_;
};

// 42 of "42"; 0 of "latest". kInvalidArgument otherwise.
Result<JobId> parse_job_reference(const std::string& reference);

}  // namespace dl::runtime::server
