#include "worker/train/checkpointer.h"

#include <algorithm>
#include <boost/json.hpp>
#include <optional>

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
  std::uint64_t epoch = 0;  // Completed.
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
  return Description{
      .identity = {.seed = number("seed"),
                   .samples = number("samples"),
                   .batch_size = static_cast<std::uint32_t>(number("batch_size")),
                   .spec_crc32c = static_cast<std::uint32_t>(number("spec_crc32c"))},
      .position = {.step = number("step"), .evaluated = evaluated != nullptr && *evaluated == true},
      .epoch = number("epoch")};
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

std::string name_of_rank(std::uint32_t rank, const std::string& name) {
  return "rank" + std::to_string(rank) + "." + name;
}

// How many ranks wrote their own tensors into `container`, by the first of their names.
std::uint32_t ranks_in(const Container& container, const std::string& name) {
  std::uint32_t ranks = 0;
  while (container.find(name_of_rank(ranks, name)) != nullptr) ++ranks;
  return ranks;
}

// Rank 0 has them in `container`; each rank gets its own.
Result<void> send_own(const Container* container, const std::vector<NamedTensor>& own,
                      const Gang& gang) {
  for (const NamedTensor& one : own) {
    for (std::uint32_t rank = 0; rank < gang.size(); ++rank) {
      const torch::Tensor copy = torch::empty_like(one.tensor.detach());
      if (container != nullptr) {
        const std::uint32_t from = rank % std::max(1u, ranks_in(*container, own.front().name));
        DL_CHECK(copy_tensor(*container, name_of_rank(from, one.name), copy));
      }
      gang.broadcast(std::vector<torch::Tensor>{copy});
      const torch::NoGradGuard no_grad;
      if (rank == gang.rank()) one.tensor.detach().copy_(copy);
    }
  }
  return {};
}

}  // namespace

std::vector<NamedTensor> Checkpointer::gather(const std::vector<NamedTensor>& own,
                                              const Gang& gang) {
  std::vector<NamedTensor> all;
  for (const NamedTensor& one : own) {
    const std::vector<torch::Tensor> copies = gang.gather(one.tensor);
    for (std::uint32_t rank = 0; gang.leads() && rank < gang.size(); ++rank) {
      all.push_back({name_of_rank(rank, one.name), copies[rank]});
    }
  }
  return all;
}

Result<Checkpoint> Checkpointer::write(const Position& position,
                                       const std::vector<NamedTensor>& shared,
                                       const std::vector<NamedTensor>& gathered,
                                       std::uint32_t keep) const {
  TensorFile file;
  for (const auto* part : {&shared, &gathered}) {
    for (const NamedTensor& one : *part) file.add(one.name, one.tensor);
  }
  const std::uint64_t epoch = position.step / steps_per_epoch_;
  DL_TRY(std::string name,
         folder_.write(position.step, describe(identity_, position, epoch), file.views, keep));
  return Checkpoint{
      .path = std::move(name), .step = position.step, .epoch = static_cast<std::uint32_t>(epoch)};
}

Outcome<Checkpointer::Read> Checkpointer::read(const std::string& wanted,
                                               const CheckpointTensors& tensors) const {
  DL_TRY(Resumable found, blame(FailureKind::kInfrastructure, folder_.resume(wanted)));
  const auto fits = [&found](auto result) {
    if (result.has_error()) {
      result = with_context("checkpoint " + found.file, std::move(result).error());
    }
    return blame(FailureKind::kSpec, std::move(result));
  };
  DL_TRY(const Description description, fits(parse_description(found.container.description())));
  DL_CHECK(fits(check_identity(description.identity, identity_)));
  for (const NamedTensor& one : tensors.shared) {
    DL_CHECK(fits(copy_tensor(found.container, one.name, one.tensor)));
  }
  for (const NamedTensor& one : tensors.own) {
    const torch::Tensor place = torch::empty_like(one.tensor.detach());
    DL_CHECK(fits(copy_tensor(found.container, name_of_rank(0, one.name), place)));
  }
  return Read{.restored = {.position = description.position,
                           .file = found.file,
                           .refused = std::move(found.refused)},
              .container = std::move(found.container)};
}

