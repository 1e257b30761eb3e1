// Between REST and messages: a request's parts become the method's request, a response becomes
// JSON.
//
// JSON is proto3's mapping with the fields' own names ("submit_time"), all plain fields printed;
// both spellings of a name are read. 64-bit integers are strings, as that mapping has it.

#pragma once

#include <google/protobuf/message.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "daemon/runtime/http/rest/route_table.h"
#include "daemon/runtime/http/rest/sse.h"

namespace dl::runtime::http {

// The parts of an HTTP request that say what the method gets. Empty: not there.
struct RequestParts {
  PathTemplate::Values path;  // Raw: still escaped.
  std::string query;          // Raw, without '?'.
  std::string body;
  std::string idempotency_key;  // The header Idempotency-Key; fills the field idempotency_key.
  std::string last_event_id;    // The header Last-Event-ID; fills the field `after`.
};

// The body first, then query, headers and path, so that the path has the last word. Every error is
// kInvalidArgument and names the part and the value.
Result<std::unique_ptr<google::protobuf::Message>> make_request(const Route& route,
                                                                RequestParts parts);

// A message of `route`'s response type, to be filled by the call.
std::unique_ptr<google::protobuf::Message> new_response(const Route& route);

// One line, without a line break at the end.
Result<std::string> to_json(const google::protobuf::Message& message);

// `id` from a field `id` or `offset`, `type` from a field `type`, where the message has them.
Result<SseEvent> to_event(const google::protobuf::Message& message);

// The field `data` of a message whose stream can be sent as it is, as text/plain; null when the
// type has no such bytes.
const google::protobuf::FieldDescriptor* raw_data_field(const google::protobuf::Descriptor& type);

}  // namespace dl::runtime::http
