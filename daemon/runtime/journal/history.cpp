#include "daemon/runtime/journal/history.h"

#include <limits>

#include "daemon/runtime/journal/codec.h"

namespace dl::runtime::journal {
namespace {

Timestamp timestamp(std::int64_t us) { return Timestamp(Duration(us)); }

// `points_max` of `points`, evenly spread, always with the last.
void thin_out(std::vector<MetricPoint>& points, std::size_t points_max) {
  if (points.size() <= points_max || points_max == 0) return;
  std::vector<MetricPoint> kept;
  kept.reserve(points_max);
  for (std::size_t i = 1; i <= points_max; ++i) {
    kept.push_back(std::move(points[i * points.size() / points_max - 1]));
  }
  points = std::move(kept);
}

}  // namespace

History::History(std::filesystem::path file, Database database)
    : file_(std::move(file)), database_(std::move(database)) {}

Result<std::unique_ptr<History>> History::open(const std::filesystem::path& file) {
  DL_TRY(Database database, Database::open(file, Database::Mode::kReadOnly));
  return std::unique_ptr<History>(new History(file, std::move(database)));
}

Result<std::optional<coordinator::Job>> History::finished_job(JobId id) {
  const std::lock_guard lock(mutex_);
  DL_TRY(Statement row, database_.prepare("SELECT record FROM jobs WHERE id = ?"));
  DL_TRY(const bool found, row.bind(1, id.value).step());
  if (!found) return std::optional<coordinator::Job>();
  DL_TRY(auto job, decode_finished_job(row.text(0), Documents::kAll));
  return std::optional(std::move(job));
}

Result<bool> History::is_finished(JobId id) {
  const std::lock_guard lock(mutex_);
  DL_TRY(Statement row, database_.prepare("SELECT 1 FROM jobs WHERE id = ?"));
  return row.bind(1, id.value).step();
}

Result<std::vector<coordinator::Job>> History::finished_jobs(const FinishedJobsQuery& query) {
  const std::lock_guard lock(mutex_);
  DL_TRY(Statement rows,
         database_.prepare("SELECT record FROM jobs WHERE id < ?1 AND (?2 = '' OR state = ?2)"
                           " ORDER BY id DESC LIMIT ?3"));
  const std::int64_t before = query.before ? static_cast<std::int64_t>(query.before->value)
                                           : std::numeric_limits<std::int64_t>::max();
  rows.bind(1, before)
      .bind(2, query.state ? to_string(*query.state) : std::string_view(""))
      .bind(3, static_cast<std::int64_t>(query.limit));
  std::vector<coordinator::Job> jobs;
  while (true) {
    DL_TRY(const bool more, rows.step());
    if (!more) return jobs;
    DL_TRY(auto job, decode_finished_job(rows.text(0), Documents::kOfSearches));
    jobs.push_back(std::move(job));
  }
}

Result<std::optional<JobId>> History::newest_finished() {
  const std::lock_guard lock(mutex_);
  DL_TRY(const std::int64_t id, database_.ask("SELECT max(id) FROM jobs"));
  return id == 0 ? std::optional<JobId>() : JobId{static_cast<std::uint64_t>(id)};
}

Result<std::vector<StoredEvent>> History::events(JobId job, std::uint64_t after,
                                                 std::size_t limit) {
  const std::lock_guard lock(mutex_);
  DL_TRY(Statement rows, database_.prepare("SELECT id, at, type, subject, message FROM events"
                                           " WHERE job = ? AND id > ? ORDER BY id LIMIT ?"));
  rows.bind(1, job.value).bind(2, after).bind(3, static_cast<std::int64_t>(limit));
  std::vector<StoredEvent> events;
  while (true) {
    DL_TRY(const bool more, rows.step());
    if (!more) return events;
    events.push_back({rows.number(0),
                      {job, timestamp(rows.integer(1)), std::string(rows.text(2)),
                       std::string(rows.text(3)), std::string(rows.text(4))}});
  }
}

Result<std::vector<MetricSeries>> History::metrics(const MetricsQuery& query) {
  const std::lock_guard lock(mutex_);
  DL_TRY(Statement rows,
         database_.prepare("SELECT trial, name, step, value, at FROM metrics"
                           " WHERE job = ?1 AND (?2 = '' OR name = ?2) AND (?3 = 0 OR trial = ?3)"
                           " AND (?4 = 0 OR step > ?4) ORDER BY trial, name, step"));
  rows.bind(1, query.job.value)
      .bind(2, query.name)
      .bind(3, std::uint64_t{query.trial})
      .bind(4, query.after_step);
  std::vector<MetricSeries> all;
  while (true) {
    DL_TRY(const bool more, rows.step());
    if (!more) break;
    const auto trial = static_cast<std::uint32_t>(rows.number(0));
    if (all.empty() || all.back().trial != trial || all.back().name != rows.text(1)) {
      if (!all.empty()) thin_out(all.back().points, query.points_max);
      all.push_back({std::string(rows.text(1)), trial, {}});
    }
    // SQLite keeps NaN as NULL.
    const double value = rows.is_null(3) ? std::numeric_limits<double>::quiet_NaN() : rows.real(3);
    all.back().points.push_back(
        {all.back().name, rows.number(2), value, timestamp(rows.integer(4))});
  }
  if (!all.empty()) thin_out(all.back().points, query.points_max);
  return all;
}

std::uint64_t History::file_bytes() const {
  std::uint64_t bytes = 0;
  for (const char* suffix : {"", "-wal"}) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file_.string() + suffix, error);
    if (!error) bytes += size;
  }
  return bytes;
}

}  // namespace dl::runtime::journal
