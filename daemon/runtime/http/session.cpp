#include "daemon/runtime/http/session.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include "daemon/runtime/http/rest/sse.h"
#include "daemon/runtime/http/rest/transcode.h"

namespace dl::runtime::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using boost::system::error_code;

constexpr std::size_t kTargetBytesMax = 8192;
// What is read and thrown away after an early answer, so that the client gets to see it.
constexpr std::size_t kLingerBytesMax = 8 << 20;
constexpr std::chrono::seconds kLingerTime{2};

std::string text_of(beast::string_view text) { return {text.data(), text.size()}; }

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

// A proxy's "http://host/path" → "/path".
std::string origin_form(std::string target) {
  const std::size_t scheme = target.find("://");
  if (target.starts_with("/") || scheme == std::string::npos) return target;
  const std::size_t slash = target.find('/', scheme + 3);
  return slash == std::string::npos ? "/" : target.substr(slash);
}

// Takes the body out of `message`.
Request request_of(bhttp::request<bhttp::string_body>& message) {
  Request request{.method = text_of(message.method_string()),
                  .target = origin_form(text_of(message.target())),
                  .body = std::move(message.body()),
                  .authorization = text_of(message[bhttp::field::authorization]),
                  .idempotency_key = text_of(message["Idempotency-Key"]),
                  .last_event_id = text_of(message["Last-Event-ID"]),
                  .accept = text_of(message[bhttp::field::accept]),
                  .passed_on = {}};
  for (const auto& field : message) {
    const std::string name = lower(text_of(field.name_string()));
    if (name.starts_with("dl-") || name == "traceparent" || name == "x-request-id") {
      request.passed_on.emplace_back(name, text_of(field.value()));
    }
  }
  return request;
}

// What Beast says of bytes that are not HTTP, as a client should hear it.
Problem problem_of_bytes(const error_code& error, const Limits& limits) {
  if (error == bhttp::error::header_limit || error == bhttp::error::buffer_overflow) {
    return {431, Code::kInvalidArgument,
            "the header has more than " + std::to_string(limits.header_bytes_max) + " bytes"};
  }
  if (error == bhttp::error::body_limit) {
    return {413, Code::kInvalidArgument,
            "the body has more than " + std::to_string(limits.body_bytes_max) +
                " bytes; a document has at most 1 MiB"};
  }
  if (error == beast::error::timeout) {
    return {408, Code::kDeadlineExceeded, "the request did not arrive in time"};
  }
  return {400, Code::kInvalidArgument, "this is not an HTTP request: " + error.message()};
}

// Errors after which nobody is there to read an answer.
bool is_gone(const error_code& error) {
  return error == bhttp::error::end_of_stream || error == asio::error::eof ||
         error == asio::error::connection_reset || error == asio::error::operation_aborted ||
         error == asio::error::broken_pipe || error.category() == asio::error::get_ssl_category();
}

// Ends what a stream waits for when the time is up, and leaves it open, so that the client can be
// told why. (The stream's own timeout closes it.)
class ReadDeadline {
 public:
  ReadDeadline(beast::tcp_stream& stream, std::chrono::milliseconds patience)
      : timer_(stream.get_executor()), state_(std::make_shared<State>()) {
    stream.expires_never();
    timer_.expires_after(patience);
    timer_.async_wait([&stream, state = state_](const error_code& error) {
      if (error || state->over) return;
      state->passed = true;
      stream.cancel();
    });
  }
  ~ReadDeadline() { state_->over = true; }
  ReadDeadline(const ReadDeadline&) = delete;
  ReadDeadline& operator=(const ReadDeadline&) = delete;

  // `error` of a read, or a timeout when that is what it stands for.
  error_code reason(const error_code& error) const {
    return error && state_->passed ? error_code(beast::error::timeout) : error;
  }

 private:
  struct State {
    bool over = false;
    bool passed = false;
  };

  asio::steady_timer timer_;
  std::shared_ptr<State> state_;
};

