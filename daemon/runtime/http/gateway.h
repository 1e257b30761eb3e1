// Answers requests: finds the route, makes the call, or serves one of the server's own pages. It
// knows nothing of sockets.

#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>

#include "daemon/runtime/http/http_server.h"
#include "daemon/runtime/http/metrics/http_stats.h"
#include "daemon/runtime/http/reply.h"
#include "daemon/runtime/http/rest/route_table.h"

namespace dl::runtime::http {

struct Request {
  std::string method;
  std::string target;  // As it was sent: "/v1/jobs/42?x=y".
  std::string body;
  std::string authorization;
  std::string idempotency_key;
  std::string last_event_id;
  std::string accept;
  // Headers that go along with the call as they are: "dl-…", "traceparent", "x-request-id".
  std::vector<std::pair<std::string, std::string>> passed_on;

  std::string_view path() const;
  std::string_view query() const;
};

// Lets the owner of a connection end the call that is under way for it.
using CallHook = std::function<void(std::function<void()> cancel)>;

class Gateway {
 public:
  Gateway(HttpOptions options, RouteTable routes);

  // Never fails: what goes wrong is a problem document. `on_call` gets the way to cancel the call
  // when it begins, and an empty function when a unary call is over; a stream outlives the answer.
  boost::asio::awaitable<Reply> answer(Request request, CallHook on_call);

  const HttpOptions& options() const { return options_; }
  HttpStats& stats() { return stats_; }

 private:
  boost::asio::awaitable<Reply> answer_page(const Request& request);
  boost::asio::awaitable<Reply> call(const Route& route, PathTemplate::Values values,
                                     Request& request, CallHook& on_call);
  boost::asio::awaitable<Reply> open_stream(const Route& route, const Request& request,
                                            std::unique_ptr<grpc::ClientContext> context,
                                            std::unique_ptr<Message> message, CallHook& on_call);
  boost::asio::awaitable<std::string> metrics_page();
  Reply ready_page(bool verbose) const;
  Reply no_such_path(const Request& request, const RouteTable::Found& found) const;

  HttpOptions options_;
  RouteTable routes_;
  Stub stub_;
  HttpStats stats_;
  std::string openapi_;
};

}  // namespace dl::runtime::http
