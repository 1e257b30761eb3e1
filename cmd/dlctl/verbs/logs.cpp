// dlctl logs: what the tasks wrote.

#include "cmd/dlctl/client/job_reference.h"
#include "cmd/dlctl/log_printer.h"
#include "cmd/dlctl/verb.h"
#include "cmd/dlctl/view/job_text.h"
#include "cmd/dlctl/wait.h"

namespace dl::dlctl {
namespace {

struct Flags {
  std::string reference;
  bool follow = false;
  std::uint64_t tail = 0;
  std::uint32_t attempt = 0;
  std::uint32_t trial = 0;
};

// Tasks of the job's live or last attempts that `filter` ("", "worker", "worker:0") means.
std::size_t count_tasks(const v1::Job& job, const std::string& filter) {
  std::size_t count = 0;
  for (const auto& trial : job.trials()) {
    for (const auto& task : trial.attempt().tasks()) {
      const std::string name = task.role() + ":" + std::to_string(task.index());
      if (filter.empty() || filter == task.role() || filter == name) ++count;
    }
  }
  return count;
}

Result<void> read_once(Client& client, const v1::ReadLogsRequest& request, LogPrinter& printer) {
  const auto stream = client.read_logs(request);
  v1::LogChunk chunk;
  while (!interrupted()) {
    DL_TRY(const auto next, stream->next(chunk, std::chrono::milliseconds(100)));
    if (next == Stream<v1::LogChunk>::Next::kEnd) return {};
    if (next == Stream<v1::LogChunk>::Next::kMessage) {
      printer.add(chunk.task(), chunk.attempt(), chunk.offset(), chunk.data());
    }
  }
  return {};
}

// Reads until the job has ended: over restarts of the job, of agents and of the coordinator.
Result<void> read_on(Invocation& run, Client& client, v1::ReadLogsRequest request,
                     LogPrinter& printer) {
  auto deadline = std::chrono::steady_clock::now() + kPatience;
  bool said = false;
  while (!interrupted()) {
    const auto read = read_once(client, request, printer);
    if (!read && !is_passing(read.error())) return read.error();
    request.set_tail_lines(0);  // What was shown is known by its offset.
    const auto job = client.get_job(request.job());
    if (job && is_terminal(job->state()) && read) return {};
    if (job) {
      deadline = std::chrono::steady_clock::now() + kPatience;
      if (std::exchange(said, false)) run.say("The coordinator is back.");
    } else if (!is_passing(job.error()) || std::chrono::steady_clock::now() > deadline) {
      return job.error();
    } else if (!std::exchange(said, true)) {
      run.say("The coordinator at " + client.endpoint().address +
              " does not answer; waiting for it up to " + to_short_string(kPatience) + ".");
    }
    wait_for(std::chrono::milliseconds(500));
  }
  return {};
}

Result<ExitCode> logs(Invocation& run, const Flags& flags) {
  DL_TRY(const TaskReference reference, parse_task_reference(flags.reference));
  DL_TRY(Client * client, run.client());
  DL_TRY(const std::string id, resolve_job(*client, reference.job));
  DL_TRY(const v1::Job job, client->get_job(id));
  v1::ReadLogsRequest request;
  request.set_job(std::to_string(job.id()));
  request.set_task(reference.task);
  request.set_follow(flags.follow);
  request.set_tail_lines(flags.tail);
  request.set_attempt(flags.attempt);
  request.set_trial(flags.trial);
  const bool several =
      reference.task.find(':') == std::string::npos && (count_tasks(job, reference.task) != 1);
  const LogFormat format = run.flags().output == "json" ? LogFormat::kJson
                           : several                    ? LogFormat::kPrefixed
                                                        : LogFormat::kPlain;
  LogPrinter printer(run.host().out, format, run.out_terminal().color);
  const InterruptGuard guard;
  const auto done = flags.follow && flags.attempt == 0 ? read_on(run, *client, request, printer)
                                                       : read_once(*client, request, printer);
  printer.flush();
  DL_CHECK(done);
  return interrupted() ? ExitCode::kInterrupted : ExitCode::kOk;
}

}  // namespace

Verb logs_verb() {
  return {
      .name = "logs",
      .summary = "Print what a job's tasks wrote",
      .description =
          "Each line begins with its task when there are several. With -f it goes on over "
          "restarts until the job has ended. -o json writes one object a line.",
      .examples = {{"dlctl logs 42", "of all tasks of the newest attempt"},
                   {"dlctl logs -f latest", "and what they write from now on"},
                   {"dlctl logs 42/worker:1 --tail 20", "the last lines of one task"},
                   {"dlctl logs 42/worker --attempt 1", "of all workers of the first attempt"}},
      .completes = Completion::kTask,
      .setup = [](CLI::App& app) -> Action {
        auto flags = std::make_shared<Flags>();
        app.add_option("JOB", flags->reference, "JOB, JOB/ROLE or JOB/ROLE:INDEX")->required();
        app.add_flag("-f,--follow", flags->follow, "Go on until the job has ended");
        app.add_option("--tail", flags->tail, "Begin so many lines before the end")->type_name("N");
        app.add_option("--attempt", flags->attempt, "Of this attempt, not the newest")
            ->type_name("N");
        app.add_option("--trial", flags->trial, "Of this trial, not the first")->type_name("N");
        return [flags](Invocation& run) { return logs(run, *flags); };
      }};
}

}  // namespace dl::dlctl
