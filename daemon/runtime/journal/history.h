// What users read of the past: finished jobs, events and metrics, from the journal's database.
//
// Reads only what is committed, through a connection of its own, so it never waits for the control
// thread nor holds it up. Any thread may call.

#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "daemon/coordinator/record.h"
#include "daemon/runtime/journal/database.h"

namespace dl::runtime::journal {

struct StoredEvent {
  std::uint64_t id = 0;  // Ascending over all jobs.
  coordinator::JobEvent event;
};

struct FinishedJobsQuery {
  std::optional<JobState> state;  // Only of this state.
  std::optional<JobId> before;    // Only with smaller numbers.
  std::size_t limit = 100;
};

struct MetricsQuery {
  JobId job;
  std::string name;              // Empty: all.
  std::uint32_t trial = 0;       // 0: all.
  std::uint64_t after_step = 0;  // Only greater steps; 0: from the first.
  std::size_t points_max = 1000;
};

struct MetricSeries {
  std::string name;
  std::uint32_t trial = 1;
  std::vector<MetricPoint> points;  // Ascending by step; the last is always there.
};

class History {
 public:
  // `file` must exist: open the SqliteJournal first.
  static Result<std::unique_ptr<History>> open(const std::filesystem::path& file);

  // Absent: it is live, or has never been.
  Result<std::optional<coordinator::Job>> finished_job(JobId id);
  Result<bool> is_finished(JobId id);
  // Newest first; the specs of searches are parsed, no others.
  Result<std::vector<coordinator::Job>> finished_jobs(const FinishedJobsQuery& query);
  // The greatest number among them.
  Result<std::optional<JobId>> newest_finished();

  // Events of `job` with an id greater than `after`, at most `limit`.
  Result<std::vector<StoredEvent>> events(JobId job, std::uint64_t after, std::size_t limit);

  // By trial, then by name.
  Result<std::vector<MetricSeries>> metrics(const MetricsQuery& query);

  // Of the database and its write-ahead log.
  std::uint64_t file_bytes() const;

 private:
  History(std::filesystem::path file, Database database);

  std::filesystem::path file_;
  std::mutex mutex_;  // Of the connection.
  Database database_;
};

}  // namespace dl::runtime::journal
