// What the services of the API share. All of it outlives every call.

#pragma once

#include <boost/asio/thread_pool.hpp>
#include <string>

#include "daemon/runtime/journal/history.h"
#include "daemon/runtime/server/agent_sessions.h"
#include "daemon/runtime/server/call_guard.h"
#include "daemon/runtime/server/control_thread.h"
#include "daemon/runtime/server/event_hub.h"
#include "daemon/runtime/server/job_lookup.h"
#include "daemon/runtime/server/log_relay.h"
#include "daemon/runtime/server/stats.h"

namespace dl::runtime::server {

struct Services {
  const CallGuard& guard;
  ControlThread& control;
  journal::History& history;
  JobLookup& lookup;
  EventHub& hub;
  LogRelay& relay;
  AgentSessions& agents;
  Stats& stats;
  boost::asio::thread_pool& pool;  // For what may block.
  const coordinator::Settings& settings;
  std::string version;
  std::string address;  // Where gRPC listens.
  Timestamp started;
};

}  // namespace dl::runtime::server
