#include "scheduler/search/sampler/sampler.h"

#include "scheduler/search/sampler/cmaes.h"
#include "scheduler/search/sampler/gp.h"
#include "scheduler/search/sampler/simple.h"
#include "scheduler/search/sampler/tpe.h"

namespace dl::scheduler {
namespace {

// BOHB's values: TPE's, but those of every third trial are random ones, so that the search cannot
// be led astray for good by what the low rungs say (Falkner et al. 2018).
class Bohb final : public Sampler {
 public:
  Bohb(const SearchSpec& spec, const UnitSpace& space)
      : model_(spec.tpe, spec.seed, space), random_(spec.seed, space) {}

  std::optional<Point> sample(const Observations& observations, TrialNumber number,
                              std::uint32_t attempt) override {
    if (number % kRandomEvery == 0) return random_.sample(observations, number, attempt);
    return model_.sample(observations, number, attempt);
  }

 private:
  static constexpr TrialNumber kRandomEvery = 3;

  Tpe model_;
  Random random_;
};

}  // namespace

std::unique_ptr<Sampler> make_sampler(const SearchSpec& spec, const UnitSpace& space) {
  const std::string& algorithm = spec.algorithm;
  if (algorithm == "grid") return std::make_unique<Grid>(space, first_points(spec).size());
  if (algorithm == "sobol") return std::make_unique<Sobol>(spec.seed, space);
  if (algorithm == "tpe") return std::make_unique<Tpe>(spec.tpe, spec.seed, space);
  if (algorithm == "bohb") return std::make_unique<Bohb>(spec, space);
  if (algorithm == "gp") return std::make_unique<Gp>(spec.gp, spec.seed, space);
  if (algorithm == "cmaes" && spec.objectives.size() == 1)
    return std::make_unique<Cmaes>(spec, space);
  if (algorithm == "cmaes") return std::make_unique<Tpe>(spec.tpe, spec.seed, space);
  return std::make_unique<Random>(spec.seed, space);
}

}  // namespace dl::scheduler
