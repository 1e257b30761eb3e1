#include "worker/train/saved_model.h"

#include <boost/json.hpp>

#include "worker/train/checkpoint/durable_file.h"
#include "worker/train/tensor_file.h"

namespace dl::worker::train {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

std::string describe(const SavedModel& saved) {
  return json::serialize(json::object{
      {"kind", "model"},
      {"model",
       {{"name", saved.spec.name},
        {"classes", saved.spec.classes},
        {"hidden", json::value_from(saved.spec.hidden)},
        {"dropout", saved.spec.dropout},
        {"categories", json::value_from(saved.spec.categories)},
        {"embedding", saved.spec.embedding},
        {"vocabulary", saved.spec.vocabulary},
        {"context", saved.spec.context},
        {"width", saved.spec.width},
        {"layers", saved.spec.layers},
        {"heads", saved.spec.heads}}},
      {"input",
       {{"channels", saved.shape.channels},
        {"height", saved.shape.height},
        {"width", saved.shape.width},
        {"ids", saved.shape.ids},
        {"labels", saved.shape.labels},
        {"mean", saved.normalisation.mean},
        {"deviation", saved.normalisation.deviation}}},
  });
}

std::uint32_t number(const json::value& in, std::string_view key) {
  return in.at(key).to_number<std::uint32_t>();
}

std::vector<std::uint32_t> numbers(const json::value& in, std::string_view key) {
  return json::value_to<std::vector<std::uint32_t>>(in.at(key));
}

// The keys that models have had since there are some that read ids; older ones do without.
void parse_ids(const json::value& model, const json::value& input, SavedModel& saved) {
  if (!model.as_object().contains("categories")) return;
  saved.spec.categories = numbers(model, "categories");
  saved.spec.embedding = number(model, "embedding");
  saved.spec.vocabulary = number(model, "vocabulary");
  saved.spec.context = number(model, "context");
  saved.spec.width = number(model, "width");
  saved.spec.layers = number(model, "layers");
  saved.spec.heads = number(model, "heads");
  saved.shape.ids = number(input, "ids");
  saved.shape.labels = number(input, "labels");
}

// Throws boost::system::system_error or std::exception of Boost.JSON for what is not there.
SavedModel parse(const std::string& description) {
  const json::value value = json::parse(description);
  if (value.at("kind") != "model") throw std::invalid_argument("it is not a model");
  const json::value& model = value.at("model");
  const json::value& input = value.at("input");
  SavedModel saved;
  saved.spec.name = json::value_to<std::string>(model.at("name"));
  saved.spec.classes = number(model, "classes");
  saved.spec.hidden = numbers(model, "hidden");
  saved.spec.dropout = model.at("dropout").to_number<double>();
  saved.shape = {.channels = number(input, "channels"),
                 .height = number(input, "height"),
                 .width = number(input, "width")};
  saved.normalisation = {.mean = input.at("mean").to_number<double>(),
                         .deviation = input.at("deviation").to_number<double>()};
  parse_ids(model, input, saved);
  return saved;
}

Result<SavedModel> parse_description(const fs::path& path, const std::string& description) {
  try {
    return parse(description);
  } catch (const std::exception& error) {
    return invalid_argument("model " + path.string() + ": its description cannot be read (" +
                            error.what() + "); save the model again");
  }
}

}  // namespace

Result<void> save_model(const fs::path& folder, const std::string& name, const SavedModel& saved) {
  TensorFile file;
  for (const auto& item : saved.model->named_parameters()) file.add(item.key(), item.value());
  for (const auto& item : saved.model->named_buffers()) file.add(item.key(), item.value());
  const std::string description = describe(saved);
  DL_CHECK(write_container(folder / (name + ".dlm"), description, file.views));
  return write_durably(folder / (name + ".json"), description + "\n");
}

Result<SavedModel> load_model(const fs::path& path) {
  DL_TRY(const Container container, Container::read(path));
  DL_TRY(SavedModel saved, parse_description(path, container.description()));
  DL_TRY(saved.model, make_model(saved.spec, saved.shape, /*seed=*/0));
  const auto copy = [&](const auto& item) {
    return copy_tensor(container, item.key(), item.value());
  };
  for (const auto& item : saved.model->named_parameters()) DL_CHECK(copy(item));
  for (const auto& item : saved.model->named_buffers()) DL_CHECK(copy(item));
  saved.model->eval();
  return saved;
}

}  // namespace dl::worker::train
