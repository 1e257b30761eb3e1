#include "cmd/dlctl/submit_document.h"

#include <array>
#include <cstdio>
#include <random>

#include "cmd/dlctl/output/document.h"

namespace dl::dlctl {
namespace {

std::string random_key() {
  std::random_device random;
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "dlctl-%08x%08x%08x", random(), random(), random());
  return text.data();
}

}  // namespace

Result<v1::SubmitJobResponse> submit_document(Invocation& run, const std::string& text,
                                              const std::vector<std::string>& set,
                                              const std::string& idempotency_key) {
  DL_TRY(Client * client, run.client());
  v1::SubmitJobRequest request;
  request.set_document(text);
  for (const auto& setting : set) request.add_set(setting);
  request.set_idempotency_key(idempotency_key.empty() ? random_key() : idempotency_key);
  request.set_user(run.host().env("USER").value_or(""));
  return client->submit_job(request);
}

std::string submitted_line(const v1::SubmitJobResponse& job) {
  return "Submitted job " + std::to_string(job.job()) + " (" + one_line(job.name()) + ")";
}

void announce_job(Invocation& run, const v1::SubmitJobResponse& job) {
  if (run.structured()) return run.print(to_document(job));
  run.host().out << submitted_line(job) << std::endl;
  const std::string id = std::to_string(job.job());
  run.say("Next: dlctl follow " + id + " · dlctl status " + id + " · dlctl logs -f " + id);
}

}  // namespace dl::dlctl
