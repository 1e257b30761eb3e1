// dlctl submit: a document becomes a job.

#include <array>
#include <random>

#include "cmd/dlctl/document_file.h"
#include "cmd/dlctl/follow.h"
#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/verb.h"
#include "cmd/dlctl/view/job_view.h"
#include "cmd/dlctl/wait.h"

namespace dl::dlctl {
namespace {

struct Flags {
  DocumentFlags document;
  std::string idempotency_key;
  bool follow = false;
  bool wait = false;
  bool quiet = false;
};

std::string random_key() {
  std::random_device random;
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "dlctl-%08x%08x%08x", random(), random(), random());
  return text.data();
}

// What the server says is wrong with a document is the document's fault, not the command line's.
ExitCode refused(Invocation& run, const Error& error) {
  run.host().err << error_line(error, run.err_terminal());
  return error.code == Code::kInvalidArgument ? ExitCode::kBadSpec : exit_code_of(error);
}

void announce(Invocation& run, const Flags& flags, const v1::SubmitJobResponse& job) {
  const std::string id = std::to_string(job.job());
  auto& out = run.host().out;
  if (flags.quiet) {
    out << id << std::endl;
    return;
  }
  if (run.structured()) {
    // With --follow and --wait the one document on stdout is the job as it ended.
    if (!flags.follow && !flags.wait) run.print(to_document(job));
    return;
  }
  out << "Submitted job " << id << " (" << one_line(job.name()) << ")" << std::endl;
  if (!flags.follow && !flags.wait) {
    run.say("Next: dlctl follow " + id + " · dlctl status " + id + " · dlctl logs -f " + id);
  }
}

Result<ExitCode> wait_for_outcome(Invocation& run, const Flags& flags, const std::string& id) {
  DL_TRY(const Ended ended, wait_until_ended(run, {id}, std::nullopt));
  if (!ended.all()) {
    run.say("Job " + id + " goes on. Wait again: dlctl wait " + id);
  } else if (run.structured()) {
    run.print(to_document(ended.jobs.front()));
  } else if (!flags.quiet) {
    run.host().out << render_outcome(ended.jobs.front(), run.out_terminal());
  }
  return ended.exit_code();
}

Result<ExitCode> submit(Invocation& run, const Flags& flags) {
  DL_TRY(const DocumentFile document, read_document(run.host(), flags.document.file));
  const auto parsed = spec::parse(document.text, flags.document.set);
  if (!accept(run.host(), document, parsed)) return ExitCode::kBadSpec;
  DL_TRY(Client * client, run.client());
  v1::SubmitJobRequest request;
  request.set_document(document.text);
  for (const auto& setting : flags.document.set) request.add_set(setting);
  request.set_idempotency_key(flags.idempotency_key.empty() ? random_key() : flags.idempotency_key);
  request.set_user(run.host().env("USER").value_or(""));
  const auto job = client->submit_job(request);
  if (!job) return refused(run, job.error());
  announce(run, flags, *job);
  const std::string id = std::to_string(job->job());
  if (flags.follow) return follow_job(run, id);
  if (flags.wait) return wait_for_outcome(run, flags, id);
  return ExitCode::kOk;
}

}  // namespace

Verb submit_verb() {
  return {
      .name = "submit",
      .summary = "Make a job of a spec document",
      .description =
          "The document is checked here first, so that errors come with file, line and column, "
          "and then sent as it is. A job that was acknowledged is never lost. With --follow or "
          "--wait the exit code says how the job ended; Ctrl-C leaves the job running.",
      .examples = {{"dlctl submit job.yaml", "submit and return"},
                   {"dlctl submit job.yaml --follow", "show its progress until it has ended"},
                   {"dlctl submit job.yaml --set train.epochs=3 --set name=short",
                    "with other values than the file has"},
                   {"generate | dlctl submit - -q --wait", "for scripts: prints the number only"}},
      .completes = Completion::kFile,
      .setup = [](CLI::App& app) -> Action {
        auto flags = std::make_shared<Flags>();
        add_document_flags(app, flags->document);
        app.add_flag("-f,--follow", flags->follow, "Show progress until the job has ended");
        app.add_flag("--wait", flags->wait, "Return when the job has ended");
        app.add_option("--idempotency-key", flags->idempotency_key,
                       "Submits with the same key are one job")
            ->type_name("KEY");
        app.add_flag("-q,--quiet", flags->quiet, "Print the job's number only");
        return [flags](Invocation& run) { return submit(run, *flags); };
      }};
}

}  // namespace dl::dlctl
