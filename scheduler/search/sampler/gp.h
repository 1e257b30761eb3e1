// Bayesian optimization with a Gaussian process and expected improvement (Jones et al. 1998).
//
// Losses are bent towards a normal shape first, by the power that the process itself finds most
// likely. Running trials count as if they had given what the process expects of them (Ginsbourger
// et al. 2010, "kriging believer"). Several objectives are weighed against each other anew for each
// trial (ParEGO, Knowles 2006). docs/search-algorithms.md has the details.

#pragma once

#include <Eigen/Dense>

#include "scheduler/search/numeric/gaussian_process.h"
#include "scheduler/search/sampler/sampler.h"

namespace dl::scheduler {

class Gp final : public Sampler {
 public:
  Gp(const GpSpec& spec, std::uint64_t seed, const UnitSpace& space);

  std::optional<Point> sample(const Observations& observations, TrialNumber number,
                              std::uint32_t attempt) override;

 private:
  // What was learnt from the first `count` observations.
  struct Fit {
    std::size_t count = 0;
    TrialNumber number = 0;  // Several objectives: for whom they were weighed.
    double power = 1;
    KernelParameters kernel;
  };

  // Columns of the process' points: one of a numeric axis or a pair, else one of each category.
  Eigen::VectorXd columns_of(const Point& point) const;
  // One loss of each observation, weighed for trial `number` if there are several.
  Eigen::VectorXd losses_of(const Observations& observations, TrialNumber number) const;
  const Fit& fit_for(const Observations& observations, const Eigen::VectorXd& losses,
                     TrialNumber number);
  GaussianProcess process_for(const Observations& observations, const Eigen::VectorXd& losses,
                              const Fit& fit) const;

  struct Scored {
    double score = 0;  // log of the expected improvement.
    Point point;
  };
  // Points over the whole space.
  std::vector<Point> wide_candidates(RandomStream& random) const;
  // Points about the best trials.
  std::vector<Point> near_candidates(const Observations& observations, RandomStream& random) const;
  // Those that meet the constraints, best first.
  std::vector<Scored> scored(std::vector<Point> points, const GaussianProcess& process,
                             double target) const;
  Scored climbed(const GaussianProcess& process, double target, Scored start) const;
  void climb_smooth(const GaussianProcess& process, double target, Scored& best) const;
  bool climb_stepped(const GaussianProcess& process, double target, Scored& best) const;
  double score_of(const GaussianProcess& process, double target, const Point& point) const;
  // Nothing new can be learnt from it.
  bool was_tried(const Observations& observations, const Point& point) const;

  GpSpec spec_;
  std::uint64_t seed_;
  const UnitSpace& space_;
  std::vector<int> groups_;        // Axis of each column.
  std::vector<int> first_column_;  // Of each axis.
  std::vector<bool> smooth_;       // Axes that are climbed by gradients.
  Fit fit_;
};

}  // namespace dl::scheduler
