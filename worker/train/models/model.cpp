#include "worker/train/models/model.h"

#include <algorithm>
#include <array>
#include <mutex>

namespace dl::worker::train {
namespace {

struct Entry {
  const char* name;
  std::uint32_t smallest_side;
  std::shared_ptr<Model> (*make)(const ModelSpec&, const SampleShape&);
};

constexpr std::array<Entry, 5> kModels = {{{"mlp", 1, &make_mlp},
                                           {"lenet", 16, &make_lenet},
                                           {"resnet18", 32, &make_resnet18},
                                           {"inception_v1", 32, &make_inception_v1},
                                           {"vgg19", 32, &make_vgg19}}};

const Entry* find(const std::string& name) {
  const auto entry = std::find_if(kModels.begin(), kModels.end(),
                                  [&name](const Entry& e) { return e.name == name; });
  return entry == kModels.end() ? nullptr : &*entry;
}

}  // namespace

std::uint32_t smallest_side(const std::string& name) {
  const Entry* entry = find(name);
  return entry != nullptr ? entry->smallest_side : 1;
}

Result<std::shared_ptr<Model>> make_model(const ModelSpec& spec, const SampleShape& shape,
                                          std::uint64_t seed) {
  const Entry* entry = find(spec.name);
  if (entry == nullptr) {
    std::string names;
    for (const Entry& known : kModels) names += std::string(names.empty() ? "" : ", ") + known.name;
    return invalid_argument("model.name: \"" + spec.name + "\" is unknown; there are " + names);
  }
  if (std::min(shape.height, shape.width) < entry->smallest_side) {
    return invalid_argument("model " + spec.name + " needs images of at least " +
                            std::to_string(entry->smallest_side) + " x " +
                            std::to_string(entry->smallest_side) + ", these have " +
                            std::to_string(shape.height) + " x " + std::to_string(shape.width) +
                            "; take another model");
  }
  // The generator belongs to the process: ranks that are its threads take turns.
  static std::mutex generator;
  const std::scoped_lock lock(generator);
  torch::manual_seed(seed);
  return entry->make(spec, shape);
}

}  // namespace dl::worker::train
