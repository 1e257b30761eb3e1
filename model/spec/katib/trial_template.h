// What a Katib trial runs: the containers of a Kubernetes Job, PyTorchJob or TFJob as commands.

#pragma once

#include <string>
#include <vector>

#include "model/spec/dialect/native_job.h"

namespace dl::spec::katib {

// Fills in the job's command, roles, resources and environment. `parameters` are the names that
// trialParameters may refer to.
void read_trial_template(Fields& trial, const std::vector<std::string>& parameters, NativeJob& job);

}  // namespace dl::spec::katib
