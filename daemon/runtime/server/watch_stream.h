// One client that watches a job: what has happened, from the database, then what happens.
//
// Everything that is committed is read from the database, also what is new: the hub only says
// that there is something. So memory does not grow with a slow client, nothing is missed, and no
// event comes twice. It ends once the job has ended and its last event is sent.

#pragma once

#include <grpcpp/grpcpp.h>

#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <mutex>

#include "daemon/runtime/journal/history.h"
#include "daemon/runtime/server/event_hub.h"
#include "dl/v1/jobs.pb.h"

namespace dl::runtime::server {

class WatchStream final : public grpc::ServerWriteReactor<v1::JobEvent>,
                          public std::enable_shared_from_this<WatchStream> {
 public:
  struct Services {
    journal::History& history;
    EventHub& hub;
    boost::asio::thread_pool& pool;
  };
  static std::shared_ptr<WatchStream> make(Services services);

  // Begins with the events after `after`; without `follow` it ends at the present. `batch_size` is
  // the job's, for the time to go.
  void begin(JobId job, std::uint64_t after, bool follow, std::uint32_t batch_size);
  // Ends the stream, at any time.
  void end(const grpc::Status& status);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  explicit WatchStream(Services services) : services_(services) {}
  void on_news(const std::shared_ptr<const v1::JobEvent>& progress);
  // Sends the next event or looks for more, unless either is under way.
  void go_on(std::unique_lock<std::mutex>& lock);
  void read_more();
  void finish(std::unique_lock<std::mutex>& lock, const grpc::Status& status);

  const Services services_;
  JobId job_;
  bool follow_ = false;
  std::uint32_t batch_size_ = 0;
  std::shared_ptr<EventHub::Subscription> subscription_;

  std::mutex mutex_;
  bool reading_ = false;  // The database.
  bool writing_ = false;
  bool news_ = false;  // Something was committed since the last read.
  bool finished_ = false;
  std::optional<grpc::Status> end_;  // Finish with it after the write that is under way.
  std::uint64_t after_ = 0;
  std::vector<journal::StoredEvent> page_;        // To be sent, in reverse order.
  std::shared_ptr<const v1::JobEvent> progress_;  // The newest, not sent yet.
  v1::JobEvent outgoing_;
  std::shared_ptr<WatchStream> self_;  // Until gRPC is done with it.
};

}  // namespace dl::runtime::server
