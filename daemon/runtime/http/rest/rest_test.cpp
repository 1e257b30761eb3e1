#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "daemon/runtime/http/rest/openapi.h"
#include "daemon/runtime/http/rest/problem.h"
#include "daemon/runtime/http/rest/sse.h"
#include "daemon/runtime/http/rest/transcode.h"
#include "daemon/runtime/http/rest/uri.h"
#include "dl/v1/cluster.grpc.pb.h"
#include "dl/v1/jobs.grpc.pb.h"

namespace dl::runtime::http {
namespace {

RouteTable routes() {
  // A static library's object is linked in only when something of it is named.
  REQUIRE(dl::v1::ClusterService::service_full_name() ==
          dl::v1::Cluster::descriptor()->file()->service(0)->full_name());
  return RouteTable::make(
             {dl::v1::JobService::service_full_name(), dl::v1::ClusterService::service_full_name()})
      .value();
}

TEST_CASE("escapes are decoded once", "[http]") {
  CHECK(*percent_decode("a%2Fb%20c+d") == "a/b c+d");
  CHECK(*percent_decode("%252F") == "%2F");
  CHECK(percent_decode("%zz").error().message == "\"%zz\" is not an escape; write % as %25");
  for (const char* wrong : {"%", "%2", "%00", "a%"}) CHECK_FALSE(percent_decode(wrong).has_value());
  CHECK(*parse_query("set=a%3D1&set=b=2&&follow&q=x+y") ==
        Query{{"set", "a=1"}, {"set", "b=2"}, {"follow", ""}, {"q", "x y"}});
  CHECK(parse_query("").value().empty());
}

TEST_CASE("what is not UTF-8 is found", "[http]") {
  CHECK(find_invalid_utf8("grüße 🚀") == std::string::npos);
  CHECK(find_invalid_utf8("ab\xff") == 2);
  CHECK(find_invalid_utf8("\xc3") == 0);
  CHECK(find_invalid_utf8("\xc0\xaf") == 0);          // Overlong.
  CHECK(find_invalid_utf8("x\xed\xa0\x80") == 1);     // A surrogate.
  CHECK(find_invalid_utf8("\xf4\x90\x80\x80") == 0);  // Beyond U+10FFFF.
}

TEST_CASE("a path template takes its own paths and no others", "[http]") {
  const PathTemplate job = PathTemplate::parse("/v1/jobs/{job}").value();
  const PathTemplate cancel = PathTemplate::parse("/v1/jobs/{job}:cancel").value();
  const PathTemplate events = PathTemplate::parse("/v1/jobs/{job}/events").value();
  using Values = PathTemplate::Values;
  CHECK(job.match("/v1/jobs/42") == Values{{"job", "42"}});
  CHECK(cancel.match("/v1/jobs/42:cancel") == Values{{"job", "42"}});
  CHECK(events.match("/v1/jobs/42/events") == Values{{"job", "42"}});
  CHECK(job.match("/v1/jobs/a%3Ab") == Values{{"job", "a%3Ab"}});
  for (const char* other : {"/v1/jobs", "/v1/jobs/", "/v1/jobs/42/", "/v1/jobs/42:cancel",
                            "/v1//jobs/42", "v1/jobs/42", "/v1/jobs/42/x", "/V1/jobs/42", ""}) {
    CHECK_FALSE(job.match(other).has_value());
  }
  CHECK_FALSE(cancel.match("/v1/jobs/:cancel").has_value());
  CHECK_FALSE(cancel.match("/v1/jobs/42:cancel:cancel").has_value());
  CHECK(job.overlaps(PathTemplate::parse("/v1/jobs/latest").value()));
  CHECK_FALSE(job.overlaps(cancel));
  for (const char* wrong : {"", "v1", "/", "/a//b", "/{a=b/*}", "/{}", "/a{b}"}) {
    CHECK_FALSE(PathTemplate::parse(wrong).has_value());
  }
}

TEST_CASE("a request finds its method, or what the path has instead", "[http]") {
  const RouteTable table = routes();
  CHECK(table.find("POST", "/v1/jobs").route->method->name() == "SubmitJob");
  CHECK(table.find("HEAD", "/v1/jobs").route->method->name() == "ListJobs");
  CHECK(table.find("POST", "/v1/specs:validate").route->method->name() == "ValidateSpec");
  CHECK(table.find("POST", "/v1/nodes/a:drain").route->grpc_name() ==
        "/dl.v1.ClusterService/DrainNode");
  const auto wrong_method = table.find("DELETE", "/v1/jobs");
  CHECK(wrong_method.route == nullptr);
  CHECK(wrong_method.allowed == std::vector<std::string>{"POST", "GET", "HEAD"});
  CHECK(table.find("GET", "/v2/jobs").allowed.empty());
  CHECK(RouteTable::make({"dl.v1.NoService"}).error().message ==
        "the service dl.v1.NoService is not part of this program");
}

Result<std::unique_ptr<google::protobuf::Message>> request(const char* method, const char* path,
                                                           RequestParts parts) {
  static const RouteTable table = routes();
  const auto found = table.find(method, path);
  REQUIRE(found.route != nullptr);
  parts.path = found.values;
  return make_request(*found.route, std::move(parts));
}

template <class Message>
Message as(const Result<std::unique_ptr<google::protobuf::Message>>& message) {
  REQUIRE(message.has_value());
  Message copy;
  copy.CopyFrom(**message);
  return copy;
}

TEST_CASE("a request's parts fill the message", "[http]") {
  const auto submit = as<dl::v1::SubmitJobRequest>(request(
      "POST", "/v1/jobs",
      {.query = "set=a%3D1&set=b=2&user=eve", .body = "name: x\n", .idempotency_key = "k-1"}));
  CHECK(submit.document() == "name: x\n");
  CHECK(submit.set_size() == 2);
  CHECK(submit.set(0) == "a=1");
  CHECK(submit.user() == "eve");
  CHECK(submit.idempotency_key() == "k-1");
  const auto json =
      as<dl::v1::SubmitJobRequest>(request("POST", "/v1/jobs", {.body = "{\"a\":1}"}));
  CHECK(json.document() == "{\"a\":1}");
  const auto cancel = as<dl::v1::CancelJobRequest>(
      request("POST", "/v1/jobs/4%202:cancel", {.body = R"({"kill": true, "job": "7"})"}));
  CHECK(cancel.kill());
  CHECK(cancel.job() == "4 2");
  CHECK(as<dl::v1::CancelJobRequest>(request("POST", "/v1/jobs/42:cancel", {})).job() == "42");
  const auto watch = as<dl::v1::WatchJobRequest>(
      request("GET", "/v1/jobs/42/events", {.query = "noFollow", .last_event_id = "17"}));
  CHECK(watch.after() == 17);
  CHECK(watch.no_follow());
}

TEST_CASE("a part that is wrong is named", "[http]") {
  const auto problem = [](const char* method, const char* path, RequestParts parts) {
    const auto message = request(method, path, std::move(parts));
    return message ? std::string() : message.error().message;
  };
  CHECK(problem("GET", "/v1/jobs", {.query = "sate=running"}) ==
        "unknown query parameter \"sate\" (did you mean \"state\"?); GET /v1/jobs takes state, "
        "page_size, page_token");
  CHECK(problem("GET", "/v1/jobs", {.query = "page_size=many"}) ==
        "query parameter page_size: \"many\" is not a whole number from 0 to 4294967295");
  CHECK(problem("GET", "/v1/jobs", {.query = "page_size=-1"}) ==
        "query parameter page_size: \"-1\" is not a whole number from 0 to 4294967295");
  CHECK(problem("GET", "/v1/jobs/42/logs", {.query = "follow=maybe"}) ==
        "query parameter follow: \"maybe\" is not true or false");
  CHECK(problem("GET", "/v1/jobs/42", {.query = "job=43"}) ==
        "unknown query parameter \"job\"; GET /v1/jobs/{job} takes none");
  CHECK(problem("GET", "/v1/jobs/%zz", {}) == "the path: \"%zz\" is not an escape; write % as %25");
  CHECK(problem("GET", "/v1/jobs/%ff", {}) ==
        "the path is not UTF-8: byte 0xFF in line 1, offset 0; save the text as UTF-8");
  CHECK(problem("POST", "/v1/jobs", {.body = "name: x\nuser: \xfe\n"}) ==
        "the body is not UTF-8: byte 0xFE in line 2, offset 14; save the text as UTF-8");
  CHECK(problem("GET", "/v1/jobs/42/events", {.last_event_id = "x"}) ==
        "the header Last-Event-ID: \"x\" is not a whole number from 0 to 18446744073709551615");
  CHECK(problem("POST", "/v1/jobs", {.idempotency_key = std::string(256, 'k')}) ==
        "the header Idempotency-Key is not at most 255 visible ASCII characters");
  CHECK(problem("POST", "/v1/jobs/42:cancel", {.body = "{\"kil\": true}"})
            .starts_with("the body is not the JSON of a CancelJobRequest: "));
  CHECK(problem("POST", "/v1/jobs/42:cancel", {.body = "kill: true"})
            .starts_with("the body is not the JSON of a CancelJobRequest: "));
}

TEST_CASE("a message is printed with its own names and all plain fields", "[http]") {
  dl::v1::SubmitJobResponse response;
  response.set_job(42);
  CHECK(*to_json(response) == R"({"job":"42","name":""})");
  dl::v1::JobEvent event;
  event.set_id(7);
  event.set_type("started");
  CHECK(to_event(event)->id == "7");
  CHECK(to_event(event)->type == "started");
  CHECK(to_event(event)->data.find("\"id\":\"7\"") != std::string::npos);
  event.set_id(0);
  CHECK(to_event(event)->id.empty());
  CHECK(raw_data_field(*dl::v1::LogChunk::descriptor()) != nullptr);
  CHECK(raw_data_field(*dl::v1::JobEvent::descriptor()) == nullptr);
}

TEST_CASE("a problem document says what, why and where", "[http]") {
  CHECK(to_json(problem_of(not_found("there is no job 99")), "/v1/jobs/99") ==
        R"({"type":"about:blank","title":"Not Found","status":404,"detail":"there is no job 99",)"
        R"("code":"NOT_FOUND","instance":"/v1/jobs/99"})"
        "\n");
  CHECK(problem_of(grpc::Status(grpc::StatusCode::UNAVAILABLE, "later")).status == 503);
  CHECK(problem_of(grpc::Status(static_cast<grpc::StatusCode>(77), "")).code == Code::kUnknown);
  CHECK(to_json(problem_of(internal("a \xff byte")), "/").find("a ? byte") != std::string::npos);
}

TEST_CASE("an event's frame can be read back as it was", "[http]") {
  CHECK(to_frame({"7", "started", "{}"}) == "id: 7\nevent: started\ndata: {}\n\n");
  CHECK(to_frame({"", "", "a\nb\r\nc\rd"}) == "data: a\ndata: b\ndata: c\ndata: d\n\n");
  CHECK(to_frame({"1\ndata: x", "a\rb", ""}) == "id: 1data: x\nevent: ab\ndata: \n\n");
}

TEST_CASE("the OpenAPI document has every rule and every message", "[http]") {
  const RouteTable table = routes();
  const auto document = boost::json::parse(openapi_document(table, "0.1.0")).as_object();
  CHECK(document.at("openapi") == "3.1.0");
  const auto& paths = document.at("paths").as_object();
  for (const Route& route : table.routes()) CHECK(paths.contains(route.path.text()));
  const auto& submit = paths.at("/v1/jobs").at("post");
  CHECK(submit.at("operationId") == "SubmitJob");
  CHECK(submit.at("requestBody").at("content").as_object().contains("application/yaml"));
  CHECK(submit.at("responses")
            .at("200")
            .at("content")
            .at("application/json")
            .at("schema")
            .at("$ref") == "#/components/schemas/SubmitJobResponse");
  CHECK(paths.at("/v1/jobs/{job}/events")
            .at("get")
            .at("responses")
            .at("200")
            .at("content")
            .as_object()
            .contains("text/event-stream"));
  const auto& schemas = document.at("components").at("schemas").as_object();
  CHECK(schemas.at("Job").at("properties").at("id").at("type") == "string");
  CHECK(schemas.at("Job").at("properties").at("submit_time").at("format") == "date-time");
  CHECK(schemas.at("JobState").at("enum").as_array().size() == 7);
  CHECK(schemas.contains("Problem"));
}

}  // namespace
}  // namespace dl::runtime::http
