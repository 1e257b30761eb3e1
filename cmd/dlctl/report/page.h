// A search's report as one HTML file: pictures, a table of its trials and the spec of the best one.
// It loads nothing and runs no script, follows the reader's light or dark, and fits a phone.

#pragma once

#include <string>

#include "base/time.h"
#include "cmd/dlctl/results/search_results.h"

namespace dl::dlctl {

// `best_spec` is that of the best trial; empty: none has ended.
std::string report_page(const SearchResults& results, const std::string& best_spec, Timestamp now);

}  // namespace dl::dlctl
