// Bytes that are not HTTP, or are it in a way that could hurt.

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <thread>

#include "daemon/runtime/http/testing/test_server.h"

namespace dl::runtime::http {
namespace {

using namespace testing;
using namespace std::chrono_literals;

const std::string kAuthorized = "Host: t\r\nAuthorization: Bearer " + kToken + "\r\n";

// The server still answers others.
void check_alive(const TestServer& server) {
  CHECK(status_of(exchange(server.port(), request_text("GET", "/v1/jobs/42"))) == 200);
}

TEST_CASE("what is not HTTP is answered 400 and ends the connection", "[http]") {
  const TestServer server;
  const char* wrong[] = {
      "nonsense\r\n\r\n",
      "GET /v1/jobs\r\n\r\n",
      "GET /v1/jobs HTTP/9.9\r\nHost: t\r\n\r\n",
      "GET /v1/jobs HTTP/1.1\r\nHo st: t\r\n\r\n",
      "GET /v1/jobs HTTP/1.1\r\nHost t\r\n\r\n",
      "GET /v1/jobs HTTP/1.1\r\nAccept: */*\r\n\r\n",
      "POST /v1/jobs HTTP/1.1\r\nHost: t\r\nContent-Length: -5\r\n\r\nname",
      "POST /v1/jobs HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999999999999\r\n\r\nx",
      "POST /v1/jobs HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nname",
      "POST /v1/jobs HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n"
      "\r\n0\r\n\r\n",
      "POST /v1/jobs HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nname\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS client\r\n\r\n",
  };
  for (const char* bytes : wrong) {
    CAPTURE(bytes);
    const std::string answer = exchange(server.port(), bytes);
    CHECK(status_of(answer) == 400);
    CHECK(answer.find("Connection: close\r\n") != std::string::npos);
    CHECK(answer.find("Content-Type: application/problem+json\r\n") != std::string::npos);
  }
  check_alive(server);
}

TEST_CASE("a body shorter than its length starts nothing", "[http]") {
  const TestServer server;
  boost::asio::io_context loop;
  boost::asio::ip::tcp::socket socket(loop);
  socket.connect({boost::asio::ip::address_v4::loopback(), server.port()});
  boost::asio::write(socket, boost::asio::buffer("POST /v1/jobs HTTP/1.1\r\n" + kAuthorized +
                                                 "Content-Length: 100\r\n\r\nname: a\n"));
  socket.shutdown(boost::asio::ip::tcp::socket::shutdown_send);
  std::string answer(1024, '\0');
  boost::system::error_code error;
  answer.resize(socket.read_some(boost::asio::buffer(answer), error));
  CHECK(status_of(answer) == 400);
  CHECK(exchange(server.port(), request_text("POST", "/v1/jobs", "name: b\n")).find("\"43\"") !=
        std::string::npos);
}

TEST_CASE("limits are kept before anything is read beyond them", "[http]") {
  const TestServer server;
  const std::string header =
      exchange(server.port(),
               request_text("GET", "/v1/jobs/42", "", "X: " + std::string(20000, 'x') + "\r\n"));
  CHECK(status_of(header) == 431);
  CHECK(body_of(header).find("the header has more than 16384 bytes") != std::string::npos);
  const std::string target =
      exchange(server.port(), request_text("GET", "/v1/jobs/" + std::string(9000, 'x')));
  CHECK(status_of(target) == 414);
  // Announced, and not sent: the answer comes at once.
  const std::string announced =
      exchange(server.port(),
               "POST /v1/jobs HTTP/1.1\r\n" + kAuthorized +
                   "Expect: 100-continue\r\nContent-Length: 2097152\r\n\r\n",
               "1 MiB");
  CHECK(status_of(announced) == 413);
  // Without a length, it is noticed on the way.
  std::string chunks;
  for (int i = 0; i < 40; ++i) chunks += "10000\r\n" + std::string(65536, 'x') + "\r\n";
  const std::string chunked =
      exchange(server.port(), "POST /v1/jobs HTTP/1.1\r\n" + kAuthorized +
                                  "Transfer-Encoding: chunked\r\n\r\n" + chunks + "0\r\n\r\n");
  CHECK(status_of(chunked) == 413);
  check_alive(server);
}

TEST_CASE("a document of one MiB in chunks is taken", "[http]") {
  const TestServer server;
  std::string chunks;
  for (int i = 0; i < 16; ++i) chunks += "10000\r\n" + std::string(65536, '#') + "\r\n";
  const std::string answer =
      exchange(server.port(), "POST /v1/jobs HTTP/1.1\r\nConnection: close\r\n" + kAuthorized +
                                  "Transfer-Encoding: chunked\r\n\r\n" + chunks + "0\r\n\r\n");
  CHECK(status_of(answer) == 200);
}

TEST_CASE("a client that waits for the go-ahead gets it", "[http]") {
  const TestServer server;
  const std::string answer =
      exchange(server.port(), "POST /v1/jobs HTTP/1.1\r\nConnection: close\r\n" + kAuthorized +
                                  "Expect: 100-continue\r\nContent-Length: 8\r\n\r\nname: a\n");
  CHECK(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
}

TEST_CASE("who sends too slowly is let go", "[http]") {
  HttpOptions options;
  options.limits.body = 50ms;
  options.limits.idle = 50ms;
  const TestServer server(std::move(options));
  const std::string body = exchange(
      server.port(), "POST /v1/jobs HTTP/1.1\r\n" + kAuthorized + "Content-Length: 8\r\n\r\nname");
  CHECK(status_of(body) == 408);
  CHECK(body_of(body).find("the request did not arrive in time") != std::string::npos);
  CHECK(status_of(exchange(server.port(), "GET /v1/jo")) == 408);
  CHECK(exchange(server.port(), "").empty());
  check_alive(server);
}

TEST_CASE("one connection too many is told so, and the others go on", "[http]") {
  HttpOptions options;
  options.limits.connections_max = 2;
  const TestServer server(std::move(options));
  boost::asio::io_context loop;
  std::vector<boost::asio::ip::tcp::socket> sockets;
  for (int i = 0; i < 2; ++i) {
    sockets.emplace_back(loop).connect({boost::asio::ip::address_v4::loopback(), server.port()});
    boost::asio::write(sockets.back(),
                       boost::asio::buffer("GET /livez HTTP/1.1\r\nHost: t\r\n\r\n"));
    std::string answer(1024, '\0');
    answer.resize(sockets.back().read_some(boost::asio::buffer(answer)));
    CHECK(status_of(answer) == 200);
  }
  const std::string refused = exchange(server.port(), "");
  CHECK(status_of(refused) == 503);
  CHECK(refused.find("Retry-After: 1\r\n") != std::string::npos);
  sockets.clear();
  int status = 503;
  for (int i = 0; i < 1000 && status == 503; ++i) {
    status = status_of(exchange(server.port(), request_text("GET", "/v1/jobs/42")));
    std::this_thread::sleep_for(1ms);
  }
  CHECK(status == 200);
}

}  // namespace
}  // namespace dl::runtime::http
