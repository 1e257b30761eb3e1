// The standard normal distribution, to about 1e-15, from elementary.h alone.

#pragma once

namespace dl::scheduler {

double normal_density(double z);
// P(Z ≤ z).
double normal_cdf(double z);
// The z with normal_cdf(z) = p, 0 < p < 1 (Wichura 1988, AS 241).
double normal_quantile(double p);

// log E[max(Z + z, 0)] = log(φ(z) + z Φ(z)), without the underflow of its parts (Ament et al. 2023,
// "Unexpected improvements to expected improvement"), and its derivative.
struct LogImprovement {
  double value = 0;
  double slope = 0;
};
LogImprovement log_improvement(double z);

}  // namespace dl::scheduler