template <class Stream>
class Session final : public Connection {
 public:
  Session(Stream stream, Gateway& gateway, Connections& connections)
      : stream_(std::move(stream)), gateway_(gateway), connections_(connections) {
    connections_.insert(this);
    ++gateway_.stats().connections;
  }
  ~Session() override {
    connections_.erase(this);
    --gateway_.stats().connections;
  }

  void close() override {
    closing_ = true;
    if (cancel_call_) cancel_call_();
    lowest().close();
  }

  asio::awaitable<void> run() {
    while (!closing_) {
      const bool keep = co_await serve_one();
      if (!keep) break;
    }
    co_await finish();
  }

  Stream& stream() { return stream_; }
  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }

 private:
  using Parser = bhttp::request_parser<bhttp::string_body>;

  const Limits& limits() const { return gateway_.options().limits; }

  // One request and its answer; false when the connection is to be closed.
  asio::awaitable<bool> serve_one() {
    head_ = false;
    version_ = 11;
    Parser parser;
    parser.header_limit(limits().header_bytes_max);
    parser.body_limit(limits().body_bytes_max);
    error_code error;
    {
      const ReadDeadline deadline(lowest(), limits().idle);
      co_await bhttp::async_read_header(stream_, buffer_, parser,
                                        asio::redirect_error(asio::use_awaitable, error));
      error = deadline.reason(error);
    }
    if (error) {
      const bool idle = error == beast::error::timeout && !parser.got_some();
      if (is_gone(error) || idle) co_return false;
      Problem problem = problem_of_bytes(error, limits());
      std::string target = text_of(parser.get().target());
      if (target.empty()) target = "/";
      co_await refuse(std::move(problem), std::move(target));
      co_return false;
    }
    head_ = parser.get().method() == bhttp::verb::head;
    version_ = parser.get().version();
    if (const auto problem = check_header(parser)) {
      co_await refuse(*problem, text_of(parser.get().target()));
      co_return false;
    }
    const bool read = co_await read_body(parser);
    if (!read) co_return false;
    const bool keep = parser.get().keep_alive();
    Reply reply = co_await gateway_.answer(
        request_of(parser.get()), [this](std::function<void()> cancel) { cancel_call_ = cancel; });
    if (reply.stream != nullptr) {
      co_await write_stream(std::move(reply));
      co_return false;
    }
    const bool written = co_await write(std::move(reply), keep);
    co_return (written && keep);
  }

  // What can be refused before the body has been read.
  std::optional<Problem> check_header(const Parser& parser) const {
    const auto& message = parser.get();
    if (message.target().size() > kTargetBytesMax) {
      return Problem{414, Code::kInvalidArgument, "the address has more than 8192 bytes"};
    }
    if (message.version() >= 11 && message[bhttp::field::host].empty()) {
      return Problem{400, Code::kInvalidArgument, "the header Host is missing"};
    }
    if (parser.content_length() && *parser.content_length() > limits().body_bytes_max) {
      return problem_of_bytes(bhttp::error::body_limit, limits());
    }
    if (!message[bhttp::field::content_encoding].empty()) {
      return Problem{415, Code::kInvalidArgument,
                     "a body of Content-Encoding " +
                         text_of(message[bhttp::field::content_encoding]) +
                         " is not understood; send it as it is"};
    }
    return std::nullopt;
  }

  asio::awaitable<bool> read_body(Parser& parser) {
    error_code error;
    lowest().expires_after(limits().body);
    if (beast::iequals(parser.get()[bhttp::field::expect], "100-continue")) {
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      co_await asio::async_write(stream_, asio::buffer(kContinue),
                                 asio::redirect_error(asio::use_awaitable, error));
    }
    if (!error) {
      const ReadDeadline deadline(lowest(), limits().body);
      co_await bhttp::async_read(stream_, buffer_, parser,
                                 asio::redirect_error(asio::use_awaitable, error));
      error = deadline.reason(error);
    }
    if (!error) co_return true;
    if (!is_gone(error)) {
      co_await refuse(problem_of_bytes(error, limits()), text_of(parser.get().target()));
    }
    co_return false;
  }

  // Answers without having read all of the request, then lets go of what still comes: closing a
  // socket with unread bytes would take the answer back.
  asio::awaitable<void> refuse(Problem problem, std::string target) {
    ++gateway_.stats().requests[{"refused", problem.status}];
    const bool written =
        co_await write(problem_reply(problem, target.substr(0, target.find('?'))), false);
    if (!written) co_return;
    error_code error;
    lowest().socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
    lowest().expires_after(kLingerTime);
    std::array<char, 16 << 10> waste{};
    for (std::size_t total = 0; !error && total < kLingerBytesMax;) {
      total += co_await lowest().async_read_some(asio::buffer(waste),
                                                 asio::redirect_error(asio::use_awaitable, error));
    }
  }

  template <class Body>
  void set_header(bhttp::response<Body>& message, const Reply& reply, bool keep) const {
    message.version(version_);
    message.result(static_cast<unsigned>(reply.status));
    message.reason(reply.status < 400 ? "OK" : status_title(reply.status));
    message.keep_alive(keep);
    message.set(bhttp::field::content_type, reply.content_type);
    message.set(bhttp::field::cache_control, "no-store");
    message.set("X-Content-Type-Options", "nosniff");
    for (const auto& [name, value] : reply.headers) message.set(name, value);
  }

  asio::awaitable<bool> write(Reply reply, bool keep) {
    error_code error;
    lowest().expires_after(limits().body);
    const std::size_t size = reply.body.size();
    if (head_) {
      bhttp::response<bhttp::empty_body> message;
      set_header(message, reply, keep);
      if (reply.content_type != kEventStreamType) message.content_length(size);
      co_await bhttp::async_write(stream_, message,
                                  asio::redirect_error(asio::use_awaitable, error));
    } else {
      bhttp::response<bhttp::string_body> message;
      set_header(message, reply, keep);
      message.body() = std::move(reply.body);
      message.content_length(size);
      co_await bhttp::async_write(stream_, message,
                                  asio::redirect_error(asio::use_awaitable, error));
    }
    co_return !error;
  }

  // Streams until the call ends or the client goes. HTTP/1.0 knows no chunks: there the end of the
  // connection is the end of the body.
  asio::awaitable<void> write_stream(Reply reply) {
    bhttp::response<bhttp::empty_body> message;
    set_header(message, reply, false);
    message.chunked(version_ >= 11);
    bhttp::response_serializer<bhttp::empty_body> serializer(message);
    error_code error;
    lowest().expires_after(limits().body);
    co_await bhttp::async_write_header(stream_, serializer,
                                       asio::redirect_error(asio::use_awaitable, error));
    ++gateway_.stats().streams;
    // Detects a client that goes, while the stream is silent.
    const auto watching = std::make_shared<bool>(true);
    lowest().expires_never();
    asio::co_spawn(
        stream_.get_executor(),
        [this, call = reply.stream, watching]() { return watch(call, watching); }, asio::detached);
    bool open = !error;
    for (StreamCall::Next next = reply.first; open;
         next = co_await reply.stream->next(limits().heartbeat)) {
      open = co_await write_piece(piece_of(reply, next));
      if (next == StreamCall::Next::kEnd) break;
    }
    reply.stream->cancel();
    cancel_call_ = {};
    if (open && version_ >= 11) {
      co_await asio::async_write(stream_, bhttp::make_chunk_last(),
                                 asio::redirect_error(asio::use_awaitable, error));
    }
    --gateway_.stats().streams;
    // The watcher uses this session: it ends before the session does.
    error_code ignored;
    lowest().socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    while (*watching) co_await asio::post(stream_.get_executor(), asio::use_awaitable);
  }

  asio::awaitable<void> watch(std::shared_ptr<StreamCall> call, std::shared_ptr<bool> watching) {
    std::array<char, 512> ignored{};
    error_code error;
    while (!error) {
      co_await stream_.async_read_some(asio::buffer(ignored),
                                       asio::redirect_error(asio::use_awaitable, error));
    }
    call->cancel();
    *watching = false;
  }

  static std::string piece_of(const Reply& reply, StreamCall::Next next) {
    const bool events = reply.form == StreamForm::kEvents;
    if (next == StreamCall::Next::kSilence) return events ? std::string(kHeartbeatFrame) : "";
    if (next == StreamCall::Next::kEnd) {
      const grpc::Status& status = reply.stream->status();
      if (!events) return "";
      if (status.ok()) return to_frame({.id = "", .type = "end", .data = "{}"});
      std::string problem = to_json(problem_of(status), "");
      problem.pop_back();  // The line break, which an event has no need of.
      return to_frame({.id = "", .type = "error", .data = std::move(problem)});
    }
    const Message& message = reply.stream->message();
    if (!events) {
      const auto* field = raw_data_field(*message.GetDescriptor());
      return message.GetReflection()->GetString(message, field);
    }
    const auto event = to_event(message);
    if (event) return to_frame(*event);
    return to_frame({.id = "", .type = "error", .data = event.error().message});
  }

  asio::awaitable<bool> write_piece(std::string piece) {
    if (piece.empty()) co_return true;
    error_code error;
    lowest().expires_after(limits().body);
    if (version_ >= 11) {
      co_await asio::async_write(stream_, bhttp::make_chunk(asio::buffer(piece)),
                                 asio::redirect_error(asio::use_awaitable, error));
    } else {
      co_await asio::async_write(stream_, asio::buffer(piece),
                                 asio::redirect_error(asio::use_awaitable, error));
    }
    lowest().expires_never();
    co_return !error;
  }

  asio::awaitable<void> finish() {
    error_code error;
    if constexpr (!std::is_same_v<Stream, beast::tcp_stream>) {
      lowest().expires_after(kLingerTime);
      co_await stream_.async_shutdown(asio::redirect_error(asio::use_awaitable, error));
    }
    lowest().socket().shutdown(asio::ip::tcp::socket::shutdown_both, error);
  }

  Stream stream_;
  Gateway& gateway_;
  Connections& connections_;
  beast::flat_buffer buffer_{64 << 10};
  std::function<void()> cancel_call_;
  bool closing_ = false;
  bool head_ = false;
  unsigned version_ = 11;
};

}  // namespace

