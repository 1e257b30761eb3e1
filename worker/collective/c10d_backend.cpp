#include "worker/collective/c10d_backend.h"

#include <pthread.h>

#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include "worker/collective/all_gather.h"
#include "worker/collective/allreduce.h"
#include "worker/collective/barrier.h"
#include "worker/collective/broadcast.h"

namespace dl::worker::collective {
namespace {

constexpr char kBackendName[] = "dl_ring";

std::span<std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

void check_tensor(const at::Tensor& tensor, const char* call) {
  TORCH_CHECK(tensor.device().is_cpu(), call, " over the ring takes CPU tensors, not one on ",
              tensor.device());
  TORCH_CHECK(tensor.layout() == at::kStrided && tensor.is_non_overlapping_and_dense(), call,
              " over the ring takes dense tensors without gaps; make it contiguous first");
}

// The in-place collectives of c10d take a list, and mean its only member.
const at::Tensor& only(const Tensors& tensors, const char* call) {
  TORCH_CHECK(tensors.size() == 1, call, " over the ring takes one tensor, not ", tensors.size());
  check_tensor(tensors[0], call);
  return tensors[0];
}

DataType data_type(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kDouble: return DataType::kFloat64;
    case at::kFloat: return DataType::kFloat32;
    case at::kHalf: return DataType::kFloat16;
    case at::kBFloat16: return DataType::kBfloat16;
    case at::kLong: return DataType::kInt64;
    case at::kInt: return DataType::kInt32;
    case at::kByte: return DataType::kUint8;
    default:
      TORCH_CHECK(false, "all-reduce over the ring does not know ", tensor.scalar_type(),
                  "; convert the tensor to a float or an integer type first");
  }
}

ReduceOp reduce_op(const c10d::ReduceOp& op) {
  switch (op.op_) {
    case c10d::ReduceOp::SUM: return ReduceOp::kSum;
    case c10d::ReduceOp::AVG: return ReduceOp::kAverage;
    case c10d::ReduceOp::MIN: return ReduceOp::kMin;
    case c10d::ReduceOp::MAX: return ReduceOp::kMax;
    default: TORCH_CHECK(false, "all-reduce over the ring knows sum, avg, min and max");
  }
}

}  // namespace

CollectiveError::CollectiveError(dl::Error error)
    : c10::DistBackendError({"RingBackend", __FILE__, __LINE__}, dl::to_string(error)),
      error_(std::move(error)) {}

class RingBackend::QueuedWork final : public c10d::Work {
 public:
  QueuedWork(int rank, c10d::OpType op, Tensors results, Collective collective)
      : c10d::Work(rank, op),
        results_(std::move(results)),
        collective_(std::move(collective)),
        future_(c10::make_intrusive<c10::ivalue::Future>(c10::ListType::ofTensors())) {}

  void run(Communicator& communicator) {
    const Result<void> done = collective_(communicator);
    collective_ = nullptr;  // It holds on to tensors.
    if (done) {
      future_->markCompleted(at::IValue(results_));
      finish();
    } else {
      const auto exception = std::make_exception_ptr(CollectiveError(done.error()));
      future_->setError(exception);
      finish(exception);
    }
  }

  std::vector<at::Tensor> result() override { return results_; }
  c10::intrusive_ptr<c10::ivalue::Future> getFuture() override { return future_; }

 private:
  const Tensors results_;
  Collective collective_;
  const c10::intrusive_ptr<c10::ivalue::Future> future_;
};

RingBackend::RingBackend(std::unique_ptr<Communicator> communicator)
    : c10d::Backend(static_cast<int>(communicator->rank()),
                    static_cast<int>(communicator->world_size())),
      communicator_(std::move(communicator)),
      thread_([this] { run(); }) {}

RingBackend::~RingBackend() { shutdown(); }

const std::string RingBackend::getBackendName() const { return kBackendName; }

WorkPtr RingBackend::enqueue(c10d::OpType op, Tensors results, Collective collective) {
  auto work = c10::make_intrusive<QueuedWork>(rank_, op, std::move(results), std::move(collective));
  const std::lock_guard lock(mutex_);
  TORCH_CHECK(!stopping_, "the ring of rank ", rank_, " has been shut down");
  queue_.push_back(work);
  changed_.notify_one();
  return work;
}

c10::intrusive_ptr<RingBackend::QueuedWork> RingBackend::next_work() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  if (queue_.empty()) return nullptr;
  auto work = std::move(queue_.front());
  queue_.pop_front();
  return work;
}

void RingBackend::run() {
  pthread_setname_np(pthread_self(), "dl-ring");
  while (const auto work = next_work()) work->run(*communicator_);
}

void RingBackend::abort() { communicator_->abort(); }

void RingBackend::shutdown() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

