// The coordinator's nouns → the messages of proto/dl/v1/jobs.proto and cluster.proto.

#pragma once

#include <optional>
#include <string>

#include "daemon/coordinator/state.h"
#include "daemon/runtime/journal/history.h"
#include "daemon/runtime/server/job_lookup.h"
#include "dl/v1/cluster.pb.h"
#include "dl/v1/jobs.pb.h"

namespace dl::runtime::server {

// How much of a job is wanted.
enum class JobDetail { kRow, kFull };  // kRow: without document, spec and tasks.

v1::Job to_message(const JobView& view, const std::string& artifact_root, JobDetail detail);
v1::Explanation to_message(const coordinator::Explanation& explanation);
v1::JobEvent to_message(const journal::StoredEvent& stored);
v1::MetricSeries to_message(const journal::MetricSeries& series);
v1::Failure to_message(const Failure& failure);
v1::Checkpoint to_message(const Checkpoint& checkpoint);
v1::JobState to_message(JobState state);
// `batch_size` is the job's global one: with it the time to go is known.
v1::Progress to_message(const Progress& progress, std::uint32_t batch_size);

// Seconds until the last step at the present speed; 0 when unknown.
double eta_seconds(const v1::Progress& progress, std::uint32_t batch_size);

// `use` is what tasks hold of the node; null: nothing.
v1::Node to_message(const coordinator::Node& node, const coordinator::NodeUse* use);

google::protobuf::Timestamp to_message(Timestamp time);

// "42.1.2/worker:0" → "worker:0".
std::string short_task_name(Role role, std::uint32_t index);

}  // namespace dl::runtime::server
