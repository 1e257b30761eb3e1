// A small job for tests of training: its spec, a folder of its own, and its ranks as threads.

#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "worker/train/train.h"
#include "worker/transport/mesh.h"

namespace dl::worker::train::testing {

// What an observer heard, and something it may do at each report.
struct Heard : Observer {
  void on_steps(const Progress& progress, double learning_rate,
                const std::vector<Scalar>& published) override;
  void on_metrics(const Progress& progress, const std::vector<Scalar>& published) override;
  void on_evaluation(const Progress& progress, const Evaluation& evaluation) override;
  void on_checkpoint(const Checkpoint& checkpoint) override;
  void on_note(const std::string& sentence) override;

  std::map<std::uint64_t, double> losses;
  std::map<std::string, double> metrics;  // The newest of each.
  std::vector<Evaluation> evaluations;
  std::vector<Checkpoint> checkpoints;
  std::string notes;
  std::function<void(std::uint64_t)> at_step;
};

// A job in a folder of its own; each run is an attempt of it. Until it is changed: an mlp on
// synthetic images of four classes, three epochs of ten steps of 32 and a smaller one.
class Job {
 public:
  Job();
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // All workers and servers as threads; results and what was heard by the workers' ranks.
  struct Ranks {
    explicit Ranks(std::uint32_t count)
        : heard(count), results(count, Failure{}), stop(std::vector<std::atomic<bool>>(count)) {}
    std::vector<Heard> heard;
    std::vector<Outcome<TrainResult>> results;
    std::vector<std::atomic<bool>> stop;
    // What a rank makes of the job's spec before it starts.
    std::function<void(std::uint32_t rank, JobSpec&)> change_spec;
    std::string server_error;  // Of a server that did not end well.
  };
  void run_gang(Ranks& ranks);
  // The only worker, without a process group.
  Outcome<TrainResult> run(Heard& heard, const std::atomic<bool>* stop = nullptr);

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path checkpoint(const std::string& file) const;

  JobSpec spec;
  std::uint32_t attempt = 1;
  std::string resume;
  std::filesystem::path inherit;             // Of another job, where there is nothing to resume.
  std::function<void(Splits&)> change_data;  // What a run makes of its data before it starts.
  bool servers_remember = false;             // Servers keep their values in the job's folder.

 private:
  TrainRequest request(const JobSpec& job, const std::atomic<bool>* stop) const;
  std::string serve(const JobSpec& job, std::shared_ptr<transport::Mesh> mesh) const;

  std::filesystem::path folder_;
};

// What a gang of `workers` reported as the loss of each step, with this strategy; throws what it
// failed of.
std::map<std::uint64_t, double> losses_of(Job& job, const StrategySpec& strategy,
                                          std::uint32_t workers);

// Its checksum, of a run that came to its end; throws what it failed of.
std::uint32_t checksum_of(const Outcome<TrainResult>& result);

// Stops the run when it reports `step`.
void stop_at(Heard& heard, std::uint64_t step, std::atomic<bool>& stop);

}  // namespace dl::worker::train::testing
