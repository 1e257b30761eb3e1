#include "scheduler/search/sampler/sampler.h"

#include "scheduler/search/sampler/cmaes.h"
#include "scheduler/search/sampler/gp.h"
#include "scheduler/search/sampler/simple.h"
#include "scheduler/search/sampler/tpe.h"

namespace dl::scheduler {

std::unique_ptr<Sampler> make_sampler(const SearchSpec& spec, const UnitSpace& space) {
  const std::string& algorithm = spec.algorithm;
  if (algorithm == "grid") return std::make_unique<Grid>(space, first_points(spec).size());
  if (algorithm == "sobol") return std::make_unique<Sobol>(spec.seed, space);
  if (algorithm == "tpe" || algorithm == "bohb")
    return std::make_unique<Tpe>(spec.tpe, spec.seed, space);
  if (algorithm == "gp") return std::make_unique<Gp>(spec.gp, spec.seed, space);
  if (algorithm == "cmaes" && spec.objectives.size() == 1)
    return std::make_unique<Cmaes>(spec, space);
  if (algorithm == "cmaes") return std::make_unique<Tpe>(spec.tpe, spec.seed, space);
  return std::make_unique<Random>(spec.seed, space);
}

}  // namespace dl::scheduler
