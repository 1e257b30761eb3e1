#include "model/spec/dialect/dialect.h"

#include <algorithm>
#include <array>

#include "model/spec/cloudml/cloudml.h"
#include "model/spec/determined/determined.h"
#include "model/spec/katib/katib.h"
#include "model/spec/keys.h"
#include "model/spec/sagemaker/sagemaker.h"
#include "model/spec/values.h"
#include "model/spec/wandb/wandb.h"

namespace dl::spec {
namespace {

constexpr std::array<Dialect, 5> kDialects = {{
    {"katib", "kind: Experiment", katib::recognizes, katib::to_native},
    {"sagemaker", "HyperParameterTuningJobConfig", sagemaker::recognizes, sagemaker::to_native},
    {"determined", "searcher and hyperparameters", determined::recognizes, determined::to_native},
    {"wandb", "method and parameters", wandb::recognizes, wandb::to_native},
    {"cloudml", "trainingInput or hyperparameters", cloudml::recognizes, cloudml::to_native},
}};

}  // namespace

std::span<const Dialect> dialects() { return kDialects; }

bool recognize(const Node& root, const Dialect*& dialect, Problems& problems) {
  const auto found = std::find_if(kDialects.begin(), kDialects.end(),
                                  [&](const Dialect& d) { return d.recognizes(root); });
  dialect = found == kDialects.end() ? nullptr : &*found;
  if (dialect != nullptr || root.entries.empty()) return true;
  const auto names = root_section().names();
  const bool is_native =
      std::any_of(root.entries.begin(), root.entries.end(), [&](const Entry& entry) {
        return entry.key == "<<" || !nearest(entry.key, names).empty() ||
               std::find(names.begin(), names.end(), entry.key) != names.end() ||
               std::any_of(keys().begin(), keys().end(),
                           [&](const Key& key) { return last_part(key.path) == entry.key; });
      });
  if (is_native) return true;
  std::string known = "native (model or command)";
  for (const Dialect& each : kDialects)
    known += ", " + std::string(each.name) + " (" + std::string(each.mark) + ")";
  problems.add(root.entries.front().mark, "",
               "no dialect of specs has the key " + quoted(root.entries.front().key) +
                   "; known are " + known);
  return false;
}

}  // namespace dl::spec
