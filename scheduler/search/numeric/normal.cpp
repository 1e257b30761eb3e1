#include "scheduler/search/numeric/normal.h"

#include <array>
#include <cmath>

#include "scheduler/search/numeric/elementary.h"

namespace dl::scheduler {
namespace {

constexpr double kInverseRootTwoPi = 0.3989422804014327;
constexpr double kSeriesMax = 4.0;  // Beyond it the continued fraction is quicker.

// (1 − Φ(x)) ÷ φ(x) for x ≥ kSeriesMax, by Laplace's continued fraction from its tail.
double mills_ratio(double x) {
  double tail = x;
  for (int k = 60; k >= 1; --k) tail = x + k / tail;
  return 1 / tail;
}

template <std::size_t n>
double polynomial(const std::array<double, n>& coefficients, double x) {
  double value = 0;
  for (std::size_t i = n; i-- > 0;) value = value * x + coefficients[i];
  return value;
}

}  // namespace

double normal_density(double z) { return kInverseRootTwoPi * exp_of(-0.5 * z * z); }

double normal_cdf(double z) {
  if (z < -kSeriesMax) return normal_density(z) * mills_ratio(-z);
  if (z > kSeriesMax) return 1 - normal_density(z) * mills_ratio(z);
  double term = z, sum = z;
  for (int k = 3; std::abs(term) > 1e-17 * std::abs(sum); k += 2) {
    term *= z * z / k;
    sum += term;
  }
  return 0.5 + normal_density(z) * sum;
}

double normal_quantile(double p) {
  static constexpr std::array kA = {3.3871328727963666080e0,  1.3314166789178437745e+2,
                                    1.9715909503065514427e+3, 1.3731693765509461125e+4,
                                    4.5921953931549871457e+4, 6.7265770927008700853e+4,
                                    3.3430575583588128105e+4, 2.5090809287301226727e+3};
  static constexpr std::array kB = {1.0,
                                    4.2313330701600911252e+1,
                                    6.8718700749205790830e+2,
                                    5.3941960214247511077e+3,
                                    2.1213794301586595867e+4,
                                    3.9307895800092710610e+4,
                                    2.8729085735721942674e+4,
                                    5.2264952788528545610e+3};
  static constexpr std::array kC = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                    5.76949722146069140550e0,  3.64784832476320460504e0,
                                    1.27045825245236838258e0,  2.41780725177450611770e-1,
                                    2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static constexpr std::array kD = {1.0,
                                    2.05319162663775882187e0,
                                    1.67638483018380384940e0,
                                    6.89767334985100004550e-1,
                                    1.48103976427480074590e-1,
                                    1.51986665636164571966e-2,
                                    5.47593808499534494600e-4,
                                    1.05075007164441684324e-9};
  static constexpr std::array kE = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                    1.78482653991729133580e0,  2.96560571828504891230e-1,
                                    2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                    2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static constexpr std::array kF = {1.0,
                                    5.99832206555887937690e-1,
                                    1.36929880922735805310e-1,
                                    1.48753612908506148525e-2,
                                    7.86869131145613259100e-4,
                                    1.84631831751005468180e-5,
                                    1.42151175831644588870e-7,
                                    2.04426310338993978564e-15};
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(kA, r) / polynomial(kB, r);
  }
  const double r = std::sqrt(-log_of(q < 0 ? p : 1 - p));
  const double z = r <= 5 ? polynomial(kC, r - 1.6) / polynomial(kD, r - 1.6)
                          : polynomial(kE, r - 5) / polynomial(kF, r - 5);
  return q < 0 ? -z : z;
}

LogImprovement log_improvement(double z) {
  if (z > -kSeriesMax) {
    const double cdf = normal_cdf(z), improvement = normal_density(z) + z * cdf;
    return {log_of(improvement), cdf / improvement};
  }
  // φ(z) (1 + z m) with Mills' ratio m of −z; far out the difference needs its own series.
  constexpr double kLogInverseRootTwoPi = -0.9189385332046727;
  const double m = z > -100 ? mills_ratio(-z) : -1 / z;
  const double inverse = 1 / (z * z);
  const double rest = z > -100 ? 1 + z * m : inverse * (1 - 3 * inverse);
  return {kLogInverseRootTwoPi - 0.5 * z * z + log_of(rest), m / rest};
}

}  // namespace dl::scheduler
