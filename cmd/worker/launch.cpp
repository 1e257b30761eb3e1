#include "cmd/worker/launch.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iterator>
#include <numeric>

#include "cmd/worker/device.h"
#include "model/spec/parse.h"
#include "worker/collective/c10d_backend.h"
#include "worker/collective/nccl_backend.h"
#include "worker/train/models/model.h"
#include "worker/train/strategy/server_line.h"
#include "worker/transport/shm/connect.h"
#include "worker/transport/sub_mesh.h"
#include "worker/transport/tcp/connect.h"

namespace dl::worker {
namespace {

using train::blame;
using train::Outcome;

Result<TaskContext> read_context() {
  const char* path = std::getenv("DL_TASK");
  if (path == nullptr) {
    return invalid_argument(
        "$DL_TASK is not set: dl-worker is started by the agent, which sets it to the path of the "
        "task's task.json");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return errno_error(std::string("read $DL_TASK (") + path + ")", errno);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto context = task_context_from_json(text);
  if (context.has_error()) return with_context(path, std::move(context).error());
  return context;
}

Result<JobSpec> read_spec(const std::string& text) {
  spec::ParseResult parsed = spec::parse(text);
  if (!parsed.spec) {
    return invalid_argument("the job's spec: " + spec::to_string(parsed.problems, "spec"));
  }
  if (!parsed.spec->is_builtin()) {
    return invalid_argument("the job has a command and no model; dl-worker trains models");
  }
  return *std::move(parsed.spec);
}

Resources resources_of(const JobSpec& spec, Role role) {
  for (const RoleSpec& candidate : spec.roles) {
    if (candidate.role == role) return candidate.resources;
  }
  return {};
}

Outcome<train::Splits> open_data(const JobSpec& spec, train::DatasetCache& datasets) {
  try {
    return blame(FailureKind::kSpec,
                 datasets.open(train::dataset_request(*spec.model, spec.data, spec.train.seed)));
  } catch (...) {
    return train::failure_of_current_exception();
  }
}

// Tensors on GPUs travel by NCCL; those on the CPU by the ring still.
Outcome<void> add_nccl(const Assignment& assignment, c10d::ProcessGroup& group) {
  const ClusterSpec& cluster = assignment.context.cluster;
  auto backend = collective::make_nccl_backend({.rank = assignment.rank,
                                                .world_size = cluster.world_size(),
                                                .store_host = cluster.members[0].host,
                                                .store_port = cluster.master_port});
  const bool peers = backend.has_error() && backend.error().code == Code::kUnavailable;
  DL_TRY(auto nccl, blame(peers ? FailureKind::kCommunication : FailureKind::kInfrastructure,
                          std::move(backend)));
  group.setBackend(c10::DeviceType::CUDA, c10d::ProcessGroup::BackendType::NCCL, nccl);
  return {};
}

// Says in the log what the gang's bytes go by.
void print_links(const transport::Mesh& mesh) {
  std::uint32_t near = 0;
  for (transport::Rank rank = 0; rank < mesh.world_size(); ++rank) {
    if (rank != mesh.rank() && mesh.host_of(rank) == mesh.host_of(mesh.rank())) ++near;
  }
  std::printf("links: %u by this host's memory, %u by TCP\n", near, mesh.world_size() - 1 - near);
}

// Workers, and the servers after them.
std::uint32_t ranks_of_mesh(const Assignment& assignment) {
  const ClusterSpec& cluster = assignment.context.cluster;
  return has_servers(assignment.spec.strategy) ? static_cast<std::uint32_t>(cluster.members.size())
                                               : cluster.world_size();
}

// The workers' view of a mesh that has servers too.
std::unique_ptr<transport::Mesh> view_of_workers(std::shared_ptr<transport::Mesh> mesh,
                                                 std::uint32_t workers) {
  std::vector<transport::Rank> ranks(workers);
  std::iota(ranks.begin(), ranks.end(), transport::Rank{0});
  return std::make_unique<transport::SubMesh>(std::move(mesh), std::move(ranks));
}

// The gang of workers, and their line to the servers.
Outcome<void> join_gang(const Assignment& assignment, const std::atomic<bool>& stop,
                        train::TrainRequest& request) {
  if (ranks_of_mesh(assignment) == 1) return {};
  DL_TRY(auto connected, connect_peers(assignment, stop));
  const bool servers = has_servers(assignment.spec.strategy);
  std::shared_ptr<transport::Mesh> whole;
  if (servers) {
    whole = std::move(connected);
    connected = view_of_workers(whole, assignment.context.cluster.world_size());
  }
  auto communicator = std::make_unique<collective::Communicator>(std::move(connected));
  auto group = collective::make_ring_process_group(std::move(communicator));
  if (servers)
    request.servers = std::make_shared<train::ServerLine>(whole, group, groups_of(assignment));
  if (request.device.is_cuda()) DL_CHECK(add_nccl(assignment, *group));
  request.gang = train::Gang(std::move(group), request.device);
  return {};
}

}  // namespace

Outcome<std::unique_ptr<transport::Mesh>> connect_peers(const Assignment& assignment,
                                                        const std::atomic<bool>& stop) {
  transport::tcp::ConnectOptions options;
  options.rank = assignment.rank;
  const ClusterSpec& cluster = assignment.context.cluster;
  for (std::uint32_t rank = 0; rank < ranks_of_mesh(assignment); ++rank) {
    options.peers.push_back({cluster.members[rank].host, cluster.members[rank].port});
  }
  options.secret = assignment.context.secret;
  options.cancelled = &stop;
  auto mesh = transport::tcp::connect(options);
  if (mesh && assignment.spec.strategy.transport == "auto") {
    mesh = transport::shm::connect(*std::move(mesh), {.secret = options.secret});
  }
  if (mesh) print_links(**mesh);
  // A port that somebody else took is the machine's fault, not a peer's.
  const bool here = mesh.has_error() && mesh.error().code == Code::kAlreadyExists;
  return blame(here ? FailureKind::kInfrastructure : FailureKind::kCommunication, std::move(mesh));
}

train::Groups groups_of(const Assignment& assignment) {
  const ClusterSpec& cluster = assignment.context.cluster;
  std::vector<std::string> nodes;
  for (std::uint32_t rank = 0; rank < cluster.world_size(); ++rank) {
    nodes.push_back(cluster.members[rank].node);
  }
  return train::groups_of(assignment.spec.strategy, nodes);
}

Outcome<Assignment> read_assignment() {
  Assignment assignment;
  DL_TRY(assignment.context, blame(FailureKind::kInfrastructure, read_context()));
  DL_TRY(assignment.spec, blame(FailureKind::kSpec, read_spec(assignment.context.spec)));
  const TaskId& task = assignment.context.task;
  assignment.rank = assignment.context.cluster.member(task.role, task.index).rank;
  assignment.resources = resources_of(assignment.spec, task.role);
  return assignment;
}

Outcome<train::TrainRequest> prepare(const Assignment& assignment, train::DatasetCache& datasets,
                                     const std::atomic<bool>& stop) {
  const JobSpec& spec = assignment.spec;
  auto data = std::async(std::launch::async, [&] { return open_data(spec, datasets); });
  const std::uint32_t threads =
      spec.train.threads > 0 ? spec.train.threads : assignment.resources.cpus;
  train::configure_libtorch(threads, spec.train.deterministic);
  DL_TRY(const torch::Device device, open_device(assignment.resources.gpus));

  train::TrainRequest request;
  request.spec = spec;
  request.spec_text = assignment.context.spec;
  request.attempt = assignment.context.task.attempt;
  request.artifact_dir = assignment.context.artifact_dir;
  request.resume_checkpoint = assignment.context.resume_checkpoint;
  request.inherited_checkpoint = assignment.context.inherited_checkpoint;
  request.device = device;
  request.stop = &stop;
  // The data first: when it is wrong, that is the cause, and not that this rank went away.
  DL_TRY(request.data, data.get());
  DL_CHECK(join_gang(assignment, stop, request));
  return request;
}

}  // namespace dl::worker
