#include "cmd/dlctl/follow.h"

#include <algorithm>
#include <array>
#include <utility>

#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/terminal/screen.h"
#include "cmd/dlctl/view/job_text.h"
#include "cmd/dlctl/view/job_view.h"
#include "cmd/dlctl/wait.h"

namespace dl::dlctl {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

std::string time_of_day(const google::protobuf::Timestamp& time) {
  const std::string text = clock_text(time);
  return text.empty() ? "        " : text.substr(11);
}

Style style_of_event(const std::string& type) {
  if (type == "stopping" || type == "blamed" || type == "restart") return Style::kYellow;
  if (type == "paused" || type == "stopped" || type == "failed") return Style::kYellow;
  if (type == "ended" || type == "running" || type == "best") return Style::kGreen;
  return Style::kCyan;
}

// What happens within a search's trials is too much to watch: their begin, their end and what the
// search decides is shown.
bool is_noise_in_search(const v1::JobEvent& event) {
  static constexpr std::array<std::string_view, 7> kWithin = {
      "placed", "running", "exited", "checkpoint", "measured", "blamed", "progress"};
  const bool of_attempt = std::count(event.subject().begin(), event.subject().end(), '.') == 2;
  return std::count(kWithin.begin(), kWithin.end(), event.type()) > 0 ||
         (event.type() == "stopping" && of_attempt);
}

// "trial 3" of "42.3" and "42.3.2"; empty for a job.
std::string trial_of(const std::string& subject) {
  const auto begin = subject.find('.');
  if (begin == std::string::npos) return "";
  const auto end = subject.find_first_of("./", begin + 1);
  return "trial " + one_line(subject.substr(begin + 1, end - begin - 1));
}

class Follower {
 public:
  Follower(Invocation& run, Client& client, std::string id)
      : run_(run),
        client_(client),
        id_(std::move(id)),
        terminal_(run.structured() ? run.err_terminal() : run.out_terminal()),
        screen_(run.structured() ? run.host().err : run.host().out, terminal_) {}

  Result<ExitCode> run() {
    DL_TRY(job_, client_.get_job(id_));
    unit_ = unit_of(job_);
    while (true) {
      const auto ended = watch();
      if (interrupted()) return detach();
      if (!ended && !is_passing(ended.error())) return ended.error();
      DL_CHECK(reconnect());
      if (interrupted()) return detach();
      // The end may have come while nobody watched: then its events are read once more.
      if (is_terminal(job_.state()) && (end_seen_ || std::exchange(drained_, true))) {
        return finish();
      }
      // A stream that ended before the job did is taken up where it broke off.
      if (!wait_for(Milliseconds(200))) return detach();
    }
  }

 private:
  // Shows events until the stream ends.
  Result<void> watch() {
    v1::WatchJobRequest request;
    request.set_job(id_);
    request.set_after(last_event_);
    const auto stream = client_.watch_job(request);
    v1::JobEvent event;
    while (!interrupted()) {
      DL_TRY(const auto next, stream->next(event, Milliseconds(100)));
      if (next == Stream<v1::JobEvent>::Next::kEnd) return {};
      if (next == Stream<v1::JobEvent>::Next::kMessage) on_event(event);
      redraw();
    }
    return {};
  }

  // Asks for the job until there is an answer, for as long as patience lasts.
  Result<void> reconnect() {
    const auto deadline = SteadyClock::now() + kPatience;
    bool said = false;
    while (!interrupted()) {
      auto job = client_.get_job(id_);
      if (job) {
        job_ = std::move(*job);
        if (said) say("The coordinator is back.");
        return {};
      }
      if (!is_passing(job.error()) || SteadyClock::now() >= deadline) return job.error();
      if (!said) {
        say("The coordinator at " + client_.endpoint().address +
            " does not answer; waiting for it up to " + to_short_string(kPatience) +
            ". The job goes on without it.");
        said = true;
      }
      wait_for(Milliseconds(300));
    }
    return {};
  }

  void say(const std::string& line) {
    screen_.print(styled(line, Style::kYellow, terminal_.color) + "\n");
  }

