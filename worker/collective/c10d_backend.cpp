#include "worker/collective/c10d_backend.h"

#include <pthread.h>

#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include "worker/collective/all_gather.h"
#include "worker/collective/all_to_all.h"
#include "worker/collective/allreduce.h"
#include "worker/collective/barrier.h"
#include "worker/collective/broadcast.h"
#include "worker/collective/gather_scatter.h"
#include "worker/collective/reduce.h"
#include "worker/collective/reduce_scatter.h"
#include "worker/collective/send_receive.h"

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
    case at::kChar: return DataType::kInt8;
    default:
      TORCH_CHECK(false, "a reduction over the ring does not know ", tensor.scalar_type(),
                  "; convert the tensor to a float or an integer type first");
  }
}

ReduceOp reduce_op(const c10d::ReduceOp& op) {
  switch (op.op_) {
    case c10d::ReduceOp::SUM: return ReduceOp::kSum;
    case c10d::ReduceOp::AVG: return ReduceOp::kAverage;
    case c10d::ReduceOp::MIN: return ReduceOp::kMin;
    case c10d::ReduceOp::MAX: return ReduceOp::kMax;
    default: TORCH_CHECK(false, "a reduction over the ring knows sum, avg, min and max");
  }
}

// The list that stands for one block a rank.
void check_parts(const Tensors& parts, const at::Tensor& block, int world, const char* call) {
  TORCH_CHECK(parts.size() == static_cast<std::size_t>(world), call,
              " over the ring needs one tensor for each of ", world, " ranks, not ", parts.size());
  for (const at::Tensor& part : parts) {
    check_tensor(part, call);
    TORCH_CHECK(part.nbytes() == block.nbytes(), call, " over the ring: one tensor of ",
                part.nbytes(), " bytes beside one of ", block.nbytes());
  }
}

void same_dtype(const at::Tensor& a, const at::Tensor& b, const char* call) {
  TORCH_CHECK(a.scalar_type() == b.scalar_type(), call, " over the ring: from ", b.scalar_type(),
              " to ", a.scalar_type());
}

std::vector<std::byte> join(const Tensors& parts) {
  std::vector<std::byte> all;
  for (const at::Tensor& part : parts) {
    const auto bytes = bytes_of(part);
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return all;
}

void copy_out(std::span<const std::byte> all, const Tensors& places) {
  for (const at::Tensor& place : places) {
    const auto bytes = bytes_of(place);
    std::copy_n(all.begin(), bytes.size(), bytes.begin());
    all = all.subspan(bytes.size());
  }
}

// A collective for the queue; `tensors` keep the memory that `call` speaks of.
template <class Options>
auto on_queue(Result<void> (*collective)(Communicator&, const Options&), Options call,
              Tensors tensors) {
  return [collective, call, tensors = std::move(tensors)](Communicator& communicator,
                                                          std::string_view label) mutable {
    call.label = label;
    return collective(communicator, call);
  };
}

Tensors rows_by_rank(const at::Tensor& tensor, std::vector<std::int64_t> splits, int world) {
  check_tensor(tensor, "all-to-all");
  TORCH_CHECK(tensor.is_contiguous(), "all-to-all over the ring takes contiguous tensors");
  if (splits.empty()) {
    TORCH_CHECK(tensor.size(0) % world == 0, "all-to-all over the ring: ", tensor.size(0),
                " rows for ", world, " ranks; say the split sizes");
    splits.assign(static_cast<std::size_t>(world), tensor.size(0) / world);
  }
  return tensor.split_with_sizes(splits);
}

}  // namespace

CollectiveError::CollectiveError(dl::Error error)
    : c10::DistBackendError({"RingBackend", __FILE__, __LINE__}, dl::to_string(error)),
      error_(std::move(error)) {}

class RingBackend::QueuedWork final : public c10d::Work {
 public:
  QueuedWork(int rank, c10d::OpType op, Tensors results, Collective collective, std::string label)
      : c10d::Work(rank, op),
        results_(std::move(results)),
        collective_(std::move(collective)),
        label_(std::move(label)),
        future_(c10::make_intrusive<c10::ivalue::Future>(c10::ListType::ofTensors())) {}

