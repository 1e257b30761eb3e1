// Searches and their trials → the messages of proto/dl/v1/search.proto.

#pragma once

#include <string>

#include "daemon/runtime/server/job_lookup.h"
#include "dl/v1/search.pb.h"

namespace dl::runtime::server {

// Where the search of `view` stands, which has its counts.
v1::SearchStatus search_message(const JobView& view);

v1::SearchTrial to_message(const coordinator::Trial& trial, Timestamp now);

}  // namespace dl::runtime::server
