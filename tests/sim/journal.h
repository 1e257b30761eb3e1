// The coordinator's disk: commits that fail, that are torn by a crash, or that are written though
// nobody was told.

#pragma once

#include <vector>

#include "daemon/coordinator/loop.h"

namespace dl::sim {

class World;

class Journal : public coordinator::Journal {
 public:
  explicit Journal(World& world) : world_(world) {}

  Result<void> commit(const coordinator::Batch& batch) override;
  Result<coordinator::State> recover() override;

  // Whether the process dies by what has just happened. Asking takes the answer.
  bool take_crash() { return std::exchange(crash_, false); }
  bool is_crashing() const { return crash_; }
  std::size_t commits() const { return commits_; }

 private:
  // One batch as it lies on the disk. Recovery cuts the journal at the first torn one.
  struct Entry {
    std::vector<coordinator::Mutation> mutations;
    bool torn = false;
  };
  void write(const coordinator::Batch& batch);

  World& world_;
  std::vector<Entry> entries_;
  coordinator::State committed_;  // As the entries give it, kept for the checkers.
  bool crash_ = false;
  std::size_t commits_ = 0;
};

}  // namespace dl::sim
