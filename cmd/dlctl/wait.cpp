#include "cmd/dlctl/wait.h"

namespace dl::dlctl {
namespace {

using Clock = std::chrono::steady_clock;

// get_job, with patience for a coordinator that is being restarted.
Result<v1::Job> get_job_patiently(Invocation& run, Client& client, const std::string& job) {
  const auto deadline = Clock::now() + kPatience;
  bool said = false;
  while (true) {
    auto answer = client.get_job(job);
    if (answer || !is_passing(answer.error()) || Clock::now() >= deadline) {
      if (answer && said) run.say("The coordinator is back.");
      return answer;
    }
    if (!said) {
      run.say("The coordinator at " + client.endpoint().address +
              " does not answer; waiting for it up to " + to_short_string(kPatience) +
              ". Jobs go on without it.");
      said = true;
    }
    if (!wait_for(std::chrono::milliseconds(500))) return answer;
  }
}

}  // namespace

bool is_passing(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded ||
         error.code == Code::kCancelled || error.code == Code::kUnknown;
}

bool Ended::all() const {
  for (const auto& job : jobs) {
    if (!is_terminal(job.state())) return false;
  }
  return true;
}

ExitCode Ended::exit_code() const {
  if (!all()) return interrupted ? ExitCode::kInterrupted : ExitCode::kTimedOut;
  for (const auto& job : jobs) {
    if (exit_code_of(job) != ExitCode::kOk) return exit_code_of(job);
  }
  return ExitCode::kOk;
}

Result<Ended> wait_until_ended(Invocation& run, const std::vector<std::string>& jobs,
                               std::optional<Duration> limit) {
  const InterruptGuard guard;
  DL_TRY(Client * client, run.client());
  Ended ended;
  for (const auto& reference : jobs) {
    DL_TRY(ended.jobs.emplace_back(), client->get_job(reference));
  }
  const auto deadline = limit ? Clock::now() + *limit : Clock::time_point::max();
  while (!ended.all() && Clock::now() < deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::min<Clock::duration>(deadline - Clock::now(), std::chrono::milliseconds(300)));
    if (!wait_for(left)) {
      ended.interrupted = true;
      break;
    }
    for (auto& job : ended.jobs) {
      if (is_terminal(job.state())) continue;
      DL_TRY(job, get_job_patiently(run, *client, std::to_string(job.id())));
    }
  }
  return ended;
}

}  // namespace dl::dlctl
