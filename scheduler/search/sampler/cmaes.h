// The covariance matrix adaptation evolution strategy (Hansen 2016, "The CMA evolution strategy: a
// tutorial"), with active updates and with a margin for parameters with steps (Hamano et al. 2022).
//
// The strategy's state is a fold over the results in order of their arrival, a generation at a
// time, so any number of trials may run at once. Steps that the strategy would hardly have made
// itself, such as initial points, are shortened first (Hansen 2011, "Injecting external
// solutions"). Steps come from Sobol's sequence, bent to a normal shape, so that a generation
// spreads more evenly than random ones would (Teytaud, Gelly 2007, "DCMA: yet another
// derandomization in covariance-matrix-adaptation"). Choices and conditional parameters are TPE's.

#pragma once

#include <Eigen/Dense>

#include "scheduler/search/sampler/sampler.h"
#include "scheduler/search/sampler/tpe.h"

namespace dl::scheduler {

class Cmaes final : public Sampler {
 public:
  Cmaes(const SearchSpec& spec, const UnitSpace& space);

  std::optional<Point> sample(const Observations& observations, TrialNumber number,
                              std::uint32_t attempt) override;

 private:
  struct State {
    Eigen::VectorXd mean;
    double step = 0;             // σ, as a share of each range.
    Eigen::MatrixXd axes;        // Columns: eigenvectors of C times the roots of its eigenvalues.
    Eigen::MatrixXd covariance;  // C
    Eigen::VectorXd step_path, path;  // p_σ, p_c
    int generation = 0;
  };

  State state_after(const Observations& observations) const;
  void advance(State& state, const std::vector<const Observation*>& generation) const;
  Eigen::VectorXd coordinates_of(const Point& point) const;

  CmaesSpec spec_;
  std::uint64_t seed_;
  const UnitSpace& space_;
  Tpe others_;
  std::vector<std::size_t> axes_;  // Of the space: numeric and always there.
  std::size_t population_ = 0;     // Also of the Sobol points it begins with.
};

}  // namespace dl::scheduler
