// A trained model as a file: its tensors, and what is needed to make the network they belong to
// and to prepare its inputs. docs/formats.md has the description's keys.

#pragma once

#include <filesystem>

#include "worker/train/models/model.h"

namespace dl::worker::train {

struct SavedModel {
  std::shared_ptr<Model> model;
  ModelSpec spec;
  SampleShape shape;
  Normalisation normalisation;
};

// Writes `folder`/<name>.dlm and, for people, its description as `folder`/<name>.json. Errors as
// write_container's.
Result<void> save_model(const std::filesystem::path& folder, const std::string& name,
                        const SavedModel& saved);

// Reads the .dlm at `path`. kInvalidArgument when it is no model, or not one that this program
// knows; else as Container::read.
Result<SavedModel> load_model(const std::filesystem::path& path);

}  // namespace dl::worker::train
