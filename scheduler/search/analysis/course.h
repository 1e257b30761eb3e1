// The courses of a search's trials side by side: the best so far, by whatever was spent for it, and
// the values of trials that ran for different lengths, made comparable.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "scheduler/search/trial.h"

namespace dl::scheduler {

struct CourseReport {
  std::uint64_t resource = 0;
  double seconds = 0;  // Since the search began.
  double value = 0;
};

// One objective of one trial.
struct Course {
  TrialNumber number = 0;
  TrialNumber from = 0;               // Began where this trial's checkpoint was.
  std::vector<CourseReport> reports;  // By rising resource, as many as there are; may be empty.
};

// What the best so far is drawn over.
enum class Spending : std::uint8_t {
  kTrials,    // Trials that have reported, by their number: the nth counts with all it gave.
  kResource,  // Units of all trials together, in the order of time.
  kSeconds,
};

struct Best {
  double spent = 0;
  double value = 0;
  TrialNumber number = 0;  // Whose value it is.
};

// A step at each gain, rising by `spent`, and one at the end. Values that are not finite count
// nothing. `maximizes`: more is better.
std::vector<Best> best_so_far(std::span<const Course> courses, Spending spending, bool maximizes);

// The values of trials at the greatest resource that half of those with reports have reached, so
// that a trial which was stopped early is not taken for a bad set of values, nor a long one for a
// good one.
struct Comparable {
  std::uint64_t resource = 0;
  std::vector<std::pair<TrialNumber, double>> values;  // By number; finite.
};
Comparable comparable_values(std::span<const Course> courses);

// The sum over trials of what each trained itself.
std::uint64_t resource_spent(std::span<const Course> courses);

}  // namespace dl::scheduler
