#include "daemon/runtime/http/gateway.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include "daemon/runtime/http/metrics/metrics_text.h"
#include "daemon/runtime/http/rest/openapi.h"
#include "daemon/runtime/http/rest/transcode.h"
#include "daemon/runtime/security/token.h"

namespace dl::runtime::http {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kJsonType = "application/json";
// How long a stream may be silent before its header is sent: an error that comes until then is
// answered with its own status.
constexpr std::chrono::milliseconds kFirstMessage{1000};

Reply text_reply(std::string_view type, std::string body) {
  return {.content_type = std::string(type), .body = std::move(body)};
}

// The pages, and how /metrics names the requests for them.
bool is_page(std::string_view path) {
  return path == "/livez" || path == "/readyz" || path == "/version" || path == "/metrics" ||
         path == "/openapi.json" || path == "/healthz";
}

void add_metadata(grpc::ClientContext& context, const Request& request) {
  if (!request.authorization.empty()) context.AddMetadata("authorization", request.authorization);
  for (const auto& [name, value] : request.passed_on) context.AddMetadata(name, value);
}

}  // namespace

std::string_view Request::path() const {
  return std::string_view(target).substr(0, target.find_first_of("?#"));
}

std::string_view Request::query() const {
  const std::size_t mark = target.find('?');
  if (mark == std::string::npos) return {};
  const std::string_view query = std::string_view(target).substr(mark + 1);
  return query.substr(0, query.find('#'));
}

Reply problem_reply(const Problem& problem, std::string_view path) {
  Reply reply{.status = problem.status,
              .content_type = std::string(kProblemType),
              .body = to_json(problem, path)};
  if (problem.status == 401) reply.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"dl\"");
  if (problem.status == 503) reply.headers.emplace_back("Retry-After", "1");
  return reply;
}

Gateway::Gateway(HttpOptions options, RouteTable routes)
    : options_(std::move(options)),
      routes_(std::move(routes)),
      stub_(options_.channel),
      openapi_(openapi_document(routes_, options_.version)) {}

asio::awaitable<Reply> Gateway::answer(Request request, CallHook on_call) {
  const auto begin = std::chrono::steady_clock::now();
  RouteTable::Found found = routes_.find(request.method, request.path());
  std::string name = "other";
  Reply reply;
  if (found.route != nullptr) {
    name = found.route->method->name();
    reply = co_await call(*found.route, std::move(found.values), request, on_call);
  } else if (is_page(request.path())) {
    name = request.path();
    reply = co_await answer_page(request);
  } else {
    reply = no_such_path(request, found);
  }
  ++stats_.requests[{name, reply.status}];
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  if (reply.stream == nullptr) stats_.request_seconds.observe(seconds.count());
  co_return reply;
}

Reply Gateway::no_such_path(const Request& request, const RouteTable::Found& found) const {
  const std::string path(request.path());
  if (found.allowed.empty()) {
    return problem_reply(
        {404, Code::kNotFound, "there is no " + path + " here; /openapi.json lists what there is"},
        path);
  }
  std::string allowed;
  for (const std::string& method : found.allowed) allowed += (allowed.empty() ? "" : ", ") + method;
  Reply reply = problem_reply(
      {405, Code::kUnimplemented, path + " has no " + request.method + "; it has " + allowed},
      path);
  reply.headers.emplace_back("Allow", allowed);
  return reply;
}

asio::awaitable<Reply> Gateway::call(const Route& route, PathTemplate::Values values,
                                     Request& request, CallHook& on_call) {
  RequestParts parts{.path = std::move(values),
                     .query = std::string(request.query()),
                     .body = std::move(request.body),
                     .idempotency_key = request.idempotency_key,
                     .last_event_id = request.last_event_id};
  auto message = make_request(route, std::move(parts));
  if (!message) co_return problem_reply(problem_of(message.error()), request.path());
  auto context = std::make_unique<grpc::ClientContext>();
  add_metadata(*context, request);
  if (route.method->server_streaming()) {
    Reply stream =
        co_await open_stream(route, request, std::move(context), *std::move(message), on_call);
    co_return stream;
  }
  context->set_deadline(std::chrono::system_clock::now() + options_.limits.call);
  const std::unique_ptr<Message> response = new_response(route);
  const std::string method = route.grpc_name();
  on_call([&context] { context->TryCancel(); });
  const grpc::Status status = co_await unary_call(stub_, method, *context, **message, *response);
  on_call({});
  if (!status.ok()) co_return problem_reply(problem_of(status), request.path());
  const auto json = to_json(*response);
  if (!json) co_return problem_reply(problem_of(json.error()), request.path());
  co_return text_reply(kJsonType, *json + "\n");
}