  void on_event(const v1::JobEvent& event) {
    last_event_ = std::max(last_event_, event.id());
    end_seen_ = end_seen_ || event.type() == "ended";
    if (job_.has_search() && is_noise_in_search(event)) return;
    if (event.type() == "progress") {
      on_progress(to_view(event.progress(), unit_));
      return;
    }
    if (event.type() == "restart" || event.type() == "placed") progress_.reset();
    const auto slash = event.subject().find('/');
    std::string task =
        slash == std::string::npos ? "" : one_line(event.subject().substr(slash + 1)) + " ";
    if (job_.has_search()) {
      task = trial_of(event.subject());
      if (!task.empty()) task = pad_right(task, 10);
    }
    const std::string line = styled(time_of_day(event.time()), Style::kDim, terminal_.color) +
                             "  " +
                             styled(pad_right(one_line(event.type()), 10),
                                    style_of_event(event.type()), terminal_.color) +
                             "  " + task + one_line(event.message());
    screen_.print(line + "\n");
  }

  void on_progress(const ProgressView& progress) {
    constexpr std::chrono::seconds kEvery{5};
    const bool new_epoch = !progress_ || progress_->epoch != progress.epoch;
    progress_ = progress;
    if (terminal_.tty) return;
    const auto now = SteadyClock::now();
    if (!new_epoch && now - printed_ < kEvery) return;
    printed_ = now;
    screen_.print("          progress    " + progress_line(progress, terminal_) + "\n");
  }

  // The line at the bottom: the progress, or for how long it has been as it is.
  void redraw() {
    if (!terminal_.tty) return;
    if (progress_) {
      screen_.show(progress_line(*progress_, terminal_) + "\n");
      return;
    }
    refresh();
    if (job_.has_search() && job_.why().empty()) {
      screen_.show(
          styled(search_text(job_.search()) + "  (Ctrl-C detaches)", Style::kDim, terminal_.color) +
          "\n");
      return;
    }
    const std::string state = word_of(job_.state());
    const std::string why = job_.why().empty() ? "" : ": " + one_line(job_.why());
    screen_.show(styled(state + " for " + span(time_in_state(job_, run_.host().now())) + why +
                            "  (Ctrl-C detaches)",
                        Style::kDim, terminal_.color) +
                 "\n");
  }

  // Why a job waits is in no event; it is asked for while there is no progress to show.
  void refresh() {
    constexpr std::chrono::seconds kEvery{2};
    const auto now = SteadyClock::now();
    if (now - refreshed_ < kEvery) return;
    refreshed_ = now;
    if (auto job = client_.get_job(id_)) job_ = std::move(*job);
  }

  Result<ExitCode> detach() {
    screen_.clear();
    run_.say("\nDetached; job " + id_ + " goes on. Follow it again: dlctl follow " + id_ +
             "   Stop it: dlctl cancel " + id_);
    return ExitCode::kInterrupted;
  }

  Result<ExitCode> finish() {
    screen_.clear();
    if (run_.structured()) {
      run_.print(to_document(job_));
    } else {
      if (progress_ && job_.state() == v1::JOB_STATE_SUCCEEDED) {
        progress_->eta_seconds = 0;
        if (terminal_.tty) screen_.print(progress_line(*progress_, terminal_) + "\n");
      }
      screen_.print("\n" + render_outcome(job_, terminal_));
    }
    return exit_code_of(job_);
  }

  Invocation& run_;
  Client& client_;
  std::string id_;
  Terminal terminal_;
  Screen screen_;
  v1::Job job_;
  std::string unit_;
  std::uint64_t last_event_ = 0;
  bool end_seen_ = false;
  bool drained_ = false;
  std::optional<ProgressView> progress_;
  SteadyClock::time_point refreshed_{};
  SteadyClock::time_point printed_{};
};

}  // namespace

Result<ExitCode> follow_job(Invocation& run, const std::string& id) {
  const InterruptGuard guard;
  DL_TRY(Client * client, run.client());
  return Follower(run, *client, id).run();
}

}  // namespace dl::dlctl
