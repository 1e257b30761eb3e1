// Calls to gRPC that a coroutine can wait for without holding up its thread.
//
// gRPC completes on threads of its own; what these return or resume runs on the executor of the
// coroutine that waits. All functions are called on that executor's one thread.

#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace dl::runtime::http {

using Message = google::protobuf::Message;
using Stub =
    grpc::TemplatedGenericStub<google::protobuf::MessageLite, google::protobuf::MessageLite>;

// One unary call. `request` and `response` live until it returns. A context's TryCancel() makes it
// return soon.
boost::asio::awaitable<grpc::Status> unary_call(Stub& stub, const std::string& method,
                                                grpc::ClientContext& context,
                                                const Message& request, Message& response);

// A server-streaming call that reads one message ahead and no more: a reader that is slow slows the
// service down.
class StreamCall : public std::enable_shared_from_this<StreamCall> {
 public:
  // What next() found.
  enum class Next { kMessage, kSilence, kEnd };

  static std::shared_ptr<StreamCall> start(boost::asio::any_io_executor executor, Stub& stub,
                                           const std::string& method,
                                           std::unique_ptr<grpc::ClientContext> context,
                                           std::unique_ptr<Message> request,
                                           std::unique_ptr<Message> response);
  ~StreamCall();

  // Waits for a message, for the end, or until it has been silent for `patience`.
  boost::asio::awaitable<Next> next(std::chrono::milliseconds patience);

  // After kMessage; until the next call of next().
  const Message& message() const { return *shown_; }
  // After kEnd.
  const grpc::Status& status() const { return *status_; }

  // Ends the call soon; next() then returns kEnd.
  void cancel();

 private:
  class Reactor;
  StreamCall(boost::asio::any_io_executor executor, std::unique_ptr<Message> response);

  void read();
  void on_read(bool ok);
  void on_done(grpc::Status status);

  boost::asio::any_io_executor executor_;
  boost::asio::steady_timer wake_;     // Cancelled when something has happened.
  std::unique_ptr<Message> arriving_;  // gRPC's while reading_.
  std::unique_ptr<Message> shown_;
  std::unique_ptr<Reactor> reactor_;
  std::optional<grpc::Status> status_;
  bool reading_ = false;
  bool arrived_ = false;  // arriving_ is a message nobody has taken.
  bool ended_ = false;    // There is nothing more to read.
};

}  // namespace dl::runtime::http