asio::awaitable<Reply> Gateway::open_stream(const Route& route, const Request& request,
                                            std::unique_ptr<grpc::ClientContext> context,
                                            std::unique_ptr<Message> message, CallHook& on_call) {
  const bool raw = raw_data_field(*route.method->output_type()) != nullptr &&
                   request.accept.find("text/plain") != request.accept.npos;
  Reply reply{.content_type = std::string(raw ? "text/plain; charset=utf-8" : kEventStreamType),
              .form = raw ? StreamForm::kRawData : StreamForm::kEvents};
  // A HEAD asks what a GET would say, not for the stream itself.
  if (request.method == "HEAD") co_return reply;
  const auto executor = co_await asio::this_coro::executor;
  const std::string method = route.grpc_name();
  reply.stream = StreamCall::start(executor, stub_, method, std::move(context), std::move(message),
                                   new_response(route));
  on_call([stream = reply.stream] { stream->cancel(); });
  reply.first = co_await reply.stream->next(kFirstMessage);
  if (reply.first == StreamCall::Next::kEnd && !reply.stream->status().ok()) {
    co_return problem_reply(problem_of(reply.stream->status()), request.path());
  }
  co_return reply;
}

asio::awaitable<Reply> Gateway::answer_page(const Request& request) {
  const std::string_view path = request.path();
  if (request.method != "GET" && request.method != "HEAD") {
    co_return no_such_path(request, {.allowed = {"GET", "HEAD"}});
  }
  if (path == "/openapi.json") co_return text_reply(kJsonType, openapi_);
  if (path == "/version") {
    const boost::json::object version{{"version", options_.version}};
    co_return text_reply(kJsonType, boost::json::serialize(version) + "\n");
  }
  if (path == "/readyz") co_return ready_page(request.query() == "verbose");
  if (path == "/metrics") {
    const auto shown = is_loopback(options_.address)
                           ? Result<void>()
                           : check_authorization(request.authorization, options_.token);
    if (!shown) co_return problem_reply(problem_of(shown.error()), path);
    std::string text = co_await metrics_page();
    co_return text_reply(kMetricsType, std::move(text));
  }
  co_return text_reply("text/plain; charset=utf-8", "ok\n");
}

Reply Gateway::ready_page(bool verbose) const {
  bool ready = true;
  std::string lines;
  for (const ReadyCheck& check : options_.ready ? options_.ready() : std::vector<ReadyCheck>()) {
    ready = ready && check.ok;
    lines +=
        (check.ok ? "[+] " : "[-] ") + check.name + (check.ok ? " ok" : " " + check.message) + "\n";
  }
  Reply reply = text_reply("text/plain; charset=utf-8",
                           (verbose || !ready ? lines : "") + (ready ? "ok\n" : "not ready\n"));
  reply.status = ready ? 200 : 503;
  return reply;
}

asio::awaitable<std::string> Gateway::metrics_page() {
  MetricsText text;
  text.family("dl_build_info", "gauge", "The version of this program.");
  text.sample("dl_build_info", {{"version", options_.version}}, 1);
  std::string page = text.text() + metrics_of(stats_);
  if (!options_.metrics) co_return page;
  auto start = [this](auto handler) {
    auto executor = asio::get_associated_executor(handler);
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    auto work = std::make_shared<decltype(asio::make_work_guard(executor))>(
        asio::make_work_guard(executor));
    options_.metrics([executor, shared, work](std::string more) {
      asio::post(executor, [shared, work, more = std::move(more)]() mutable {
        std::move (*shared)(std::move(more));
      });
    });
  };
  const std::string more =
      co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::string)>(
          start, asio::use_awaitable);
  co_return page + more;
}

}  // namespace dl::runtime::http
