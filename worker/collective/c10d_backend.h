// PyTorch's distributed interface over our collectives: c10d::Reducer and whoever else speaks
// ProcessGroup work on CPU tensors without knowing whose ring carries them.
//
// Calls are queued and run in order by a thread of the backend's own, so gradients of one bucket
// travel while the next is computed. A failed collective throws c10::DistBackendError, from
// Work::wait and from the future, that carries the rank, the peer and the cause; every later call
// fails with the same error, as the ranks no longer agree on what comes next.
//
// Tensors are dense, contiguous and on the CPU; any other is refused by name before it is queued.

#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "worker/collective/communicator.h"

namespace dl::worker::collective {

using Tensors = std::vector<at::Tensor>;
using WorkPtr = c10::intrusive_ptr<c10d::Work>;

class RingBackend final : public c10d::Backend {
 public:
  explicit RingBackend(std::unique_ptr<Communicator> communicator);
  // Runs what is queued, then says farewell to the peers.
  ~RingBackend() override;

  const std::string getBackendName() const override { return "dl_ring"; }

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

  // Fails what is queued and under way, here and on the peers.
  void abort() override;
  // Waits for what is queued; later calls throw.
  void shutdown() override;

 private:
  class QueuedWork;
  using Collective = std::function<Result<void>(Communicator&)>;

  WorkPtr enqueue(c10d::OpType op, Tensors results, Collective collective);
  void run();

  const std::unique_ptr<Communicator> communicator_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<c10::intrusive_ptr<QueuedWork>> queue_;
  bool stopping_ = false;
  std::thread thread_;  // Last: it uses all of the above.
};

// A process group whose CPU collectives run over `communicator`; what c10d::Reducer takes.
c10::intrusive_ptr<c10d::ProcessGroup> make_ring_process_group(
    std::unique_ptr<Communicator> communicator);

}  // namespace dl::worker::collective
