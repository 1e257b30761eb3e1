// PyTorch's distributed interface over our collectives: c10d::Reducer and whoever else speaks
// ProcessGroup work on CPU tensors without knowing whose ring carries them.
//
// Calls are queued and run in order by a thread of the backend's own, so gradients of one bucket
// travel while the next is computed. A failed collective throws CollectiveError from Work::wait and
// from the future's value; every later call fails with the same error, as the ranks no longer agree
// on what comes next.
//
// Tensors are on the CPU and fill their memory without gaps, in the same order on all ranks; any
// other is refused by a c10::Error before it is queued.

#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <vector>

#include "base/result.h"
#include "worker/collective/communicator.h"

namespace dl::worker::collective {

using Tensors = std::vector<at::Tensor>;
using WorkPtr = c10::intrusive_ptr<c10d::Work>;

// What a collective's Error becomes under PyTorch's interfaces. Its message has the call, the rank,
// the peer and the cause.
class CollectiveError final : public c10::DistBackendError {
 public:
  explicit CollectiveError(dl::Error error);
  const dl::Error& error() const { return error_; }

 private:
  dl::Error error_;
};

class RingBackend final : public c10d::Backend {
 public:
  explicit RingBackend(std::unique_ptr<Communicator> communicator);
  // Runs what is queued, then says farewell to the peers.
  ~RingBackend() override;

  const std::string getBackendName() const override;

  // What the calls that follow are about, as "bucket 3 (conv1.weight …)": it is in their errors.
  // Call it on the thread that makes the calls.
  void set_label(std::string label) { label_ = std::move(label); }

  // sum, avg, min and max of float64/32/16, bfloat16, int64/32/8 and uint8 (avg: floats only), and
  // so do reduce and the reduce-scatters.
  WorkPtr allreduce(Tensors& tensors, const c10d::AllreduceOptions& options) override;
  WorkPtr allreduce_coalesced(Tensors& tensors,
                              const c10d::AllreduceCoalescedOptions& options) override;
  WorkPtr reduce(Tensors& tensors, const c10d::ReduceOptions& options) override;
  WorkPtr reduce_scatter(Tensors& outputs, std::vector<Tensors>& inputs,
                         const c10d::ReduceScatterOptions& options) override;
  WorkPtr _reduce_scatter_base(at::Tensor& output, at::Tensor& input,
                               const c10d::ReduceScatterOptions& options) override;
  // Of any dtype, and so is all below.
  WorkPtr broadcast(Tensors& tensors, const c10d::BroadcastOptions& options) override;
  WorkPtr allgather(std::vector<Tensors>& outputs, Tensors& inputs,
                    const c10d::AllgatherOptions& options) override;
  WorkPtr _allgather_base(at::Tensor& output, at::Tensor& input,
                          const c10d::AllgatherOptions& options) override;
  WorkPtr gather(std::vector<Tensors>& outputs, Tensors& inputs,
                 const c10d::GatherOptions& options) override;
  WorkPtr scatter(Tensors& outputs, std::vector<Tensors>& inputs,
                  const c10d::ScatterOptions& options) override;
  WorkPtr alltoall(Tensors& outputs, Tensors& inputs,
                   const c10d::AllToAllOptions& options) override;
  // Split sizes count rows, the first dimension; none: equal parts.
  WorkPtr alltoall_base(at::Tensor& output, at::Tensor& input,
                        std::vector<std::int64_t>& output_splits,
                        std::vector<std::int64_t>& input_splits,
                        const c10d::AllToAllOptions& options) override;
  // In the order of the calls, as send_receive.h has it.
  WorkPtr send(Tensors& tensors, int to, int tag) override;
  WorkPtr recv(Tensors& tensors, int from, int tag) override;
  WorkPtr barrier(const c10d::BarrierOptions& options) override;

  // Runs `call` in its turn among the collectives; it has the mesh to itself until it returns. What
  // the work's future gives is `results`.
  using Call = std::function<Result<void>(Communicator&)>;
  WorkPtr submit(Call call, Tensors results = {});

  // Fails what is queued and under way, here and on the peers.
  void abort() override;
  // Waits for what is queued; later calls throw.
  void shutdown() override;

 private:
  class QueuedWork;
  using Collective = std::function<Result<void>(Communicator&, std::string_view label)>;

  WorkPtr enqueue(c10d::OpType op, Tensors results, Collective collective);
  void run();
  c10::intrusive_ptr<QueuedWork> next_work();

  const std::unique_ptr<Communicator> communicator_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<c10::intrusive_ptr<QueuedWork>> queue_;
  bool stopping_ = false;
  std::string label_;
  std::thread thread_;  // Last: it uses all of the above.
};

// The backend of a process group that make_ring_process_group made.
RingBackend& ring_backend(c10d::ProcessGroup& group);

// A process group whose CPU collectives run over `communicator`; what c10d::Reducer takes.
c10::intrusive_ptr<c10d::ProcessGroup> make_ring_process_group(
    std::unique_ptr<Communicator> communicator);

}  // namespace dl::worker::collective