  void run(Communicator& communicator) {
    const Result<void> done = collective_(communicator, label_);
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
  const std::string label_;
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
  auto work =
      c10::make_intrusive<QueuedWork>(rank_, op, std::move(results), std::move(collective), label_);
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
  return enqueue(c10d::OpType::ALLREDUCE, tensors, on_queue(collective::allreduce, call, {tensor}));
}

WorkPtr RingBackend::allreduce_coalesced(Tensors& tensors,
                                         const c10d::AllreduceCoalescedOptions& options) {
  std::vector<AllreduceOptions> calls;
  for (const at::Tensor& tensor : tensors) {
    check_tensor(tensor, "all-reduce");
    calls.push_back(
        {.data = bytes_of(tensor), .type = data_type(tensor), .op = reduce_op(options.reduceOp)});
  }
  const auto all = [calls, tensors](Communicator& communicator,
                                    std::string_view label) mutable -> Result<void> {
    for (AllreduceOptions& call : calls) {
      call.label = label;
      DL_CHECK(collective::allreduce(communicator, call));
    }
    return {};
  };
  return enqueue(c10d::OpType::ALLREDUCE_COALESCED, tensors, all);
}

WorkPtr RingBackend::reduce(Tensors& tensors, const c10d::ReduceOptions& options) {
  const at::Tensor& tensor = only(tensors, "reduce");
  const ReduceOptions call = {.data = bytes_of(tensor),
                              .type = data_type(tensor),
                              .op = reduce_op(options.reduceOp),
                              .root = static_cast<transport::Rank>(options.rootRank)};
  return enqueue(c10d::OpType::REDUCE, tensors, on_queue(collective::reduce, call, {tensor}));
}

WorkPtr RingBackend::reduce_scatter(Tensors& outputs, std::vector<Tensors>& inputs,
                                    const c10d::ReduceScatterOptions& options) {
  const at::Tensor& output = only(outputs, "reduce-scatter");
  TORCH_CHECK(inputs.size() == 1, "reduce-scatter over the ring takes one list of tensors, not ",
              inputs.size());
  check_parts(inputs[0], output, size_, "reduce-scatter");
  for (const at::Tensor& input : inputs[0]) same_dtype(output, input, "reduce-scatter");
  ReduceScatterOptions call = {
      .block = bytes_of(output), .type = data_type(output), .op = reduce_op(options.reduceOp)};
  const auto joined = [call, output, parts = inputs[0]](Communicator& communicator,
                                                        std::string_view label) mutable {
    const std::vector<std::byte> input = join(parts);
    call.input = input;
    call.label = label;
    return collective::reduce_scatter(communicator, call);
  };
  return enqueue(c10d::OpType::REDUCE_SCATTER, outputs, joined);
}

WorkPtr RingBackend::_reduce_scatter_base(at::Tensor& output, at::Tensor& input,
                                          const c10d::ReduceScatterOptions& options) {
  check_tensor(output, "reduce-scatter");
  check_tensor(input, "reduce-scatter");
  same_dtype(output, input, "reduce-scatter");
  const ReduceScatterOptions call = {.input = bytes_of(input),
                                     .block = bytes_of(output),
                                     .type = data_type(output),
                                     .op = reduce_op(options.reduceOp)};
  return enqueue(c10d::OpType::_REDUCE_SCATTER_BASE, {output},
                 on_queue(collective::reduce_scatter, call, {output, input}));
}

WorkPtr RingBackend::broadcast(Tensors& tensors, const c10d::BroadcastOptions& options) {
  const at::Tensor& tensor = only(tensors, "broadcast");
  const BroadcastOptions call = {.data = bytes_of(tensor),
                                 .root = static_cast<transport::Rank>(options.rootRank)};
  return enqueue(c10d::OpType::BROADCAST, tensors, on_queue(collective::broadcast, call, {tensor}));
}

WorkPtr RingBackend::allgather(std::vector<Tensors>& outputs, Tensors& inputs,
                               const c10d::AllgatherOptions&) {
  const at::Tensor& input = only(inputs, "all-gather");
  TORCH_CHECK(outputs.size() == 1, "all-gather over the ring takes one list of outputs, not ",
              outputs.size());
  check_parts(outputs[0], input, size_, "all-gather");
  const auto gathered = [input, places = outputs[0]](Communicator& communicator,
                                                     std::string_view label) -> Result<void> {
    std::vector<std::byte> all(input.nbytes() * places.size());
    DL_CHECK(all_gather(communicator, {.block = bytes_of(input), .all = all, .label = label}));
    copy_out(all, places);
    return {};
  };
  return enqueue(c10d::OpType::ALLGATHER, outputs[0], gathered);
}

WorkPtr RingBackend::_allgather_base(at::Tensor& output, at::Tensor& input,
                                     const c10d::AllgatherOptions&) {
  check_tensor(output, "all-gather");
  check_tensor(input, "all-gather");
  const AllGatherOptions call = {.block = bytes_of(input), .all = bytes_of(output)};
  return enqueue(c10d::OpType::_ALLGATHER_BASE, {output},
                 on_queue(collective::all_gather, call, {output, input}));
}

WorkPtr RingBackend::gather(std::vector<Tensors>& outputs, Tensors& inputs,
                            const c10d::GatherOptions& options) {
  const at::Tensor& input = only(inputs, "gather");
  Tensors places;
  if (options.rootRank == rank_) {
    TORCH_CHECK(outputs.size() == 1, "gather over the ring takes one list of outputs on its root");
    check_parts(outputs[0], input, size_, "gather");
    places = outputs[0];
  }
  const auto gathered = [input, places, root = static_cast<transport::Rank>(options.rootRank)](
                            Communicator& communicator, std::string_view label) -> Result<void> {
    std::vector<std::byte> all(input.nbytes() * places.size());
    DL_CHECK(collective::gather(
        communicator, {.block = bytes_of(input), .all = all, .root = root, .label = label}));
    copy_out(all, places);
    return {};
  };
  return enqueue(c10d::OpType::GATHER, places, gathered);
}

WorkPtr RingBackend::scatter(Tensors& outputs, std::vector<Tensors>& inputs,
                             const c10d::ScatterOptions& options) {
  const at::Tensor& output = only(outputs, "scatter");
  Tensors parts;
  if (options.rootRank == rank_) {
    TORCH_CHECK(inputs.size() == 1, "scatter over the ring takes one list of inputs on its root");
    check_parts(inputs[0], output, size_, "scatter");
    parts = inputs[0];
  }
  const auto scattered = [output, parts, root = static_cast<transport::Rank>(options.rootRank)](
                             Communicator& communicator, std::string_view label) {
    const std::vector<std::byte> all = join(parts);
    return collective::scatter(
        communicator, {.all = all, .block = bytes_of(output), .root = root, .label = label});
  };
  return enqueue(c10d::OpType::SCATTER, outputs, scattered);
}

WorkPtr RingBackend::alltoall(Tensors& outputs, Tensors& inputs, const c10d::AllToAllOptions&) {
  for (const Tensors* tensors : {&outputs, &inputs}) {
    TORCH_CHECK(tensors->size() == static_cast<std::size_t>(size_),
                "all-to-all over the ring needs one tensor for each of ", size_, " ranks, not ",
                tensors->size());
    for (const at::Tensor& tensor : *tensors) check_tensor(tensor, "all-to-all");
  }
  std::vector<transport::ConstBytes> to;
  std::vector<transport::Bytes> from;
  for (const at::Tensor& tensor : inputs) to.push_back(bytes_of(tensor));
  for (const at::Tensor& tensor : outputs) from.push_back(bytes_of(tensor));
  return enqueue(c10d::OpType::ALLTOALL, outputs,
                 [to, from, outputs, inputs](Communicator& communicator, std::string_view label) {
                   return all_to_all(communicator, {.send = to, .receive = from, .label = label});
                 });
}

WorkPtr RingBackend::alltoall_base(at::Tensor& output, at::Tensor& input,
                                   std::vector<std::int64_t>& output_splits,
                                   std::vector<std::int64_t>& input_splits,
                                   const c10d::AllToAllOptions& options) {
  Tensors outputs = rows_by_rank(output, output_splits, size_);
  Tensors inputs = rows_by_rank(input, input_splits, size_);
  return alltoall(outputs, inputs, options);
}

WorkPtr RingBackend::send(Tensors& tensors, int to, int tag) {
  const at::Tensor& tensor = only(tensors, "send");
  const SendOptions call = {.data = bytes_of(tensor),
                            .to = static_cast<transport::Rank>(to),
                            .tag = static_cast<std::uint32_t>(tag)};
  return enqueue(c10d::OpType::SEND, tensors, on_queue(collective::send, call, {tensor}));
}

WorkPtr RingBackend::recv(Tensors& tensors, int from, int tag) {
  const at::Tensor& tensor = only(tensors, "receive");
  const ReceiveOptions call = {.data = bytes_of(tensor),
                               .from = static_cast<transport::Rank>(from),
                               .tag = static_cast<std::uint32_t>(tag)};
  return enqueue(c10d::OpType::RECV, tensors, on_queue(collective::receive, call, {tensor}));
}

WorkPtr RingBackend::barrier(const c10d::BarrierOptions&) {
  return enqueue(c10d::OpType::BARRIER, {}, [](Communicator& communicator, std::string_view) {
    return collective::barrier(communicator);
  });
}

WorkPtr RingBackend::submit(Call call, Tensors results) {
  return enqueue(c10d::OpType::UNKNOWN, std::move(results),
                 [call = std::move(call)](Communicator& communicator, std::string_view) {
                   return call(communicator);
                 });
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
