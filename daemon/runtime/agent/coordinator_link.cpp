#include "daemon/runtime/agent/coordinator_link.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <deque>
#include <mutex>

#include "base/log.h"
#include "daemon/runtime/security/credentials.h"
#include "daemon/runtime/security/token.h"
#include "dl/v1/agent.grpc.pb.h"

namespace dl::runtime::agent {

// One stream. gRPC's threads come in by the On… methods and leave by posting to the loop.
class CoordinatorLink::Stream final : public grpc::ClientBidiReactor<v1::FromAgent, v1::ToAgent>,
                                      public std::enable_shared_from_this<Stream> {
 public:
  struct Handlers {
    std::function<void(std::function<void()>)> post;
    std::function<void(const Stream*, const v1::ToAgent&)> message;
    std::function<void(const Stream*, const std::string&)> end;
  };

  Stream(std::shared_ptr<grpc::Channel> channel, std::string_view token, Handlers handlers)
      : handlers_(std::move(handlers)), stub_(v1::AgentService::NewStub(std::move(channel))) {
    if (!token.empty()) add_bearer(context_, token);
  }

  void start() {
    self_ = shared_from_this();
    stub_->async()->Connect(&context_, this);
    StartRead(&incoming_);
    AddHold();  // Writes are begun from outside: the stream must not end under them.
    StartCall();
  }

  void send(v1::FromAgent message, std::function<void()> written) {
    const std::lock_guard lock(mutex_);
    if (broken_) return;
    queue_.push_back({std::move(message), std::move(written)});
    if (queue_.size() == 1) StartWrite(&queue_.front().message);
    // A coordinator that takes nothing for so long is dialled anew.
    if (queue_.size() > kQueueMax) context_.TryCancel();
  }

  void cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      std::unique_lock lock(mutex_);
      broken_ = true;
      return release_if_idle(lock);
    }
    handlers_.post([self = self_, message = std::move(incoming_)] {
      self->handlers_.message(self.get(), message);
    });
    incoming_.Clear();
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    // After a broken write the reads end as well, and with them the stream.
    if (!ok) context_.TryCancel();
    std::unique_lock lock(mutex_);
    auto written = std::move(queue_.front().written);
    queue_.pop_front();
    if (broken_) {
      queue_.clear();
      return release_if_idle(lock);
    }
    if (!queue_.empty()) StartWrite(&queue_.front().message);
    lock.unlock();
    if (ok && written) handlers_.post(std::move(written));
  }

  void OnDone(const grpc::Status& status) override {
    std::string reason =
        status.ok() ? "the coordinator has closed the connection" : status.error_message();
    handlers_.post([self = std::move(self_), reason = std::move(reason)] {
      self->handlers_.end(self.get(), reason);
    });
  }

 private:
  struct Outgoing {
    v1::FromAgent message;
    std::function<void()> written;
  };

  // No read follows, and when no write is under way none will.
  void release_if_idle(std::unique_lock<std::mutex>& lock) {
    if (!queue_.empty() || released_) return;
    released_ = true;
    lock.unlock();
    RemoveHold();
  }

  static constexpr std::size_t kQueueMax = 10'000;

  const Handlers handlers_;
  std::unique_ptr<v1::AgentService::Stub> stub_;
  grpc::ClientContext context_;
  v1::ToAgent incoming_;
  std::shared_ptr<Stream> self_;  // Until gRPC is done with it.

  std::mutex mutex_;
  std::deque<Outgoing> queue_;  // The first one is being written.
  bool broken_ = false;         // Reads have ended.
  bool released_ = false;
};

CoordinatorLink::CoordinatorLink(boost::asio::io_context& loop, LinkOptions options,
                                 Callbacks callbacks)
    : loop_(loop),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      timer_(loop),
      backoff_(options_.backoff_min) {}

CoordinatorLink::~CoordinatorLink() { stop(); }

void CoordinatorLink::start() { dial(); }

void CoordinatorLink::stop() {
  stopped_ = true;
  timer_.cancel();
  if (stream_) stream_->cancel();
}

void CoordinatorLink::send(v1::FromAgent message, std::function<void()> written) {
  if (stream_) stream_->send(std::move(message), std::move(written));
}

void CoordinatorLink::dial() {
  if (stopped_) return;
  auto stream = open();
  if (!stream) return retry(stream.error().message);
  stream_ = *std::move(stream);
  stream_->start();
  callbacks_.up();
}

Result<std::shared_ptr<CoordinatorLink::Stream>> CoordinatorLink::open() {
  DL_TRY(const auto token, read_token(options_.token_file));
  DL_TRY(const auto credentials, channel_credentials(options_.tls_ca));
  grpc::ChannelArguments arguments;
  // A channel of our own for each try: gRPC's back-off would come on top of ours.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  // A coordinator that is gone without a word is noticed within 15 seconds.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  auto channel = grpc::CreateCustomChannel(options_.coordinator, credentials, arguments);
  return std::make_shared<Stream>(
      std::move(channel), token,
      Stream::Handlers{
          .post = [this](auto work) { boost::asio::post(loop_, std::move(work)); },
          .message = [this](const Stream* stream,
                            const auto& message) { on_message(stream, message); },
          .end = [this](const Stream* stream, const auto& reason) { on_end(stream, reason); }});
}

void CoordinatorLink::on_message(const Stream* stream, const v1::ToAgent& message) {
  if (stream != stream_.get()) return;
  if (message.has_welcome()) {
    backoff_ = options_.backoff_min;
    last_reason_.clear();
  }
  callbacks_.message(message);
}

void CoordinatorLink::on_end(const Stream* stream, const std::string& reason) {
  if (stream != stream_.get()) return;
  stream_.reset();
  callbacks_.down();
  retry(reason);
}

void CoordinatorLink::retry(const std::string& reason) {
  if (stopped_) return;
  if (reason != last_reason_) {
    spdlog::warn("no coordinator at {}: {}; trying on, tasks go on", options_.coordinator, reason);
    last_reason_ = reason;
  }
  // Between a half and the whole of the back-off.
  std::uniform_int_distribution<std::int64_t> spread(backoff_.count() / 2, backoff_.count());
  timer_.expires_after(std::chrono::milliseconds(spread(random_)));
  timer_.async_wait([this](auto error) {
    if (!error) dial();
  });
  backoff_ = std::min(2 * backoff_, options_.backoff_max);
}

}  // namespace dl::runtime::agent
