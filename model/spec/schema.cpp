// docs/spec.schema.json, from the table of keys.

#include <boost/json.hpp>

#include "model/spec/keys.h"
#include "model/spec/native/write.h"
#include "model/spec/parse.h"
#include "model/spec/values.h"

namespace dl::spec {
namespace {

namespace json = boost::json;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

json::object reference(std::string_view name) { return {{"$ref", "#/$defs/" + std::string(name)}}; }

json::object array_of(json::object items) {
  return {{"type", "array"}, {"items", std::move(items)}};
}

json::object whole(const Rule& rule, std::uint64_t type_most) {
  const std::uint64_t most = std::min(rule.most, type_most);
  json::object schema{{"type", "integer"}, {"minimum", rule.least}};
  if (most < std::numeric_limits<std::uint64_t>::max()) schema["maximum"] = most;
  if (!rule.bytes) return schema;
  json::object text{{"type", "string"}, {"pattern", "^[0-9]+([KMGT]i?B|B)?$"}};
  return {{"anyOf", json::array{std::move(schema), std::move(text)}}};
}

json::object real(const Rule& rule) {
  json::object schema{{"type", "number"}};
  if (rule.low > -kInfinity) schema[rule.excludes_low ? "exclusiveMinimum" : "minimum"] = rule.low;
  if (rule.high < kInfinity)
    schema[rule.excludes_high ? "exclusiveMaximum" : "maximum"] = rule.high;
  return schema;
}

json::object word(const Rule& rule) {
  if (!rule.words.empty()) {
    json::array words;
    for (const auto each : rule.words) words.push_back(json::string(each));
    return {{"enum", std::move(words)}};
  }
  // Names and paths may look like numbers to YAML, and are still text.
  json::object schema{{"type", json::array{"string", "number", "boolean"}}};
  if (rule.form == Form::kName) schema["pattern"] = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$";
  if (rule.form == Form::kAbsolutePath) schema["pattern"] = "^(/.*)?$";
  return schema;
}

// What a key's type and rule allow; one overload a type.
struct SchemaOf {
  const Rule& rule;

