#include "cmd/worker/serve_parameters.h"

#include <cstdio>

#include "worker/paramserver/server.h"
#include "worker/train/strategy/server_options.h"
#include "worker/transport/sub_mesh.h"

namespace dl::worker {
namespace {

FailureKind kind_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition: return FailureKind::kSpec;
    case Code::kUnavailable:
    case Code::kDeadlineExceeded: return FailureKind::kCommunication;
    default: return FailureKind::kInfrastructure;
  }
}

}  // namespace

train::Outcome<void> serve_parameters(const Assignment& assignment, const std::atomic<bool>& stop) {
  const TaskContext& context = assignment.context;
  const train::Groups groups = groups_of(assignment);
  auto options = train::server_options(assignment.spec, static_cast<std::uint32_t>(groups.size()));
  options.folder = std::filesystem::path(context.artifact_dir) / "servers";
  options.run = to_string(context.task.attempt.trial_id());
  std::printf("%s  parameter server %u of %u  %s\n", to_string(context.task).c_str(),
              context.task.index, assignment.spec.strategy.servers,
              assignment.spec.strategy.algorithm.c_str());
  DL_TRY(std::shared_ptr<transport::Mesh> mesh, connect_peers(assignment, stop));
  transport::SubMesh view(mesh, train::ranks_of_servers(groups, context.cluster.world_size(),
                                                        assignment.spec.strategy.servers));
  const auto report = paramserver::serve(view, options, &stop);
  if (report.has_error()) {
    if (stop.load()) return {};
    return Failure{kind_of(report.error().code), "", report.error().message};
  }
  std::printf("done: %llu pushes and %llu pulls\n", static_cast<unsigned long long>(report->pushes),
              static_cast<unsigned long long>(report->pulls));
  return {};
}

}  // namespace dl::worker
