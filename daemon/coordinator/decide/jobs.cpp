#include "daemon/coordinator/decide/draft.h"
#include "daemon/coordinator/decide/snapshot.h"
#include "scheduler/placement/place_gang.h"

namespace dl::coordinator {
namespace {

constexpr std::size_t kIdempotencyKeyMax = 256;

// FNV-1a over the parts, each with its length, so that moving text between them changes the hash.
std::uint64_t hash_of(const SpecDocument& document) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](std::string_view text) {
    const auto step = [&](unsigned char byte) { hash = (hash ^ byte) * 0x100000001b3; };
    for (std::size_t n = text.size(), i = 0; i < 8; ++i, n >>= 8) {
      step(static_cast<unsigned char>(n));
    }
    for (const char c : text) step(static_cast<unsigned char>(c));
  };
  add(document.text);
  for (const auto& text : document.overrides) add(text);
  return hash;
}

const Submission* find_submission(const Draft& draft, const std::string& key) {
  const auto found = draft.state.submissions.find(key);
  if (key.empty() || found == draft.state.submissions.end()) return nullptr;
  const bool expired = found->second.at + kSubmissionsKept < draft.now;
  return expired ? nullptr : &found->second;
}

// The answer to a key that is known: its job, or that the key was used for something else.
Result<JobId> answer_again(const Submission& submission, const std::string& key,
                           std::uint64_t hash) {
  if (submission.document_hash == hash) return submission.job;
  return Error{Code::kAlreadyExists, "idempotency key \"" + key + "\" belongs to job " +
                                         to_string(submission.job) +
                                         ", which was another document; take a new key"};
}

Result<void> check_admission(const Draft& draft, const SubmitJob& event) {
  if (event.idempotency_key.size() > kIdempotencyKeyMax) {
    return invalid_argument("an idempotency key of " +
                            std::to_string(event.idempotency_key.size()) +
                            " bytes is too long; take at most 256");
  }
  if (draft.state.jobs.size() >= draft.settings.jobs_max) {
    return Error{Code::kResourceExhausted,
                 "the cluster has " + std::to_string(draft.state.jobs.size()) +
                     " jobs that have not ended, as many as it takes; submit again later"};
  }
  return check_fits(draft.state, *event.document.parsed);
}

}  // namespace

Result<void> check_fits(const State& state, const JobSpec& spec) {
  if (fits_one_node(state, spec.roles)) return {};
  const auto cluster = known_nodes(state);
  if (cluster.empty()) return {};
  const auto fits = scheduler::fits_empty(cluster, {.roles = spec.roles});
  if (fits) return {};
  return invalid_argument("job " + spec.name + " does not fit the cluster: " +
                          fits.error().message + "; ask for less or add nodes");
}

void decide_submit(Draft& draft, const SubmitJob& event) {
  const std::uint64_t hash = hash_of(event.document);
  if (const Submission* known = find_submission(draft, event.idempotency_key)) {
    draft.reply(event.request, answer_again(*known, event.idempotency_key, hash));
    return;
  }
  if (auto admitted = check_admission(draft, event); !admitted) {
    draft.reply(event.request, std::move(admitted).error());
    return;
  }
  const JobId job{draft.state.next_job};
  draft.mutate(JobSubmitted{.job = job,
                            .at = draft.now,
                            .user = event.user,
                            .document = event.document,
                            .idempotency_key = event.idempotency_key,
                            .document_hash = hash});
  draft.reply(event.request, job);
}

void decide_cancel(Draft& draft, const CancelJob& event) {
  const Job* job = find_job(draft.state, event.job);
  if (job == nullptr) {
    const bool ended = event.job.value > 0 && event.job.value < draft.state.next_job;
    draft.reply(event.request, ended ? Result<JobId>(event.job)
                                     : not_found("there is no job " + to_string(event.job) +
                                                 "; see `dlctl jobs`"));
    return;
  }
  draft.reply(event.request, event.job);
  const StopReason reason = event.kill ? StopReason::kKilled : StopReason::kCancelled;
  if (reason <= job->stop) return;
  draft.mutate(JobStopping{.job = event.job, .at = draft.now, .reason = reason});
  for (const auto number : active_trials(draft.state, event.job)) {
    if (const Attempt* attempt = live_attempt(job->trials.at(number))) {
      stop_attempt(draft, {event.job, number, attempt->number}, reason, std::nullopt);
    }
  }
  if (!has_live_attempt(draft.state, *job)) {
    draft.mutate(JobEnded{
        .job = event.job, .state = JobState::kCancelled, .at = draft.now, .failure = std::nullopt});
  }
}

}  // namespace dl::coordinator
