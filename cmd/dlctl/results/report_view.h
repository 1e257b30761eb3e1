// A search's report on a terminal, and as a document.

#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "cmd/dlctl/results/search_results.h"
#include "cmd/dlctl/terminal/table.h"

namespace dl::dlctl {

// Where it stands, the best so far as a curve, which parameters mattered, the best trials.
std::string render_report(const SearchResults& results, const TableOptions& options);

boost::json::value report_document(const SearchResults& results);

// The Pareto front as rows, and its hypervolume.
std::string render_front(const SearchResults& results, const TableOptions& options);

// A bar for each parameter.
std::string render_importance(const SearchResults& results, const ImportanceReport& importance,
                              const Terminal& terminal);

}  // namespace dl::dlctl
