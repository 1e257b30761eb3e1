// What workers talk to: TaskService on the agent's Unix socket. Each worker has a stream for its
// reports, and gets its acknowledgements by it.

#pragma once

#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "dl/v1/agent.grpc.pb.h"

namespace dl::runtime::agent {

// One worker's stream. Reads one message at a time: the next one when it is asked for, so that a
// worker cannot be faster than its coordinator.
class WorkerStream {
 public:
  virtual ~WorkerStream() = default;
  virtual std::uint64_t serial() const = 0;  // Later streams have higher ones.
  virtual void read_next() = 0;
  virtual void acknowledge(std::uint64_t number) = 0;
  virtual void close(const grpc::Status& status) = 0;
};

class TaskServer {
 public:
  // Called from gRPC's threads, one at a time for each stream. The first report is read unasked.
  struct Handlers {
    std::function<void(const std::shared_ptr<WorkerStream>&, v1::TaskReport)> report;
    std::function<void(const std::shared_ptr<WorkerStream>&)> closed;  // Once, last.
  };

  // Listens on `socket`, which only this user may open.
  static Result<std::unique_ptr<TaskServer>> start(const std::filesystem::path& socket,
                                                   Handlers handlers);
  ~TaskServer();

 private:
  class Service;
  explicit TaskServer(Handlers handlers);

  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

// `preferred`, or, where that is longer than a socket's name may be, one in the temporary folder
// that is the same each time.
std::filesystem::path socket_path(const std::filesystem::path& preferred);

}  // namespace dl::runtime::agent
