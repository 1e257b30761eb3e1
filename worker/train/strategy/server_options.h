// What the parameter servers of a job are told: the other half of its algorithm.

#pragma once

#include "model/job_spec.h"
#include "worker/paramserver/options.h"

namespace dl::worker::train {

// Of `workers` that push: in hybrid one of each group. Folder and run are the caller's to fill in.
paramserver::ServerOptions server_options(const JobSpec& spec, std::uint32_t workers);

}  // namespace dl::worker::train
