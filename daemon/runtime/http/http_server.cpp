#include "daemon/runtime/http/http_server.h"

#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <thread>

#include "daemon/runtime/http/session.h"

namespace dl::runtime::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// Nobody waits for a connection's coroutine, so this is where an exception of the libraries ends.
void log_exception(std::exception_ptr exception) {
  if (!exception) return;
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    spdlog::error("http: {}", error.what());
  }
}

Error listen_error(const Address& address, const error_code& error) {
  if (error == asio::error::address_in_use) {
    return {Code::kFailedPrecondition, "listen on " + to_string(address) +
                                           " for HTTP: the port is in use; set http_listen to "
                                           "another one, or stop who has it"};
  }
  return {Code::kFailedPrecondition,
          "listen on " + to_string(address) + " for HTTP: " + error.message()};
}

Result<std::optional<asio::ssl::context>> make_tls(const TlsFiles& files) {
  if (!files.enabled()) return std::optional<asio::ssl::context>();
  DL_TRY(const TlsIdentity identity, read_tls_files(files));
  asio::ssl::context tls(asio::ssl::context::tls_server);
  error_code error;
  tls.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                  asio::ssl::context::no_tlsv1_1 | asio::ssl::context::no_compression);
  tls.use_certificate_chain(asio::buffer(identity.certificate_pem), error);
  if (!error) tls.use_private_key(asio::buffer(identity.key_pem), asio::ssl::context::pem, error);
  if (error) return Error{Code::kFailedPrecondition, "TLS for HTTP: " + error.message()};
  return std::optional<asio::ssl::context>(std::move(tls));
}

}  // namespace

struct HttpServer::Impl {
  Impl(HttpOptions http_options, RouteTable routes, std::optional<asio::ssl::context> tls_context)
      : gateway(std::move(http_options), std::move(routes)), tls(std::move(tls_context)) {}

  Result<void> listen();
  asio::awaitable<void> accept();
  void stop();

  asio::io_context loop{1};
  Gateway gateway;
  std::optional<asio::ssl::context> tls;
  Connections connections;
  tcp::acceptor acceptor{loop};
  asio::steady_timer pause{loop};
  Address address;
  std::thread thread;
};

Result<void> HttpServer::Impl::listen() {
  address = gateway.options().address;
  error_code error;
  tcp::resolver resolver(loop);
  const auto found =
      resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::passive, error);
  if (error || found.empty()) return listen_error(address, error);
  const tcp::endpoint endpoint = found.begin()->endpoint();
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return listen_error(address, error);
  address.port = acceptor.local_endpoint(error).port();
  return {};
}

asio::awaitable<void> HttpServer::Impl::accept() {
  while (acceptor.is_open()) {
    error_code error;
    tcp::socket socket =
        co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      // Out of descriptors, as a rule: trying at once would only burn the processor.
      spdlog::warn("http: accept: {}", error.message());
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
    } else if (connections.size() >= gateway.options().limits.connections_max) {
      asio::co_spawn(loop, refuse(std::move(socket), gateway), log_exception);
    } else {
      asio::co_spawn(loop, serve(std::move(socket), tls ? &*tls : nullptr, gateway, connections),
                     log_exception);
    }
  }
}

void HttpServer::Impl::stop() {
  if (!thread.joinable()) return;
  asio::post(loop, [this] {
    error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
    for (Connection* connection : connections) connection->close();
  });
  thread.join();
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() { stop(); }

Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpOptions options) {
  DL_CHECK(check_listen(options.address,
                        {.tls = options.tls.enabled(), .token = !options.token.empty()}));
  DL_TRY(RouteTable routes, RouteTable::make(options.services));
  DL_TRY(auto tls, make_tls(options.tls));
  auto impl = std::make_unique<Impl>(std::move(options), std::move(routes), std::move(tls));
  DL_CHECK(impl->listen());
  asio::co_spawn(impl->loop, impl->accept(), log_exception);
  impl->thread = std::thread([&loop = impl->loop] { loop.run(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

const Address& HttpServer::address() const { return impl_->address; }

void HttpServer::stop() { impl_->stop(); }

}  // namespace dl::runtime::http
