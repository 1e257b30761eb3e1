#include "worker/train/models/model.h"

#include <algorithm>
#include <array>
#include <mutex>

namespace dl::worker::train {
namespace {

enum class Reads { kImages, kCategories, kTokens };

struct Entry {
  const char* name;
  Reads reads;
  std::uint32_t smallest_side;
  std::shared_ptr<Model> (*make)(const ModelSpec&, const SampleShape&);
};

constexpr std::array<Entry, 8> kModels = {{{"mlp", Reads::kImages, 1, &make_mlp},
                                           {"lenet", Reads::kImages, 16, &make_lenet},
                                           {"resnet18", Reads::kImages, 32, &make_resnet18},
                                           {"resnet50", Reads::kImages, 32, &make_resnet50},
                                           {"inception_v1", Reads::kImages, 32, &make_inception_v1},
                                           {"vgg19", Reads::kImages, 32, &make_vgg19},
                                           {"wide_deep", Reads::kCategories, 1, &make_wide_deep},
                                           {"transformer", Reads::kTokens, 1, &make_transformer}}};

const Entry* find(const std::string& name) {
  const auto entry = std::find_if(kModels.begin(), kModels.end(),
                                  [&name](const Entry& e) { return e.name == name; });
  return entry == kModels.end() ? nullptr : &*entry;
}

std::string words(const SampleShape& shape) {
  if (!shape.is_image()) return std::to_string(shape.ids) + " ids";
  return "images of " + std::to_string(shape.height) + " x " + std::to_string(shape.width);
}

Result<void> check_image(const Entry& entry, const SampleShape& shape) {
  if (shape.is_image() && std::min(shape.height, shape.width) >= entry.smallest_side) return {};
  const std::string side = std::to_string(entry.smallest_side);
  return invalid_argument("model " + std::string(entry.name) + " needs images of at least " + side +
                          " x " + side + ", these samples are " + words(shape) +
                          "; take another model");
}

Result<void> check_shape(const Entry& entry, const ModelSpec& spec, const SampleShape& shape) {
  if (entry.reads == Reads::kImages) return check_image(entry, shape);
  const bool tokens = entry.reads == Reads::kTokens;
  const std::size_t wanted = tokens ? spec.context : spec.categories.size();
  if (shape.ids == wanted && shape.labels == (tokens ? wanted : 1)) return {};
  return invalid_argument("model " + spec.name + " reads " + std::to_string(wanted) +
                          (tokens ? " tokens (model.context)" : " fields (model.categories)") +
                          ", these samples are " + words(shape) +
                          "; make the two equal, or take another model");
}

}  // namespace

std::uint32_t smallest_side(const std::string& name) {
  const Entry* entry = find(name);
  return entry != nullptr ? entry->smallest_side : 1;
}

DatasetRequest dataset_request(const ModelSpec& model, const DataSpec& data, std::uint64_t seed) {
  DatasetRequest request{.spec = data,
                         .classes = model.classes,
                         .seed = seed,
                         .smallest_side = smallest_side(model.name)};
  const Entry* entry = find(model.name);
  if (entry != nullptr && entry->reads == Reads::kCategories) {
    request.categories = model.categories;
  }
  if (entry != nullptr && entry->reads == Reads::kTokens) {
    request.vocabulary = model.vocabulary;
    request.context = model.context;
  }
  return request;
}

Result<std::shared_ptr<Model>> make_model(const ModelSpec& spec, const SampleShape& shape,
                                          std::uint64_t seed) {
  const Entry* entry = find(spec.name);
  if (entry == nullptr) {
    std::string names;
    for (const Entry& known : kModels) names += std::string(names.empty() ? "" : ", ") + known.name;
    return invalid_argument("model.name: \"" + spec.name + "\" is unknown; there are " + names);
  }
  DL_CHECK(check_shape(*entry, spec, shape));
  // The generator belongs to the process: ranks that are its threads take turns.
  static std::mutex generator;
  const std::scoped_lock lock(generator);
  torch::manual_seed(seed);
  return entry->make(spec, shape);
}

}  // namespace dl::worker::train