  json::object operator()(Member<bool>) const { return {{"type", "boolean"}}; }
  json::object operator()(Member<std::uint32_t>) const {
    return whole(rule, std::numeric_limits<std::uint32_t>::max());
  }
  json::object operator()(Member<std::uint64_t>) const {
    return whole(rule, std::numeric_limits<std::uint64_t>::max());
  }
  json::object operator()(Member<double>) const { return real(rule); }
  json::object operator()(Member<std::string>) const { return word(rule); }
  json::object operator()(Member<std::chrono::milliseconds>) const { return reference("duration"); }
  json::object operator()(Member<Sizes>) const {
    json::object schema = array_of(whole(rule, std::numeric_limits<std::uint32_t>::max()));
    schema["maxItems"] = 64;
    return schema;
  }
  json::object operator()(Member<Shape>) const {
    json::object schema = array_of(whole(rule, std::numeric_limits<std::uint32_t>::max()));
    schema["minItems"] = schema["maxItems"] = 3;
    return schema;
  }
  json::object operator()(Member<Texts>) const {
    return {{"type", "object"},
            {"propertyNames", json::object{{"pattern", "^[A-Za-z_][A-Za-z0-9_]*$"}}},
            {"additionalProperties",
             json::object{{"type", json::array{"string", "number", "boolean"}}}}};
  }
  json::object operator()(Member<Goal>) const { return {{"type", "number"}}; }
  json::object operator()(Member<Objectives>) const { return array_of(reference("objective")); }
  json::object operator()(Member<Parameters>) const {
    return {{"type", "object"},
            {"minProperties", 1},
            {"propertyNames", json::object{{"pattern", "^[A-Za-z_][A-Za-z0-9_.-]*$"}}},
            {"additionalProperties", reference("parameter")}};
  }
  json::object operator()(Member<Constraints>) const { return array_of({{"type", "string"}}); }
  json::object operator()(Member<Points>) const {
    return array_of({{"type", "object"}, {"additionalProperties", reference("value")}});
  }
};

json::value default_of(const Key& key) {
  JobSpec job;
  RoleSpec role;
  const Node node = native::write_value(key, Target{job, role});
  if (node.kind != Node::Kind::kScalar || node.text.empty() || !key.default_note.empty()) return {};
  if (node.quoted) return json::string(node.text);
  return json::parse(node.text);
}

json::object property(const Key& key) {
  json::object schema = std::visit(SchemaOf{key.rule}, key.field);
  schema["description"] = json::string(key.help);
  if (json::value value = default_of(key); !value.is_null()) schema["default"] = std::move(value);
  return schema;
}

json::object section_schema(const Section& section) {
  json::object properties;
  for (const Key* key : section.keys) properties[last_part(key->path)] = property(*key);
  for (const Section& inner : section.sections) {
    if (inner.name != "*") properties[inner.name] = section_schema(inner);
  }
  if (const Section* each = section.section("*")) {
    for (const Role role : {Role::kChief, Role::kWorker, Role::kPs, Role::kEvaluator})
      properties[to_string(role)] = section_schema(*each);
  }
  return {{"type", json::array{"object", "null"}},
          {"properties", std::move(properties)},
          {"additionalProperties", false}};
}

// The parts of a search that are no single key.
constexpr std::string_view kDefinitions = R"({
  "duration": {"anyOf": [{"type": "string", "minLength": 1,
                          "pattern": "^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"},
                         {"const": 0}, {"const": "0"}]},
  "value": {"type": ["string", "number", "boolean", "array"]},
  "ends": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
  "values": {"type": "array", "items": {"$ref": "#/$defs/value"}, "minItems": 1, "maxItems": 1000,
             "uniqueItems": true},
  "objective": {"type": "object", "additionalProperties": false, "required": ["metric", "goal"],
                "properties": {"metric": {"type": "string"},
                               "goal": {"enum": ["minimize", "maximize"]}}},
  "parameter": {"anyOf": [
    {"type": ["string", "number", "boolean"]},
    {"$ref": "#/$defs/values"},
    {"type": "object", "additionalProperties": false,
     "properties": {
       "double": {"$ref": "#/$defs/ends",
                  "description": "Any number from the lowest to the highest"},
       "int": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2,
               "description": "Whole numbers from the lowest to the highest"},
       "log": {"$ref": "#/$defs/ends", "description": "Even in the logarithm"},
       "reverse_log": {"$ref": "#/$defs/ends",
                       "description": "Even in the logarithm of the distance from the ceiling"},
       "values": {"$ref": "#/$defs/values", "description": "Ordered if they are numbers"},
       "categories": {"$ref": "#/$defs/values", "description": "Without an order"},
       "normal": {"$ref": "#/$defs/ends", "description": "Mean and deviation"},
       "lognormal": {"$ref": "#/$defs/ends", "description": "Mean and deviation of the logarithm"},
       "scale": {"enum": ["linear", "log", "reverse_log"]},
       "step": {"type": "number", "exclusiveMinimum": 0},
       "ceiling": {"type": "number"},
       "low": {"type": "number"},
       "high": {"type": "number"},
       "weights": {"type": "array", "items": {"type": "number", "minimum": 0}},
       "points": {"type": "integer", "minimum": 1, "maximum": 10000},
       "default": {"$ref": "#/$defs/value"},
       "when": {"type": "object", "minProperties": 1, "maxProperties": 1,
                "additionalProperties": {"$ref": "#/$defs/value"}}},
     "oneOf": [{"required": ["double"]}, {"required": ["int"]}, {"required": ["log"]},
               {"required": ["reverse_log"]}, {"required": ["values"]},
               {"required": ["categories"]}, {"required": ["normal"]},
               {"required": ["lognormal"]}]}]}
})";

// With two spaces a level, so that a change of one key is a change of few lines.
void print(const json::value& value, const std::string& indent, std::string& out) {
  const std::string deeper = indent + "  ";
  const auto* object = value.if_object();
  if (object == nullptr || object->empty()) {
    out += json::serialize(value);
    return;
  }
  const char* separator = "{\n";
  for (const auto& [key, member] : *object) {
    out += separator + deeper + json::serialize(json::string(key)) + ": ";
    print(member, deeper, out);
    separator = ",\n";
  }
  out += "\n" + indent + "}";
}

}  // namespace

std::string schema_json() {
  json::object schema = section_schema(root_section());
  schema["type"] = "object";
  json::object document{
      {"$schema", "https://json-schema.org/draft/2020-12/schema"},
      {"title", "The spec of a job"},
      {"description", "Made by `spec_reference --schema` from the table of keys"}};
  for (auto& [key, value] : schema) document[key] = std::move(value);
  document["anyOf"] = json::array{json::object{{"required", json::array{"model", "data"}}},
                                  json::object{{"required", json::array{"command"}}},
                                  json::object{{"required", json::array{"roles"}}}};
  auto& search = document.at("properties").as_object().at("search").as_object();
  search["type"] = "object";
  search["required"] = json::array{"parameters"};
  search["oneOf"] = json::array{json::object{{"required", json::array{"metric", "goal"}}},
                                json::object{{"required", json::array{"objectives"}}}};
  document["$defs"] = json::parse(kDefinitions);
  std::string out;
  print(document, "", out);
  return out + "\n";
}

}  // namespace dl::spec
