// How far a job is, as a bar and as one line.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cmd/dlctl/terminal/terminal.h"

namespace dl::dlctl {

struct ProgressView {
  std::uint32_t epoch = 0;  // Completed.
  std::uint32_t epochs = 0;
  std::uint64_t step = 0;
  std::uint64_t steps = 0;
  double per_second = 0;
  double loss = 0;
  double eta_seconds = 0;        // 0: unknown.
  std::string unit = "samples";  // Of what there are so many per second.
};

// 0 to 1: by steps, else by epochs; nothing when neither end is known.
std::optional<double> fraction_of(const ProgressView& progress);

// "██████░░░░", or "[######....]" without Unicode.
std::string bar(double fraction, std::size_t cells, bool unicode);

// "██████░░░░ 62% 8m": the cell of a table.
std::string progress_cell(const ProgressView& progress, bool unicode);

// "████████████░░░░░░░░  62%  epoch 4/5  step 1,160/2,345  loss 0.3121  2,994 images/s  8m left".
// When the terminal is narrow the bar gets shorter, then the less important parts go.
std::string progress_line(const ProgressView& progress, const Terminal& terminal);

}  // namespace dl::dlctl
