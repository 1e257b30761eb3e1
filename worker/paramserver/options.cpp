#include "worker/paramserver/options.h"

#include <cmath>

namespace dl::worker::paramserver {
namespace {

Result<void> check_between(std::string_view name, float value, float low, float high) {
  if (value >= low && value < high) return {};
  return invalid_argument(std::string(name) + " is " + std::to_string(value) + "; it may be " +
                          std::to_string(low) + " or more, and less than " + std::to_string(high));
}

Result<void> check(const UpdateOptions& options) {
  if (!std::isfinite(options.scale) || options.scale == 0) {
    return invalid_argument("scale is " + std::to_string(options.scale) +
                            "; it multiplies every push, so it is a number that is not 0");
  }
  if (!(options.epsilon > 0)) {
    return invalid_argument("epsilon is " + std::to_string(options.epsilon) +
                            "; it keeps a division from 0, so it is more than 0");
  }
  if (!(options.weight_decay >= 0) || !std::isfinite(options.weight_decay)) {
    return invalid_argument("weight_decay is " + std::to_string(options.weight_decay) +
                            "; it may be 0 or more");
  }
  if (options.nesterov && options.momentum == 0) {
    return invalid_argument("nesterov is on without a momentum; set momentum, or leave it off");
  }
  DL_CHECK(check_between("momentum", options.momentum, 0, 1));
  DL_CHECK(check_between("beta1", options.beta1, 0, 1));
  return check_between("beta2", options.beta2, 0, 1);
}

}  // namespace

std::string_view to_string(Consistency consistency) {
  switch (consistency) {
    case Consistency::kSynchronous: return "synchronous";
    case Consistency::kAsynchronous: return "asynchronous";
    case Consistency::kHogwild: return "hogwild";
    case Consistency::kBoundedStaleness: return "bounded staleness";
  }
  return "unknown";
}

std::string_view to_string(Rule rule) {
  switch (rule) {
    case Rule::kSgd: return "sgd";
    case Rule::kAdagrad: return "adagrad";
    case Rule::kAdam: return "adam";
    case Rule::kAdamW: return "adamw";
  }
  return "unknown";
}

Result<void> check(const ServerOptions& options, std::uint32_t world_size) {
  if (options.workers == 0 || options.workers >= world_size) {
    return invalid_argument("a gang of " + std::to_string(world_size) + " with " +
                            std::to_string(options.workers) +
                            " workers has no place for servers; both need one at least");
  }
  if (options.staleness < 0) {
    return invalid_argument("staleness is " + std::to_string(options.staleness) +
                            "; it counts the clocks that a worker may be ahead, 0 or more");
  }
  if (options.replicate && world_size - options.workers < 2) {
    return invalid_argument(
        "replicate is on with one server; a replica is with the next server, so ask for two "
        "servers, or leave it off");
  }
  if (options.resume_clock > 0 && options.folder.empty()) {
    return invalid_argument("resume_clock is set without a folder to find the checkpoint in");
  }
  if (options.update.divide_by_staleness && options.consistency == Consistency::kSynchronous) {
    return invalid_argument(
        "divide_by_staleness is on in synchronous mode, in which no push is stale; leave one of "
        "the two");
  }
  if (options.heartbeat.count() <= 0 || options.patience < options.heartbeat) {
    return invalid_argument("heartbeat is " + std::to_string(options.heartbeat.count()) +
                            " ms and patience " + std::to_string(options.patience.count()) +
                            " ms; the first is more than 0 and no longer than the second");
  }
  return check(options.update);
}

}  // namespace dl::worker::paramserver