WorkPtr RingBackend::allreduce(Tensors& tensors, const c10d::AllreduceOptions& options) {
  const at::Tensor& tensor = only(tensors, "all-reduce");
  const AllreduceOptions call = {
      .data = bytes_of(tensor), .type = data_type(tensor), .op = reduce_op(options.reduceOp)};
  return enqueue(c10d::OpType::ALLREDUCE, tensors, [call, tensor](Communicator& communicator) {
    return collective::allreduce(communicator, call);
  });
}

WorkPtr RingBackend::allreduce_coalesced(Tensors& tensors,
                                         const c10d::AllreduceCoalescedOptions& options) {
  std::vector<AllreduceOptions> calls;
  for (const at::Tensor& tensor : tensors) {
    check_tensor(tensor, "all-reduce");
    calls.push_back(
        {.data = bytes_of(tensor), .type = data_type(tensor), .op = reduce_op(options.reduceOp)});
  }
  return enqueue(c10d::OpType::ALLREDUCE_COALESCED, tensors,
                 [calls, tensors](Communicator& communicator) -> Result<void> {
                   for (const AllreduceOptions& call : calls) {
                     DL_CHECK(collective::allreduce(communicator, call));
                   }
                   return {};
                 });
}

WorkPtr RingBackend::broadcast(Tensors& tensors, const c10d::BroadcastOptions& options) {
  const at::Tensor& tensor = only(tensors, "broadcast");
  const BroadcastOptions call = {.data = bytes_of(tensor),
                                 .root = static_cast<transport::Rank>(options.rootRank)};
  return enqueue(c10d::OpType::BROADCAST, tensors, [call, tensor](Communicator& communicator) {
    return collective::broadcast(communicator, call);
  });
}

WorkPtr RingBackend::allgather(std::vector<Tensors>& outputs, Tensors& inputs,
                               const c10d::AllgatherOptions&) {
  const at::Tensor& input = only(inputs, "all-gather");
  TORCH_CHECK(outputs.size() == 1 && outputs[0].size() == static_cast<std::size_t>(size_),
              "all-gather over the ring needs one output tensor for each of ", size_, " ranks");
  for (const at::Tensor& output : outputs[0]) {
    check_tensor(output, "all-gather");
    TORCH_CHECK(output.nbytes() == input.nbytes(), "all-gather over the ring: an output of ",
                output.nbytes(), " bytes for an input of ", input.nbytes());
  }
  const auto gather = [input, places = outputs[0]](Communicator& communicator) -> Result<void> {
    const std::size_t bytes = input.nbytes();
    std::vector<std::byte> all(bytes * places.size());
    DL_CHECK(all_gather(communicator, {.block = bytes_of(input), .all = all}));
    for (std::size_t rank = 0; rank < places.size(); ++rank) {
      std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(rank * bytes), bytes,
                  bytes_of(places[rank]).begin());
    }
    return {};
  };
  return enqueue(c10d::OpType::ALLGATHER, outputs[0], gather);
}

WorkPtr RingBackend::_allgather_base(at::Tensor& output, at::Tensor& input,
                                     const c10d::AllgatherOptions&) {
  check_tensor(output, "all-gather");
  check_tensor(input, "all-gather");
  const AllGatherOptions call = {.block = bytes_of(input), .all = bytes_of(output)};
  return enqueue(
      c10d::OpType::_ALLGATHER_BASE, {output},
      [call, output, input](Communicator& communicator) { return all_gather(communicator, call); });
}

WorkPtr RingBackend::barrier(const c10d::BarrierOptions&) {
  return enqueue(c10d::OpType::BARRIER, {},
                 [](Communicator& communicator) { return collective::barrier(communicator); });
}

WorkPtr RingBackend::submit(Call call, Tensors results) {
  return enqueue(c10d::OpType::UNKNOWN, std::move(results), std::move(call));
}

RingBackend& ring_backend(c10d::ProcessGroup& group) {
  const auto backend = group.getBackend(c10::DeviceType::CPU);
  TORCH_CHECK(backend->getBackendName() == kBackendName,
              "the group's CPU collectives are those of ", backend->getBackendName(),
              ", not of the ring");
  return static_cast<RingBackend&>(*backend);
}

c10::intrusive_ptr<c10d::ProcessGroup> make_ring_process_group(
    std::unique_ptr<Communicator> communicator) {
  const auto rank = static_cast<int>(communicator->rank());
  const auto size = static_cast<int>(communicator->world_size());
  // A group wants a store to meet its peers by. Ours have met.
  auto group =
      c10::make_intrusive<c10d::ProcessGroup>(c10::make_intrusive<c10d::HashStore>(), rank, size);
  const c10::intrusive_ptr<c10d::Backend> backend =
      c10::make_intrusive<RingBackend>(std::move(communicator));
  group->setBackend(c10::DeviceType::CPU, c10d::ProcessGroup::BackendType::CUSTOM, backend);
  group->setDefaultBackend(c10d::ProcessGroup::BackendType::CUSTOM);
  return group;
}

}  // namespace dl::worker::collective
