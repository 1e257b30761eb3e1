// Says how a run goes to everybody who wants to know: a line to stdout, which is the task's log,
// a report to the agent, and a TensorBoard event.

#pragma once

#include <optional>

#include "worker/control/report_channel.h"
#include "worker/train/events/event_file.h"
#include "worker/train/train.h"

namespace dl::worker {

class Announcer : public train::Observer {
 public:
  // `events` may be absent; a write that fails ends it, not the run.
  Announcer(control::ReportChannel& channel, std::optional<train::EventFile> events)
      : channel_(channel), events_(std::move(events)) {}

  void on_steps(const Progress& progress, double learning_rate,
                const std::vector<train::Scalar>& metrics) override;
  void on_metrics(const Progress& progress, const std::vector<train::Scalar>& metrics) override;
  void on_evaluation(const Progress& progress, const train::Evaluation& evaluation) override;
  void on_checkpoint(const Checkpoint& checkpoint) override;
  void on_note(const std::string& sentence) override;

 private:
  void publish(const Progress& progress, const std::vector<train::Scalar>& metrics);

  control::ReportChannel& channel_;
  std::optional<train::EventFile> events_;
};

}  // namespace dl::worker
