// REST against a real gRPC server, over real sockets.

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <thread>

#include "daemon/runtime/http/testing/test_server.h"

namespace dl::runtime::http {
namespace {

using namespace testing;
using namespace std::chrono_literals;

std::string problem(const std::string& answer) {
  const auto document = boost::json::parse(body_of(answer)).as_object();
  CHECK(document.at("status").as_int64() == status_of(answer));
  return std::string(document.at("code").as_string()) + ": " +
         std::string(document.at("detail").as_string());
}

template <class Condition>
bool comes_true(Condition condition) {
  for (int i = 0; i < 5000 && !condition(); ++i) std::this_thread::sleep_for(1ms);
  return condition();
}

TEST_CASE("a job is submitted as YAML and read as JSON", "[http]") {
  TestServer server;
  const std::string made = exchange(server.port(), request_text("POST", "/v1/jobs", "name: a\n"));
  CHECK(status_of(made) == 200);
  CHECK(body_of(made) == "{\"job\":\"43\",\"name\":\"test\"}\n");
  CHECK(made.find("Content-Type: application/json\r\n") != std::string::npos);
  const std::string job = exchange(server.port(), request_text("GET", "/v1/jobs/42"));
  CHECK(status_of(job) == 200);
  CHECK(job.find("\"state\":\"JOB_STATE_RUNNING\"") != std::string::npos);
  const std::string cancelled =
      exchange(server.port(), request_text("POST", "/v1/jobs/42:cancel", "{\"kill\":true}"));
  CHECK(body_of(cancelled) == "{}\n");
}

TEST_CASE("a retried submit is one job", "[http]") {
  TestServer server;
  const auto submit = [&](const std::string& document) {
    return exchange(server.port(),
                    request_text("POST", "/v1/jobs", document, "Idempotency-Key: night-1\r\n"));
  };
  const std::string first = submit("name: a\n");
  CHECK(boost::json::parse(body_of(first)).at("job") == "43");
  CHECK(boost::json::parse(body_of(submit("name: a\n"))).at("job") == "43");
  const std::string other = submit("name: b\n");
  CHECK(status_of(other) == 409);
  CHECK(problem(other) == "ALREADY_EXISTS: this idempotency key was used with another document");
}

TEST_CASE("many requests on one connection are answered in order", "[http]") {
  TestServer server;
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    const std::string target = i % 2 == 0 ? "/v1/jobs/42" : "/v1/jobs/" + std::to_string(1000 + i);
    requests += "GET " + target + " HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer " + kToken +
                "\r\n" + (i == 49 ? "Connection: close\r\n" : "") + "\r\n";
  }
  const std::string answers = exchange(server.port(), requests);
  std::size_t at = 0;
  for (int i = 1; i < 50; i += 2) {
    at = answers.find("there is no job " + std::to_string(1000 + i), at);
    REQUIRE(at != std::string::npos);
  }
}

TEST_CASE("HEAD answers as GET does, without the body", "[http]") {
  TestServer server;
  const std::string get = exchange(server.port(), request_text("GET", "/v1/jobs/42"));
  const std::string head = exchange(server.port(), request_text("HEAD", "/v1/jobs/42"));
  CHECK(status_of(head) == 200);
  CHECK(body_of(head).empty());
  CHECK(get.substr(0, get.find("\r\n\r\n")) == head.substr(0, head.find("\r\n\r\n")));
  const std::string stream = exchange(server.port(), request_text("HEAD", "/v1/jobs/42/events"));
  CHECK(stream.find("Content-Type: text/event-stream\r\n") != std::string::npos);
}

TEST_CASE("a stream becomes events, and Last-Event-ID resumes it", "[http]") {
  TestServer server;
  const std::string answer = exchange(
      server.port(), request_text("GET", "/v1/jobs/42/events", "", "Last-Event-ID: 1\r\n"));
  CHECK(status_of(answer) == 200);
  CHECK(answer.find("Content-Type: text/event-stream\r\n") != std::string::npos);
  CHECK(answer.find("id: 1\n") == std::string::npos);
  CHECK(answer.find("id: 2\nevent: progress\ndata: {\"id\":\"2\"") != std::string::npos);
  CHECK(answer.find("id: 3\nevent: succeeded\n") != std::string::npos);
  CHECK(answer.find("event: end\ndata: {}\n\n") != std::string::npos);
  CHECK(answer.ends_with("0\r\n\r\n"));
}

TEST_CASE("an error before the first event has its status, a later one is an event", "[http]") {
  TestServer server;
  const std::string unknown = exchange(server.port(), request_text("GET", "/v1/jobs/7/events"));
  CHECK(status_of(unknown) == 404);
  CHECK(problem(unknown) == "NOT_FOUND: there is no job 7");
  const std::string late =
      exchange(server.port(), request_text("GET", "/v1/jobs/42/events?no_follow"));
  CHECK(status_of(late) == 200);
  CHECK(late.find("event: error\ndata: {\"type\":\"about:blank\"") != std::string::npos);
  CHECK(late.find("\"code\":\"DATA_LOSS\"") != std::string::npos);
}

TEST_CASE("logs come as events, or as they are", "[http]") {
  TestServer server;
  const std::string events = exchange(server.port(), request_text("GET", "/v1/jobs/42/logs"));
  CHECK(events.find("\"data\":\"ZXBvY2ggMQo=\"") != std::string::npos);
  const std::string raw = exchange(
      server.port(), request_text("GET", "/v1/jobs/42/logs", "", "Accept: text/plain\r\n"));
  CHECK(raw.find("\r\nepoch 1\n\r\n") != std::string::npos);
  std::string old = request_text("GET", "/v1/jobs/42/logs", "", "Accept: text/plain\r\n");
  old.replace(old.find("HTTP/1.1"), 8, "HTTP/1.0");
  CHECK(body_of(exchange(server.port(), old)) == "epoch 1\nepoch 2\n");
}

TEST_CASE("a silent stream is kept awake, and ends when its client goes", "[http]") {
  HttpOptions options;
  options.limits.heartbeat = 20ms;
  TestServer server(std::move(options));
  const std::string answer =
      exchange(server.port(), request_text("GET", "/v1/jobs/silent/events"), ": still here\n\n");
  CHECK(answer.find("id: 1\n") != std::string::npos);
  CHECK(comes_true([&] { return server.jobs.watches_ended == 1; }));
}

TEST_CASE("a client that does not read holds up the service, not the memory", "[http]") {
  TestServer server;
  boost::asio::io_context loop;
  boost::asio::ip::tcp::socket socket(loop);
  socket.connect({boost::asio::ip::address_v4::loopback(), server.port()});
  boost::asio::write(socket, boost::asio::buffer(request_text("GET", "/v1/jobs/long/events")));
  // Once the sockets' buffers are full, no more events are taken.
  std::uint64_t before = 0;
  CHECK(comes_true([&] {
    std::this_thread::sleep_for(100ms);
    const std::uint64_t now = server.jobs.events_written;
    return now > 0 && std::exchange(before, now) == now;
  }));
  CHECK(before < 400);  // 25 MiB; the loopback's socket buffers take a few.
  socket.close();
  CHECK(comes_true([&] { return server.jobs.watches_ended == 1; }));
}

TEST_CASE("a call that takes too long is given up", "[http]") {
  HttpOptions options;
  options.limits.call = 30ms;
  TestServer server(std::move(options));
  const std::string answer = exchange(server.port(), request_text("GET", "/v1/jobs/slow"));
  CHECK(status_of(answer) == 504);
}

TEST_CASE("stop ends calls and streams that are under way", "[http]") {
  TestServer server;
  std::thread slow([&] { exchange(server.port(), request_text("GET", "/v1/jobs/slow")); });
  std::thread silent(
      [&] { exchange(server.port(), request_text("GET", "/v1/jobs/silent/events")); });
  std::this_thread::sleep_for(50ms);
  const auto begin = std::chrono::steady_clock::now();
  server.http->stop();
  CHECK(std::chrono::steady_clock::now() - begin < 3s);
  slow.join();
  silent.join();
}

TEST_CASE("the server's own pages", "[http]") {
  HttpOptions options;
  bool journal_ok = true;
  options.ready = [&] {
    return std::vector<ReadyCheck>{{"journal", journal_ok, "the disk is full"}, {"grpc"}};
  };
  options.metrics = [](HttpOptions::MetricsDone done) {
    std::thread([done] { done("# TYPE dl_more gauge\ndl_more 1\n"); }).detach();
  };
  TestServer server(std::move(options));
  const auto get = [&](const std::string& path) {
    return exchange(server.port(),
                    "GET " + path + " HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
  };
  CHECK(body_of(get("/livez")) == "ok\n");
  CHECK(body_of(get("/readyz")) == "ok\n");
  CHECK(body_of(get("/readyz?verbose")) == "[+] journal ok\n[+] grpc ok\nok\n");
  CHECK(body_of(get("/version")) == "{\"version\":\"0.1.0\"}\n");
  CHECK(boost::json::parse(body_of(get("/openapi.json"))).at("openapi") == "3.1.0");
  const std::string metrics = get("/metrics");
  CHECK(metrics.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n") !=
        std::string::npos);
  CHECK(metrics.find("dl_build_info{version=\"0.1.0\"} 1\n") != std::string::npos);
  CHECK(metrics.find("dl_http_requests_total{route=\"/livez\",code=\"200\"} 1\n") !=
        std::string::npos);
  CHECK(metrics.ends_with("dl_more 1\n"));
  journal_ok = false;
  CHECK(status_of(get("/readyz")) == 503);
  CHECK(body_of(get("/readyz")) == "[-] journal the disk is full\n[+] grpc ok\nnot ready\n");
}

TEST_CASE("an address that cannot be listened on is refused", "[http]") {
  const TestServer server;
  HttpOptions options;
  options.address = server.http->address();
  options.token = kToken;
  options.services = {"dl.v1.JobService"};
  CHECK(HttpServer::start(options).error().message ==
        "listen on 127.0.0.1:" + std::to_string(server.port()) +
            " for HTTP: the port is in use; set http_listen to another one, or stop who has it");
  options.address = {"0.0.0.0", 0};
  CHECK(HttpServer::start(options).error().message ==
        "listening on 0.0.0.0:0, beyond loopback, needs TLS (set tls_cert and tls_key); or listen "
        "on 127.0.0.1");
}

}  // namespace
}  // namespace dl::runtime::http
