// No acknowledged job is lost, a retried submit is one job, and a job ends once.

#pragma once

#include <set>

#include "tests/sim/checkers/checker.h"

namespace dl::sim {

class JobsChecker : public Checker {
 public:
  using Checker::Checker;

  void on_acknowledged(JobId job, const std::string& key) override {
    acknowledged_.insert(job);
    const auto [known, added] = by_key_.emplace(key, job);
    if (!added && known->second != job) {
      violation("key " + key + " made job " + to_string(known->second) + " and job " +
                to_string(job));
    }
    if (!submitted_.contains(job)) violation("job " + to_string(job) + " is not on record");
  }

  void on_commit(const coordinator::Batch& batch, const coordinator::State& after) override {
    for (const auto& mutation : batch.mutations) {
      if (const auto* m = std::get_if<coordinator::JobSubmitted>(&mutation)) {
        submitted_.insert(m->job);
      }
    }
    for (const auto& job : batch.records.finished) {
      if (!ended_.insert(job.id).second) violation("job " + to_string(job.id) + " ends twice");
    }
    check_all_there(after);
  }
  void on_recover(const coordinator::State& state) override { check_all_there(state); }

 private:
  void check_all_there(const coordinator::State& state) {
    for (const auto job : acknowledged_) {
      if (!state.jobs.contains(job) && !ended_.contains(job)) {
        violation("job " + to_string(job) + " was acknowledged and is lost");
      }
    }
  }

  std::set<JobId> acknowledged_;
  std::set<JobId> submitted_;
  std::set<JobId> ended_;
  std::map<std::string, JobId> by_key_;
};

}  // namespace dl::sim
