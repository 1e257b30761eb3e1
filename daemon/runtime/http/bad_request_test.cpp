// Requests that are wrong, and what their sender reads.

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "daemon/runtime/http/testing/test_server.h"

namespace dl::runtime::http {
namespace {

using namespace testing;

struct BadRequest {
  const char* what;
  std::string request;
  int status;
  std::string text;  // "<code>: <detail>"
};

std::string with_token(const std::string& authorization) {
  return "GET /v1/jobs/42 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n" + authorization + "\r\n";
}

std::vector<BadRequest> bad_requests() {
  return {
      {"a document of 2 MiB", request_text("POST", "/v1/jobs", std::string(2 << 20, '#')), 413,
       "INVALID_ARGUMENT: the body has more than 1114112 bytes; a document has at most 1 MiB"},
      {"a document that is not UTF-8", request_text("POST", "/v1/jobs", "name: \xff\n"), 400,
       "INVALID_ARGUMENT: the body is not UTF-8: byte 0xFF in line 1, offset 6; save the text as "
       "UTF-8"},
      {"a compressed document",
       request_text("POST", "/v1/jobs", "\x1f\x8b", "Content-Encoding: gzip\r\n"), 415,
       "INVALID_ARGUMENT: a body of Content-Encoding gzip is not understood; send it as it is"},
      {"a document with an unknown key", request_text("POST", "/v1/jobs", "nmae: a\n"), 400,
       "INVALID_ARGUMENT: line 1, column 1: unknown key \"nmae\" (did you mean \"name\"?)"},
      {"a key of idempotency that is too long",
       request_text("POST", "/v1/jobs", "name: a\n",
                    "Idempotency-Key: " + std::string(300, 'k') + "\r\n"),
       400,
       "INVALID_ARGUMENT: the header Idempotency-Key is not at most 255 visible ASCII characters"},
      {"no token", with_token(""), 401,
       "UNAUTHENTICATED: no token; send the header \"Authorization: Bearer <token>\" with the "
       "content of the coordinator's token file"},
      {"a wrong token", with_token("Authorization: Bearer " + std::string(32, 'x') + "\r\n"), 401,
       "UNAUTHENTICATED: the token is not this coordinator's; take the one in its token file"},
      {"a password", with_token("Authorization: Basic dXNlcjpwYXNz\r\n"), 401,
       "UNAUTHENTICATED: the authorization is not of the form \"Bearer <token>\""},
      {"an unknown job", request_text("GET", "/v1/jobs/99"), 404,
       "NOT_FOUND: there is no job 99; GET /v1/jobs lists them"},
      {"a path that leads up", request_text("GET", "/v1/jobs/%2e%2e%2f%2e%2e%2fetc%2fpasswd"), 404,
       "NOT_FOUND: there is no job ../../etc/passwd; GET /v1/jobs lists them"},
      {"a path that is not there", request_text("GET", "/etc/passwd"), 404,
       "NOT_FOUND: there is no /etc/passwd here; /openapi.json lists what there is"},
      {"an old client", request_text("GET", "/v0/jobs"), 404,
       "NOT_FOUND: there is no /v0/jobs here; /openapi.json lists what there is"},
      {"an unknown verb", request_text("POST", "/v1/jobs/42:stop"), 404,
       "NOT_FOUND: there is no /v1/jobs/42:stop here; /openapi.json lists what there is"},
      {"a method that the path has not", request_text("DELETE", "/v1/jobs/42"), 405,
       "UNIMPLEMENTED: /v1/jobs/42 has no DELETE; it has GET, HEAD"},
      {"a method that a page has not", request_text("POST", "/metrics"), 405,
       "UNIMPLEMENTED: /metrics has no POST; it has GET, HEAD"},
      {"an unknown query parameter", request_text("GET", "/v1/jobs/42/events?afetr=7"), 400,
       "INVALID_ARGUMENT: unknown query parameter \"afetr\" (did you mean \"after\"?); GET "
       "/v1/jobs/{job}/events takes after, no_follow"},
      {"a query parameter of the wrong type", request_text("GET", "/v1/jobs?page_size=ten"), 400,
       "INVALID_ARGUMENT: query parameter page_size: \"ten\" is not a whole number from 0 to "
       "4294967295"},
      {"a query parameter that is too large", request_text("GET", "/v1/jobs?page_size=4294967296"),
       400,
       "INVALID_ARGUMENT: query parameter page_size: \"4294967296\" is not a whole number from 0 "
       "to 4294967295"},
      {"a broken escape", request_text("GET", "/v1/jobs/%4"), 400,
       "INVALID_ARGUMENT: the path: \"%4\" is not an escape; write % as %25"},
      {"a zero byte", request_text("GET", "/v1/jobs/42%00"), 400,
       "INVALID_ARGUMENT: the path: a zero byte cannot be part of an address"},
      {"an event's id that is no number",
       request_text("GET", "/v1/jobs/42/events", "", "Last-Event-ID: last\r\n"), 400,
       "INVALID_ARGUMENT: the header Last-Event-ID: \"last\" is not a whole number from 0 to "
       "18446744073709551615"},
      {"YAML where JSON goes", request_text("POST", "/v1/jobs/42:cancel", "kill: true\n"), 400,
       "INVALID_ARGUMENT: the body is not the JSON of a CancelJobRequest: Unexpected token.\n"
       "kill: true\n\n^"},
      {"JSON with an unknown key", request_text("POST", "/v1/jobs/42:cancel", "{\"kil\": true}"),
       400,
       "INVALID_ARGUMENT: the body is not the JSON of a CancelJobRequest: kil: Cannot find "
       "field."},
      {"a job that has ended", request_text("POST", "/v1/jobs/7:cancel"), 400,
       "FAILED_PRECONDITION: job 7 has ended"},
      {"a method the service has not", request_text("GET", "/v1/jobs/42:explain"), 501,
       "UNIMPLEMENTED: this coordinator does not know the call; it may be older than its client"},
  };
}

TEST_CASE("every bad request is answered with what is wrong and what to do", "[http]") {
  const TestServer server;
  for (const BadRequest& bad : bad_requests()) {
    CAPTURE(bad.what);
    const std::string answer = exchange(server.port(), bad.request);
    CHECK(status_of(answer) == bad.status);
    CHECK(answer.find("Content-Type: application/problem+json\r\n") != std::string::npos);
    CHECK((answer.find("WWW-Authenticate: Bearer") != std::string::npos) == (bad.status == 401));
    CHECK((answer.find("Allow: GET, HEAD\r\n") != std::string::npos) == (bad.status == 405));
    boost::json::error_code error;
    const auto document = boost::json::parse(body_of(answer), error);
    REQUIRE_FALSE(error.failed());
    CHECK(std::string(document.at("code").as_string()) + ": " +
              std::string(document.at("detail").as_string()) ==
          bad.text);
    CHECK(document.at("status") == bad.status);
  }
}

}  // namespace
}  // namespace dl::runtime::http
