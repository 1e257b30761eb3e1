// The worker's line to its agent: numbered reports over the Unix socket of task.json.
//
// Reports are kept until the coordinator has committed them and said so, and repeated after every
// reconnect, so none is lost when the agent or the coordinator restarts. Training never waits
// for the line: when it is down for long, reports that wait are merged (the last progress, all
// metrics, the last checkpoint), and memory stays bounded.

#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/job.h"

namespace dl::worker::control {

// What a worker has to say at one time.
struct Report {
  std::optional<Progress> progress;
  std::vector<MetricPoint> metrics;
  std::optional<Checkpoint> checkpoint;
  std::optional<Failure> failure;  // Its own; the last thing it says.
};

// `later` after `earlier`, as one report; of the metrics the newest `metrics_max` stay.
void merge(Report& earlier, Report later, std::size_t metrics_max);

struct ReportChannelOptions {
  std::string socket;  // Path. Empty: nobody listens, and reports go nowhere.
  TaskId task;
  std::size_t window = 64;  // Reports sent or to be sent one by one; more are merged.
  std::size_t metrics_max = 10'000;
  std::chrono::milliseconds retry_after{200};  // A broken line.
};

// Thread-safe.
class ReportChannel {
 public:
  explicit ReportChannel(ReportChannelOptions options);
  // Does not wait for acknowledgements: close() does.
  ~ReportChannel();

  // Returns at once.
  void post(Report report);

  // Waits until everything posted is acknowledged, at most for `patience`; says whether it was.
  // Nothing is posted afterwards.
  bool close(std::chrono::milliseconds patience);

 private:
  class Line;
  std::unique_ptr<Line> line_;  // Null without a socket.
};

}  // namespace dl::worker::control