Outcome<Checkpointer::Read> Checkpointer::read_inherited(const std::filesystem::path& file,
                                                         const CheckpointTensors& tensors) const {
  const CheckpointFolder folder(file.parent_path(), 0);
  DL_TRY(Resumable found,
         blame(FailureKind::kInfrastructure, folder.resume(file.filename().string())));
  const auto fits = [&](auto result) {
    if (result.has_error()) {
      result = with_context("cannot begin with the checkpoint " + file.string() +
                                " of another trial, whose model is another",
                            std::move(result).error());
    }
    return blame(FailureKind::kSpec, std::move(result));
  };
  DL_TRY(const Description description, fits(parse_description(found.container.description())));
  bool rest = true;  // What is not the model's can be taken.
  for (const NamedTensor& one : tensors.shared) {
    if (one.name.starts_with("model.")) {
      DL_CHECK(fits(copy_tensor(found.container, one.name, one.tensor)));
    } else {
      const torch::Tensor place = torch::empty_like(one.tensor.detach());
      rest = rest && copy_tensor(found.container, one.name, place).has_value();
    }
  }
  for (const NamedTensor& one : tensors.own) {
    const torch::Tensor place = torch::empty_like(one.tensor.detach());
    rest = rest && copy_tensor(found.container, name_of_rank(0, one.name), place).has_value();
  }
  for (const NamedTensor& one : tensors.shared) {
    if (rest && !one.name.starts_with("model.")) {
      DL_CHECK(fits(copy_tensor(found.container, one.name, one.tensor)));
    }
  }
  Read read{.restored = {.position = description.position,
                         .file = found.file,
                         .refused = std::move(found.refused)},
            .container = std::move(found.container),
            .has_own = rest};
  if (description.identity.batch_size != identity_.batch_size) {
    read.restored.position.step = description.epoch * steps_per_epoch_;
  }
  return read;
}

Outcome<Checkpointer::Restored> Checkpointer::restore(const std::string& wanted,
                                                      const CheckpointTensors& tensors,
                                                      const Gang& gang) const {
  return share(gang.leads() ? read(wanted, tensors) : Failure{}, tensors, gang);
}

Outcome<Checkpointer::Restored> Checkpointer::inherit(const std::filesystem::path& file,
                                                      const CheckpointTensors& tensors,
                                                      const Gang& gang) const {
  return share(gang.leads() ? read_inherited(file, tensors) : Failure{}, tensors, gang);
}

Outcome<Checkpointer::Restored> Checkpointer::share(Outcome<Read> read,
                                                    const CheckpointTensors& tensors,
                                                    const Gang& gang) {
  const bool here = read.has_value();
  const Position position = here ? read->restored.position : Position{};
  const std::vector<std::int64_t> told =
      gang.broadcast({here ? 1 : 0, static_cast<std::int64_t>(position.step),
                      position.evaluated ? 1 : 0, here && read->has_own ? 1 : 0});
  if (gang.leads() && !here) return read.error();
  if (told[0] == 0) {
    return Failure{FailureKind::kCommunication, "", "rank 0 could not resume; its log says why"};
  }
  gang.broadcast(tensors_of(tensors.shared));
  if (told[3] == 1) {
    DL_CHECK(
        blame(FailureKind::kSpec, send_own(here ? &read->container : nullptr, tensors.own, gang)));
  }
  Restored restored = here ? std::move(read->restored) : Restored{};
  restored.position = {.step = static_cast<std::uint64_t>(told[1]), .evaluated = told[2] == 1};
  return restored;
}

}  // namespace dl::worker::train
