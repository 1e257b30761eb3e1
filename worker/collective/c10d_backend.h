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

  // sum, avg, min and max of float64/32/16, bfloat16, int64/32 and uint8 (avg: floats only).
  WorkPtr allreduce(Tensors& tensors, const c10d::AllreduceOptions& options) override;
  WorkPtr allreduce_coalesced(Tensors& tensors,
                              const c10d::AllreduceCoalescedOptions& options) override;
  // Of any dtype, and so are the gathers.
  WorkPtr broadcast(Tensors& tensors, const c10d::BroadcastOptions& options) override;
  WorkPtr allgather(std::vector<Tensors>& outputs, Tensors& inputs,
                    const c10d::AllgatherOptions& options) override;
  WorkPtr _allgather_base(at::Tensor& output, at::Tensor& input,
                          const c10d::AllgatherOptions& options) override;
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
  using Collective = std::function<Result<void>(Communicator&)>;

  WorkPtr enqueue(c10d::OpType op, Tensors results, Collective collective);
  void run();
  c10::intrusive_ptr<QueuedWork> next_work();

  const std::unique_ptr<Communicator> communicator_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<c10::intrusive_ptr<QueuedWork>> queue_;
  bool stopping_ = false;
  std::thread thread_;  // Last: it uses all of the above.
};

// The backend of a process group that make_ring_process_group made.
RingBackend& ring_backend(c10d::ProcessGroup& group);

// A process group whose CPU collectives run over `communicator`; what c10d::Reducer takes.
c10::intrusive_ptr<c10d::ProcessGroup> make_ring_process_group(
    std::unique_ptr<Communicator> communicator);

}  // namespace dl::worker::collective
