#include "daemon/runtime/http/rest/openapi.h"

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <vector>

#include "daemon/runtime/http/rest/problem.h"
#include "daemon/runtime/http/rest/sse.h"
#include "daemon/runtime/http/rest/transcode.h"

namespace dl::runtime::http {
namespace {

namespace json = boost::json;
using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

json::object reference(std::string_view schema) {
  return {{"$ref", "#/components/schemas/" + std::string(schema)}};
}

json::object typed(std::string_view type, std::string_view format = {}) {
  json::object schema{{"type", type}};
  if (!format.empty()) schema["format"] = format;
  return schema;
}

// Collects the schemas that the paths refer to, each once.
class Schemas {
 public:
  json::object of_message(const Descriptor& type) {
    if (type.full_name() == "google.protobuf.Timestamp") return typed("string", "date-time");
    if (type.full_name() == "google.protobuf.Duration") return typed("string", "duration");
    if (schemas_.emplace(type.name(), json::object()).second) {
      json::object properties;
      for (int i = 0; i < type.field_count(); ++i) {
        properties[type.field(i)->name()] = of_field(*type.field(i));
      }
      schemas_[type.name()] = {{"type", "object"}, {"properties", std::move(properties)}};
    }
    return reference(type.name());
  }

  json::object of_field(const FieldDescriptor& field) {
    if (field.is_map()) {
      const FieldDescriptor& value = *field.message_type()->map_value();
      return {{"type", "object"}, {"additionalProperties", of_single(value)}};
    }
    if (field.is_repeated()) return {{"type", "array"}, {"items", of_single(field)}};
    return of_single(field);
  }

  json::object take() {
    json::object all;
    for (auto& [name, schema] : schemas_) all[name] = std::move(schema);
    return all;
  }

 private:
  json::object of_enum(const EnumDescriptor& type) {
    json::array names;
    for (int i = 0; i < type.value_count(); ++i) names.emplace_back(type.value(i)->name());
    schemas_[type.name()] = {{"type", "string"}, {"enum", std::move(names)}};
    return reference(type.name());
  }

  // As the JSON mapping writes it: 64-bit integers are strings.
  json::object of_single(const FieldDescriptor& field) {
    switch (field.type()) {
      case FieldDescriptor::TYPE_BOOL: return typed("boolean");
      case FieldDescriptor::TYPE_STRING: return typed("string");
      case FieldDescriptor::TYPE_BYTES: return {{"type", "string"}, {"contentEncoding", "base64"}};
      case FieldDescriptor::TYPE_DOUBLE: return typed("number", "double");
      case FieldDescriptor::TYPE_FLOAT: return typed("number", "float");
      case FieldDescriptor::TYPE_INT64:
      case FieldDescriptor::TYPE_SINT64:
      case FieldDescriptor::TYPE_SFIXED64: return typed("string", "int64");
      case FieldDescriptor::TYPE_UINT64:
      case FieldDescriptor::TYPE_FIXED64: return typed("string", "uint64");
      case FieldDescriptor::TYPE_ENUM: return of_enum(*field.enum_type());
      case FieldDescriptor::TYPE_GROUP:
      case FieldDescriptor::TYPE_MESSAGE: return of_message(*field.message_type());
      case FieldDescriptor::TYPE_UINT32:
      case FieldDescriptor::TYPE_FIXED32: return {{"type", "integer"}, {"minimum", 0}};
      default: return typed("integer", "int32");
    }
  }

