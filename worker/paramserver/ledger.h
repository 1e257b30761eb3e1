// Who has pushed what, and who may go on: the decisions of a parameter server, for one table.
//
// Pure: events in, actions out, so that a test can drive it through a million schedules. The
// server reports what arrives and carries out, in order, what it is told.
//
// A push of a table counts its elements: `arrived` of them are there, and only a push that has come
// to its end moves the worker's clock. (A sparse table's push is one element: all or nothing.)

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "worker/paramserver/options.h"
#include "worker/transport/mesh.h"

namespace dl::worker::paramserver {

using transport::Rank;

enum class ActionKind : std::uint8_t {
  kApply,        // Apply elements [first, end) of `worker`'s push.
  kSum,          // Sum these elements of all pushes under way in the order of ranks; apply that.
  kAcknowledge,  // The push of `worker` at `clock` is part of the table, as a whole.
  kServe,        // `worker` may have the values of elements [first, end).
};

struct Action {
  ActionKind kind;
  Rank worker = 0;  // Not of kSum.
  std::uint64_t first = 0;
  std::uint64_t end = 0;
  Clock clock = 0;      // kApply, kSum, kAcknowledge: of the push. kServe: of the one who pulls.
  Clock slowest = 0;    // kServe: the least clock of all who have not finished, at most `clock`.
  bool repeat = false;  // kAcknowledge: it had been applied before.
};

class Ledger {
 public:
  struct Rules {
    Consistency consistency = Consistency::kSynchronous;
    std::uint64_t staleness = 0;  // kBoundedStaleness.
    std::uint32_t workers = 1;
    std::uint64_t elements = 1;
  };
  // What a worker had done when the server's state was saved.
  struct Past {
    Clock clock = 0;
    std::uint64_t applied = 0;  // Elements of the push at clock + 1.
  };
  explicit Ledger(const Rules& rules, const std::vector<Past>& past = {});

  // Events. Each appends what is to be done about it.

  // `worker` begins to push at `clock`, and pulls in the same breath or not. `clock` is one more
  // than its last, or not more than that: then it is a repeat, whose elements do not count.
  //   kFailedPrecondition  it leaves a clock out, or has a push or pull under way.
  Result<void> push(Rank worker, Clock clock, bool pulls, std::vector<Action>& actions);
  // All elements before `end` of that push are there now.
  void arrived(Rank worker, std::uint64_t end, std::vector<Action>& actions);
  // `worker`, which has pushed `clock`, wants the table.
  Result<void> pull(Rank worker, Clock clock, std::vector<Action>& actions);
  // `worker` pushes and pulls no more; nobody waits for it.
  void finish(Rank worker, std::vector<Action>& actions);

  // For who looks on.
  bool waits(Rank worker) const;        // For others: it has asked and is not fully served.
  std::optional<Rank> slowest() const;  // Of those who have not finished; ties go to the lowest.
  Clock clock(Rank worker) const { return workers_[worker].clock; }
  // Whether elements of the push under way count, or only have to be got out of the way.
  bool repeats(Rank worker) const { return workers_[worker].pushing <= workers_[worker].clock; }
  // Elements before this one have been applied already.
  std::uint64_t applied(Rank worker) const { return workers_[worker].applied; }
  bool all_finished() const;

 private:
  struct Worker {
    Clock clock = 0;    // Of its last push that is complete.
    Clock pushing = 0;  // Of the push under way; 0: none.
    std::uint64_t arrived = 0;
    std::uint64_t applied = 0;
    bool pulling = false;
    Clock pulls_at = 0;
    std::uint64_t served = 0;
    bool finished = false;
  };

  Clock least_clock_beside(const Worker& worker) const;
  bool gate_open(const Worker& worker) const;
  std::uint64_t servable(const Worker& worker) const;
  void apply_arrived(Rank worker, std::vector<Action>& actions);
  void sum_arrived(std::vector<Action>& actions);
  void complete(Rank worker, bool repeat, std::vector<Action>& actions);
  void serve(std::vector<Action>& actions);

  const Rules rules_;
  std::vector<Worker> workers_;
  std::uint64_t summed_ = 0;  // kSynchronous: elements of the clock under way.
};

}  // namespace dl::worker::paramserver
