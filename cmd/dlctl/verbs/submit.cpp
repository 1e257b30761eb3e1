// dlctl submit: a document becomes a job.

#include "cmd/dlctl/document_file.h"
#include "cmd/dlctl/follow.h"
#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/submit_document.h"
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

// What the server says is wrong with a document is the document's fault, not the command line's.
ExitCode refused(Invocation& run, const Error& error) {
  run.host().err << error_line(error, run.err_terminal());
  return error.code == Code::kInvalidArgument ? ExitCode::kBadSpec : exit_code_of(error);
}

void announce(Invocation& run, const Flags& flags, const v1::SubmitJobResponse& job) {
  if (flags.quiet) {
    run.host().out << job.job() << std::endl;
  } else if (!flags.follow && !flags.wait) {
    announce_job(run, job);
  } else if (!run.structured()) {
    // With --follow and --wait the one document on stdout is the job as it ended.
    run.host().out << submitted_line(job) << std::endl;
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
  const auto job = submit_document(run, document.text, flags.document.set, flags.idempotency_key);
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
