#include "daemon/runtime/http/rest/transcode.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "base/nearest.h"
#include "daemon/runtime/http/rest/field_value.h"
#include "daemon/runtime/http/rest/uri.h"

namespace dl::runtime::http {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

std::unique_ptr<Message> new_message(const Descriptor* type) {
  return std::unique_ptr<Message>(MessageFactory::generated_factory()->GetPrototype(type)->New());
}

// Strings of a message must be UTF-8, or the call fails without a word about where.
Result<void> check_utf8(std::string_view what, const std::string& text) {
  const std::size_t at = find_invalid_utf8(text);
  if (at == text.npos) return {};
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(text[at]);
  const auto line =
      1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  return invalid_argument(std::string(what) + " is not UTF-8: byte 0x" + kDigits[byte >> 4] +
                          kDigits[byte & 15] + " in line " + std::to_string(line) + ", offset " +
                          std::to_string(at) + "; save the text as UTF-8");
}

std::vector<std::string> query_names(const Route& route) {
  std::vector<std::string> names;
  const std::vector<std::string> in_path = route.path.fields();
  const Descriptor& type = *route.method->input_type();
  for (int i = 0; i < type.field_count(); ++i) {
    const std::string& name = type.field(i)->name();
    const bool elsewhere = type.field(i) == route.document ||
                           std::find(in_path.begin(), in_path.end(), name) != in_path.end();
    if (!elsewhere) names.push_back(name);
  }
  return names;
}

Error unknown_parameter(const Route& route, const std::string& name) {
  const std::vector<std::string> names = query_names(route);
  std::string known;
  for (const std::string& each : names) known += (known.empty() ? "" : ", ") + each;
  return invalid_argument("unknown query parameter \"" + name + "\"" + did_you_mean(name, names) +
                          "; " + route.rule.method() + " " + route.path.text() + " takes " +
                          (known.empty() ? "none" : known));
}

Result<void> read_body(const Route& route, std::string body, Message& request) {
  DL_CHECK(check_utf8("the body", body));
  if (route.document != nullptr) {
    request.GetReflection()->SetString(&request, route.document, std::move(body));
    return {};
  }
  if (!route.body_is_message() || body.empty()) return {};
  const auto status = google::protobuf::util::JsonStringToMessage(body, &request);
  if (!status.ok()) {
    return invalid_argument("the body is not the JSON of a " + request.GetDescriptor()->name() +
                            ": " + std::string(status.message()));
  }
  return {};
}

Result<void> read_query(const Route& route, const std::string& text, Message& request) {
  auto query = parse_query(text);
  if (!query) return with_context("the query", query.error());
  const std::vector<std::string> names = query_names(route);
  for (const auto& [name, value] : *query) {
    DL_CHECK(check_utf8("the query", name + value));
    const FieldDescriptor* field = request.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr) field = request.GetDescriptor()->FindFieldByCamelcaseName(name);
    if (field == nullptr || std::find(names.begin(), names.end(), field->name()) == names.end()) {
      return unknown_parameter(route, name);
    }
    if (const auto set = set_field(request, *field, value); !set) {
      return with_context("query parameter " + name, set.error());
    }
  }
  return {};
}

// Fills `field` from a header, if the client sent it and the method wants it.
Result<void> read_header(std::string_view header, const char* field, const std::string& value,
                         Message& request) {
  const FieldDescriptor* descriptor = request.GetDescriptor()->FindFieldByName(field);
  if (value.empty() || descriptor == nullptr) return {};
  constexpr std::size_t kValueMax = 255;
  const bool visible =
      std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!visible || value.size() > kValueMax) {
    return invalid_argument("the header " + std::string(header) +
                            " is not at most 255 visible ASCII characters");
  }
  if (const auto set = set_field(request, *descriptor, value); !set) {
    return with_context("the header " + std::string(header), set.error());
  }
  return {};
}

Result<void> read_path(const PathTemplate::Values& values, Message& request) {
  for (const auto& [name, raw] : values) {
    auto value = percent_decode(raw);
    if (!value) return with_context("the path", value.error());
    DL_CHECK(check_utf8("the path", *value));
    const FieldDescriptor* field = request.GetDescriptor()->FindFieldByName(name);
    if (const auto set = set_field(request, *field, *value); !set) {
      return with_context(name + " in the path", set.error());
    }
  }
  return {};
}

std::string plain_text(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr || field->is_repeated()) return "";
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: return message.GetReflection()->GetString(message, field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::to_string(message.GetReflection()->GetUInt64(message, field));
    default: return "";
  }
}

}  // namespace

Result<std::unique_ptr<Message>> make_request(const Route& route, RequestParts parts) {
  std::unique_ptr<Message> request = new_message(route.method->input_type());
  if (route.takes_body()) DL_CHECK(read_body(route, std::move(parts.body), *request));
  DL_CHECK(read_query(route, parts.query, *request));
  DL_CHECK(read_header("Idempotency-Key", "idempotency_key", parts.idempotency_key, *request));
  DL_CHECK(read_header("Last-Event-ID", "after", parts.last_event_id, *request));
  DL_CHECK(read_path(parts.path, *request));
  return request;
}

std::unique_ptr<Message> new_response(const Route& route) {
  return new_message(route.method->output_type());
}

Result<std::string> to_json(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) {
    return internal("write a " + message.GetDescriptor()->name() +
                    " as JSON: " + std::string(status.message()));
  }
  return json;
}

Result<SseEvent> to_event(const Message& message) {
  SseEvent event;
  DL_TRY(event.data, to_json(message));
  event.id = plain_text(message, "id");
  // An event that is not kept has no number: naming 0 would make a client start all over.
  if (event.id == "0") event.id.clear();
  if (event.id.empty()) event.id = plain_text(message, "offset");
  event.type = plain_text(message, "type");
  return event;
}

const FieldDescriptor* raw_data_field(const Descriptor& type) {
  const FieldDescriptor* field = type.FindFieldByName("data");
  const bool is_bytes =
      field != nullptr && field->type() == FieldDescriptor::TYPE_BYTES && !field->is_repeated();
  return is_bytes ? field : nullptr;
}

}  // namespace dl::runtime::http
