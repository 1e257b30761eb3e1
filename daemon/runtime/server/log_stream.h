// One client that reads the output of a job's tasks, several at once, mixed as it comes.
//
// With `follow` it waits for a job that has not started, and goes on with the next attempt after a
// restart; it ends when the job has. A task on a node that is away ends with an error, after the
// output of the others.

#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <mutex>
#include <set>

#include "daemon/runtime/server/event_hub.h"
#include "daemon/runtime/server/job_lookup.h"
#include "daemon/runtime/server/log_relay.h"
#include "dl/v1/jobs.pb.h"

namespace dl::runtime::server {

class LogStream final : public grpc::ServerWriteReactor<v1::LogChunk>,
                        public std::enable_shared_from_this<LogStream> {
 public:
  struct Services {
    JobLookup& lookup;
    LogRelay& relay;
    EventHub& hub;
  };
  static std::shared_ptr<LogStream> make(Services services, v1::ReadLogsRequest request);

  void begin();
  void end(const grpc::Status& status);

  void OnWriteDone(bool ok) override;
  void OnCancel() override { end({grpc::StatusCode::CANCELLED, "the client has gone"}); }
  void OnDone() override;

 private:
  struct Chunk {
    v1::LogChunk message;
    std::uint64_t request = 0;  // Of the relay.
  };
  // What one look at the job came to.
  struct Selection {
    AttemptId attempt;
    std::vector<std::pair<TaskId, NodeId>> tasks;  // To be opened; empty: nothing new yet.
    bool ended = false;                            // Nothing more will come after these.
  };

  LogStream(Services services, v1::ReadLogsRequest request);
  void look();  // At the job, again.
  void on_view(const Result<JobView>& view);
  Result<Selection> select(const JobView& view) const;
  void open(const Selection& selection);
  void on_data(const TaskId& task, const v1::LogData& data);
  void task_ended(std::unique_lock<std::mutex>& lock, const std::string& error);
  void go_on(std::unique_lock<std::mutex>& lock);
  void finish(std::unique_lock<std::mutex>& lock, const grpc::Status& status);

  const Services services_;
  v1::ReadLogsRequest request_;
  std::shared_ptr<EventHub::Subscription> subscription_;

  std::mutex mutex_;
  std::uint32_t attempt_ = 0;  // Whose output was opened last.
  bool looking_ = false;
  bool look_again_ = false;
  bool job_ended_ = false;
  std::size_t open_ = 0;              // Tasks whose output has not ended.
  std::set<std::uint64_t> requests_;  // Of the relay, to be cancelled at the end.
  std::deque<Chunk> chunks_;          // The first one is being written if writing_.
  std::uint64_t chunk_bytes_ = 0;
  bool writing_ = false;
  bool finished_ = false;
  std::string first_error_;
  std::optional<grpc::Status> end_;
  std::shared_ptr<LogStream> self_;  // Until gRPC is done with it.
};

}  // namespace dl::runtime::server
