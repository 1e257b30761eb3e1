// What a search reads out of its trials' reports, and what is wrong with those that say nothing.

#pragma once

#include <optional>

#include "daemon/coordinator/decide/draft.h"

namespace dl::coordinator {

// Takes the objectives out of a report of a search's trial. Reports are measured once for each unit
// of halving.resource; what a trial says again after a restart is not measured again. A trial that
// has been evaluated and does not report its objective is failed, with the names it did report.
void measure(Draft& draft, const TaskReport& event);

// Why a trial that ran to its end cannot be judged: it never reported its objectives, or they are
// not numbers. Absent when it can be, and without a search.
std::optional<Failure> unjudgeable(const Job& job, const Trial& trial);

}  // namespace dl::coordinator
