// What a search would try first and what it would spend, for `dlctl preview`.

#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "cmd/dlctl/terminal/table.h"
#include "model/job_spec.h"
#include "scheduler/search/analysis/forecast.h"

namespace dl::dlctl {

struct Preview {
  const JobSpec& job;  // With a search.
  scheduler::Forecast forecast;
  std::vector<Assignment> first;
  std::optional<Duration> unit_time;  // How long a trial takes for a unit of its budget.
};

std::string render_preview(const Preview& preview, const TableOptions& options);
boost::json::value preview_document(const Preview& preview);

}  // namespace dl::dlctl