  std::map<std::string, json::object> schemas_;
};

json::object parameter(std::string_view name, std::string_view in, bool required,
                       json::object schema, std::string_view description = {}) {
  json::object object{
      {"name", name}, {"in", in}, {"required", required}, {"schema", std::move(schema)}};
  if (!description.empty()) object["description"] = description;
  return object;
}

json::array parameters_of(const Route& route, Schemas& schemas) {
  json::array parameters;
  const std::vector<std::string> in_path = route.path.fields();
  const Descriptor& type = *route.method->input_type();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string& name = field.name();
    if (std::find(in_path.begin(), in_path.end(), name) != in_path.end()) {
      parameters.push_back(parameter(name, "path", true, schemas.of_field(field)));
    } else if (name == "idempotency_key") {
      parameters.push_back(parameter("Idempotency-Key", "header", false, typed("string"),
                                     "A repeated request with the same key has one effect"));
    } else if (&field != route.document && !route.body_is_message()) {
      parameters.push_back(parameter(name, "query", false, schemas.of_field(field)));
    }
  }
  if (route.method->server_streaming() && type.FindFieldByName("after") != nullptr) {
    parameters.push_back(parameter("Last-Event-ID", "header", false, typed("string"),
                                   "Only what comes after the event with this id"));
  }
  return parameters;
}

json::object request_body_of(const Route& route, Schemas& schemas) {
  if (route.body_is_message()) {
    const json::object schema = schemas.of_message(*route.method->input_type());
    return {{"content", {{"application/json", {{"schema", schema}}}}}};
  }
  const json::object text{{"schema", typed("string")}};
  // A JSON document stands there as it is, not as a string that holds it.
  const json::object document{{"schema", typed("object")}};
  return {{"required", true},
          {"content", {{"application/yaml", text}, {"application/json", document}}}};
}

json::object responses_of(const Route& route, Schemas& schemas) {
  const json::object schema = schemas.of_message(*route.method->output_type());
  json::object content;
  if (route.method->server_streaming()) {
    content[kEventStreamType] = {{"schema", schema}};
    if (raw_data_field(*route.method->output_type()) != nullptr) {
      content["text/plain"] = {{"schema", typed("string")}};
    }
  } else {
    content["application/json"] = {{"schema", schema}};
  }
  const json::object problem{{kProblemType, {{"schema", reference("Problem")}}}};
  return {{"200", {{"description", "OK"}, {"content", content}}},
          {"401", {{"description", "The token is missing or wrong"}, {"content", problem}}},
          {"default", {{"description", "What went wrong, and what to do"}, {"content", problem}}}};
}

json::object operation_of(const Route& route, Schemas& schemas) {
  json::object operation{{"operationId", route.method->name()},
                         {"tags", json::array{route.method->service()->name()}},
                         {"summary", route.rule.summary()},
                         {"parameters", parameters_of(route, schemas)}};
  if (route.takes_body()) operation["requestBody"] = request_body_of(route, schemas);
  operation["responses"] = responses_of(route, schemas);
  return operation;
}

json::object problem_schema() {
  json::object properties{{"type", typed("string")},    {"title", typed("string")},
                          {"status", typed("integer")}, {"detail", typed("string")},
                          {"code", typed("string")},    {"instance", typed("string")}};
  return {{"type", "object"},
          {"required", json::array{"title", "status", "detail", "code"}},
          {"properties", std::move(properties)}};
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return text;
}

}  // namespace

std::string openapi_document(const RouteTable& routes, std::string_view version) {
  Schemas schemas;
  json::object paths;
  for (const Route& route : routes.routes()) {
    json::value& path = paths[route.path.text()];
    if (path.is_null()) path = json::object();
    path.as_object()[lower(route.rule.method())] = operation_of(route, schemas);
  }
  json::object all_schemas = schemas.take();
  all_schemas["Problem"] = problem_schema();
  const json::object bearer{{"type", "http"}, {"scheme", "bearer"}};
  const json::object document{
      {"openapi", "3.1.0"},
      {"info", {{"title", "dl coordinator"}, {"version", version}}},
      {"security", json::array{json::object{{"token", json::array()}}}},
      {"paths", std::move(paths)},
      {"components",
       {{"securitySchemes", {{"token", bearer}}}, {"schemas", std::move(all_schemas)}}}};
  return json::serialize(document) + "\n";
}

}  // namespace dl::runtime::http
