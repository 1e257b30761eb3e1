#include "worker/train/checkpointer.h"

#include <boost/json.hpp>

#include "worker/train/tensor_file.h"

namespace dl::worker::train {
namespace {

namespace json = boost::json;

std::string describe(const RunIdentity& identity, const Position& position, std::uint64_t epoch) {
  return json::serialize(json::object{
      {"kind", "checkpoint"},
      {"step", position.step},
      {"epoch", epoch},
      {"evaluated", position.evaluated},
      // The state of every random number: those of step n on rank r are seeded from all three.
      {"seed", identity.seed},
      {"samples", identity.samples},
      {"batch_size", identity.batch_size},
      {"spec_crc32c", identity.spec_crc32c},
  });
}

struct Description {
  RunIdentity identity;
  Position position;
};

Result<Description> parse_description(const std::string& text) {
  boost::system::error_code bad;
  const json::value value = json::parse(text, bad);
  const json::object* object = bad ? nullptr : value.if_object();
  if (object == nullptr) return invalid_argument("has no JSON description");
  const auto number = [object](const char* key) -> std::uint64_t {
    boost::system::error_code wrong;
    const json::value* field = object->if_contains(key);
    return field != nullptr ? field->to_number<std::uint64_t>(wrong) : 0;
  };
  const json::value* kind = object->if_contains("kind");
  if (kind == nullptr || *kind != "checkpoint") return invalid_argument("is not a checkpoint");
  const json::value* evaluated = object->if_contains("evaluated");
  return Description{.identity = {.seed = number("seed"),
                                  .samples = number("samples"),
                                  .batch_size = static_cast<std::uint32_t>(number("batch_size")),
                                  .spec_crc32c = static_cast<std::uint32_t>(number("spec_crc32c"))},
                     .position = {.step = number("step"),
                                  .evaluated = evaluated != nullptr && *evaluated == true}};
}

Result<void> check_identity(const RunIdentity& written, const RunIdentity& now) {
  const auto differs = [](const char* what, std::uint64_t then, std::uint64_t here) {
    return invalid_argument(std::string("was written with ") + what + " " + std::to_string(then) +
                            ", this run has " + std::to_string(here) +
                            "; resume with the same spec, or start from nothing");
  };
  if (written.seed != now.seed) return differs("train.seed", written.seed, now.seed);
  if (written.batch_size != now.batch_size) {
    return differs("train.batch_size", written.batch_size, now.batch_size);
  }
  if (written.samples != now.samples) {
    return differs("training samples", written.samples, now.samples);
  }
  return {};
}

}  // namespace

std::vector<NamedTensor> Checkpointer::tensors() const {
  std::vector<NamedTensor> all;
  for (const auto* part : {&replica_.parameters(), &replica_.buffers()}) {
    for (const NamedTensor& one : *part) all.push_back({"model." + one.name, one.tensor});
  }
  for (const NamedTensor& one : optimizer_.state()) {
    all.push_back({"optimizer." + one.name, one.tensor});
  }
  return all;
}

Result<Checkpoint> Checkpointer::write(const Position& position, std::uint32_t keep) const {
  TensorFile file;
  for (const NamedTensor& one : tensors()) file.add(one.name, one.tensor);
  const std::uint64_t epoch = position.step / steps_per_epoch_;
  DL_TRY(std::string name,
         folder_.write(position.step, describe(identity_, position, epoch), file.views, keep));
  return Checkpoint{
      .path = std::move(name), .step = position.step, .epoch = static_cast<std::uint32_t>(epoch)};
}

Outcome<Checkpointer::Restored> Checkpointer::read(const std::string& wanted) const {
  DL_TRY(Resumable found, blame(FailureKind::kInfrastructure, folder_.resume(wanted)));
  const auto fits = [&found](auto result) {
    if (result.has_error()) {
      result = with_context("checkpoint " + found.file, std::move(result).error());
    }
    return blame(FailureKind::kSpec, std::move(result));
  };
  DL_TRY(const Description description, fits(parse_description(found.container.description())));
  DL_CHECK(fits(check_identity(description.identity, identity_)));
  for (const NamedTensor& one : tensors()) {
    DL_CHECK(fits(copy_tensor(found.container, one.name, one.tensor)));
  }
  return Restored{
      .position = description.position, .file = found.file, .refused = std::move(found.refused)};
}

Outcome<Checkpointer::Restored> Checkpointer::restore(const std::string& wanted,
                                                      const Gang& gang) const {
  Outcome<Restored> restored = Restored{};
  if (gang.leads()) restored = read(wanted);
  const std::vector<std::int64_t> told = gang.broadcast(
      {restored ? 1 : 0, restored ? static_cast<std::int64_t>(restored->position.step) : 0,
       restored && restored->position.evaluated ? 1 : 0});
  if (!restored) return restored;
  if (told[0] == 0) {
    return Failure{FailureKind::kCommunication, "", "rank 0 could not resume; its log says why"};
  }
  restored->position = {.step = static_cast<std::uint64_t>(told[1]), .evaluated = told[2] == 1};
  std::vector<torch::Tensor> all;
  for (const NamedTensor& one : tensors()) all.push_back(one.tensor);
  gang.broadcast(all);
  return restored;
}

}  // namespace dl::worker::train
