#include "cmd/dlctl/client/job_reference.h"

#include <algorithm>
#include <cctype>

#include "base/nearest.h"
#include "model/job.h"

namespace dl::dlctl {
namespace {

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

Result<TaskReference> parse_task_reference(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return TaskReference{text, ""};
  TaskReference reference{text.substr(0, slash), text.substr(slash + 1)};
  const auto colon = reference.task.find(':');
  const std::string role = reference.task.substr(0, colon);
  const bool indexed = colon == std::string::npos || is_number(reference.task.substr(colon + 1));
  if (reference.job.empty() || !role_from_string(role) || !indexed) {
    return invalid_argument("\"" + text + "\" names no task; write JOB, JOB/ROLE or " +
                            "JOB/ROLE:INDEX with a role of chief, worker, ps, evaluator, as in " +
                            "42/worker:0");
  }
  return reference;
}

Result<std::string> resolve_job(Client& client, const std::string& reference) {
  if (is_number(reference)) return reference;
  if (reference == "latest") {
    DL_TRY(const v1::ListJobsResponse newest, client.list_jobs("", 1));
    if (newest.jobs().empty()) return not_found("there is no job yet; submit one: dlctl submit");
    return std::to_string(newest.jobs(0).id());
  }
  DL_TRY(const v1::ListJobsResponse jobs, client.list_jobs("", 1000));
  std::vector<std::string> numbers;
  std::vector<std::string> names;
  for (const auto& job : jobs.jobs()) {
    names.push_back(job.name());
    if (job.name() == reference) numbers.push_back(std::to_string(job.id()));
  }
  if (numbers.size() == 1) return numbers.front();
  if (numbers.empty()) {
    return not_found("there is no job \"" + reference + "\"" + did_you_mean(reference, names) +
                     "; `dlctl jobs` lists them");
  }
  std::string list;
  for (std::size_t i = 0; i < numbers.size() && i < 5; ++i) {
    list += (i == 0 ? "" : ", ") + numbers[i];
  }
  if (numbers.size() > 5) list += ", …";
  return invalid_argument(std::to_string(numbers.size()) + " jobs are named \"" + reference +
                          "\" (" + list + "); name one by its number, or the newest job by latest");
}

}  // namespace dl::dlctl
