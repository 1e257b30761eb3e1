#include "worker/train/strategy/server_line.h"

#include <algorithm>

#include "worker/collective/allreduce.h"
#include "worker/collective/broadcast.h"
#include "worker/collective/c10d_backend.h"
#include "worker/train/strategy/stopwatch.h"
#include "worker/transport/sub_mesh.h"

namespace dl::worker::train {
namespace {

// What a worker pushes is wrong when its numbers are; what it joins with, when the spec is.
FailureKind kind_of(Code code, bool joining) {
  switch (code) {
    case Code::kInvalidArgument: return joining ? FailureKind::kSpec : FailureKind::kUserCode;
    case Code::kFailedPrecondition: return FailureKind::kSpec;
    case Code::kDataLoss:
    case Code::kResourceExhausted: return FailureKind::kInfrastructure;
    default: return FailureKind::kCommunication;
  }
}

Failure failure_of(const Error& error, bool joining) {
  return {kind_of(error.code, joining), "", error.message};
}

}  // namespace

ServerLine::ServerLine(std::shared_ptr<transport::Mesh> mesh, ProcessGroup workers,
                       const Groups& groups)
    : workers_(std::move(workers)), groups_(static_cast<std::uint32_t>(groups.size())) {
  const auto count = static_cast<std::uint32_t>(workers_->getSize());
  for (const std::vector<transport::Rank>& group : groups) {
    if (std::find(group.begin(), group.end(), mesh->rank()) == group.end()) continue;
    leader_ = group.front();
    if (group.size() > 1) {
      group_ = std::make_unique<collective::Communicator>(
          std::make_unique<transport::SubMesh>(mesh, group));
    }
    if (leader_ == mesh->rank()) {
      client_mesh_ = std::make_unique<transport::SubMesh>(
          mesh, ranks_of_servers(groups, count, mesh->world_size() - count));
    }
  }
}

ServerLine::~ServerLine() {
  if (!busy()) return;
  collective::ring_backend(*workers_).abort();
  try {
    work_->wait();
  } catch (const c10::Error&) {
    // What it failed of does not matter any more.
  }
}

void ServerLine::sum_in_group(const torch::Tensor& vector) {
  const torch::Tensor here = vector.to(torch::kCPU);
  const auto bytes = std::as_writable_bytes(
      std::span(here.data_ptr<float>(), static_cast<std::size_t>(here.numel())));
  collective::ring_backend(*workers_)
      .submit([this, bytes](collective::Communicator&) {
        return collective::allreduce(*group_, {.data = bytes,
                                               .type = collective::DataType::kFloat32,
                                               .op = collective::ReduceOp::kSum,
                                               .label = "gradients of a group"});
      })
      ->wait();
  if (!here.is_same(vector)) vector.copy_(here);
}

void ServerLine::broadcast_in_group(const torch::Tensor& vector) {
  const torch::Tensor here = vector.to(torch::kCPU);
  const auto bytes = std::as_writable_bytes(
      std::span(here.data_ptr<float>(), static_cast<std::size_t>(here.numel())));
  collective::ring_backend(*workers_)
      .submit([this, bytes](collective::Communicator&) {
        return collective::broadcast(*group_,
                                     {.data = bytes, .root = 0, .label = "parameters of a group"});
      })
      ->wait();
  if (!here.is_same(vector)) vector.copy_(here);
}

Outcome<paramserver::Standing> ServerLine::join(paramserver::Tables tables) {
  Result<void> joined;
  const auto work =
      collective::ring_backend(*workers_).submit([&](collective::Communicator&) -> Result<void> {
        auto client = paramserver::Client::join(*client_mesh_,
                                                {.workers = groups_, .tables = std::move(tables)});
        if (client) {
          client_ = *std::move(client);
        } else {
          joined = std::move(client).error();
        }
        return {};
      });
  work->wait();
  if (joined.has_error()) return failure_of(joined.error(), true);
  return client_->standing();
}

void ServerLine::start(Call call) {
  work_ = collective::ring_backend(*workers_).submit(
      [this, call = std::move(call)](collective::Communicator&) -> Result<void> {
        result_ = call(*client_);
        statistics_ = client_->statistics();
        return {};
      });
}

Outcome<void> ServerLine::wait() {
  if (!busy()) return {};
  const Stopwatch stopwatch;
  work_->wait();
  work_.reset();
  waited_ += stopwatch.elapsed();
  if (result_.has_error()) return failure_of(result_.error(), false);
  return {};
}

Outcome<void> ServerLine::call(Call call) {
  DL_CHECK(wait());
  start(std::move(call));
  return wait();
}

double ServerLine::take_waited() {
  const double waited = waited_;
  waited_ = 0;
  return waited;
}

}  // namespace dl::worker::train
