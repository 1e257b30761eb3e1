#include "daemon/runtime/http/grpc_call.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace dl::runtime::http {

namespace asio = boost::asio;
using google::protobuf::MessageLite;

asio::awaitable<grpc::Status> unary_call(Stub& stub, const std::string& method,
                                         grpc::ClientContext& context, const Message& request,
                                         Message& response) {
  auto start = [&](auto handler) {
    auto executor = asio::get_associated_executor(handler);
    // gRPC wants a copyable function; the work guard keeps the loop running until it is called.
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    auto work = std::make_shared<decltype(asio::make_work_guard(executor))>(
        asio::make_work_guard(executor));
    stub.UnaryCall(&context, method, grpc::StubOptions(), &request, &response,
                   [executor, shared, work](grpc::Status status) {
                     asio::post(executor, [shared, work, status = std::move(status)]() mutable {
                       std::move (*shared)(std::move(status));
                     });
                   });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(grpc::Status)>(
      start, asio::use_awaitable);
}

// gRPC's side. It keeps the call alive until OnDone, the last thing gRPC says.
class StreamCall::Reactor : public grpc::ClientBidiReactor<MessageLite, MessageLite> {
 public:
  Reactor(std::shared_ptr<StreamCall> call, std::unique_ptr<grpc::ClientContext> context,
          std::unique_ptr<Message> request)
      : call_(std::move(call)),
        work_(asio::make_work_guard(call_->executor_)),
        context_(std::move(context)),
        request_(std::move(request)) {}

  void start(Stub& stub, const std::string& method) {
    stub.PrepareBidiStreamingCall(context_.get(), method, grpc::StubOptions(), this);
    // Reads are started from outside of gRPC's callbacks, which a hold allows.
    AddHold();
    StartWriteLast(request_.get(), grpc::WriteOptions());
    StartCall();
  }

  void release() {
    if (std::exchange(held_, false)) RemoveHold();
  }

  void cancel() { context_->TryCancel(); }

  void OnReadDone(bool ok) override {
    asio::post(call_->executor_, [call = call_, ok] { call->on_read(ok); });
  }

  void OnDone(const grpc::Status& status) override {
    // The last references leave with the handler: the call ends on the loop's thread.
    const asio::any_io_executor executor = call_->executor_;
    asio::post(executor, [call = std::move(call_), work = std::move(work_), status] {
      call->on_done(status);
    });
  }

 private:
  std::shared_ptr<StreamCall> call_;
  asio::executor_work_guard<asio::any_io_executor> work_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<Message> request_;
  bool held_ = true;
};

StreamCall::StreamCall(asio::any_io_executor executor, std::unique_ptr<Message> response)
    : executor_(executor), wake_(executor), arriving_(std::move(response)) {
  shown_.reset(arriving_->New());
}

StreamCall::~StreamCall() = default;

std::shared_ptr<StreamCall> StreamCall::start(asio::any_io_executor executor, Stub& stub,
                                              const std::string& method,
                                              std::unique_ptr<grpc::ClientContext> context,
                                              std::unique_ptr<Message> request,
                                              std::unique_ptr<Message> response) {
  std::shared_ptr<StreamCall> call(new StreamCall(std::move(executor), std::move(response)));
  call->reactor_ = std::make_unique<Reactor>(call, std::move(context), std::move(request));
  call->reactor_->start(stub, method);
  call->read();
  return call;
}

void StreamCall::read() {
  reading_ = true;
  reactor_->StartRead(arriving_.get());
}

void StreamCall::on_read(bool ok) {
  reading_ = false;
  arrived_ = ok && !ended_;
  ended_ = ended_ || !ok;
  if (ended_) reactor_->release();
  wake_.cancel();
}

void StreamCall::on_done(grpc::Status status) {
  status_ = std::move(status);
  wake_.cancel();
}

void StreamCall::cancel() {
  if (status_) return;
  ended_ = true;
  arrived_ = false;
  reactor_->cancel();
  if (!reading_) reactor_->release();
}

asio::awaitable<StreamCall::Next> StreamCall::next(std::chrono::milliseconds patience) {
  const auto self = shared_from_this();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (true) {
    if (arrived_) {
      arrived_ = false;
      std::swap(arriving_, shown_);
      read();
      co_return Next::kMessage;
    }
    if (status_) co_return Next::kEnd;
    if (std::chrono::steady_clock::now() >= deadline) co_return Next::kSilence;
    boost::system::error_code woken;
    wake_.expires_at(deadline);
    co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

}  // namespace dl::runtime::http