asio::awaitable<void> serve(asio::ip::tcp::socket socket, asio::ssl::context* tls, Gateway& gateway,
                            Connections& connections) {
  error_code error;
  socket.set_option(asio::ip::tcp::no_delay(true), error);
  if (tls == nullptr) {
    Session<beast::tcp_stream> session(beast::tcp_stream(std::move(socket)), gateway, connections);
    co_await session.run();
    co_return;
  }
  using TlsStream = beast::ssl_stream<beast::tcp_stream>;
  Session<TlsStream> session(TlsStream(beast::tcp_stream(std::move(socket)), *tls), gateway,
                             connections);
  session.lowest().expires_after(gateway.options().limits.body);
  co_await session.stream().async_handshake(asio::ssl::stream_base::server,
                                            asio::redirect_error(asio::use_awaitable, error));
  if (!error) co_await session.run();
}

asio::awaitable<void> refuse(asio::ip::tcp::socket socket, Gateway& gateway) {
  ++gateway.stats().connections_refused;
  beast::tcp_stream stream(std::move(socket));
  stream.expires_after(kLingerTime);
  const Reply reply =
      problem_reply({503, Code::kUnavailable, "too many connections; try again in a moment"}, "/");
  bhttp::response<bhttp::string_body> message(bhttp::status::service_unavailable, 11);
  message.keep_alive(false);
  message.set(bhttp::field::content_type, reply.content_type);
  for (const auto& [name, value] : reply.headers) message.set(name, value);
  message.body() = reply.body;
  message.prepare_payload();
  error_code error;
  co_await bhttp::async_write(stream, message, asio::redirect_error(asio::use_awaitable, error));
  stream.socket().shutdown(asio::ip::tcp::socket::shutdown_both, error);
}

}  // namespace dl::runtime::http
