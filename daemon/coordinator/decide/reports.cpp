#include "daemon/coordinator/decide/draft.h"
#include "daemon/coordinator/decide/objectives.h"

namespace dl::coordinator {

// A report is on record once, in order; whatever is of no use any more is acknowledged all the
// same, so that its task does not wait for ever.
void decide_report(Draft& draft, const TaskReport& event) {
  if (node_of_session(draft.state, event.node, event.session) == nullptr) return;
  const auto acknowledge = [&](std::uint64_t number) {
    draft.effect(AcknowledgeReports{.node = event.node, .task = event.task, .number = number});
  };
  const Task* task = find_task(draft.state, event.task);
  if (task == nullptr || task->slots.node != event.node) {
    acknowledge(event.number);
    return;
  }
  if (event.number > task->reports + 1) return;  // What is missing comes again.
  if (event.number == task->reports + 1) {
    draft.mutate(TrialReported{.task = event.task,
                               .number = event.number,
                               .progress = event.progress,
                               .metrics = event.metrics,
                               .checkpoint = event.checkpoint});
    measure(draft, event);
  }
  acknowledge(std::max(event.number, task->reports));
}

}  // namespace dl::coordinator
