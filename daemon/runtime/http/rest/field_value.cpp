#include "daemon/runtime/http/rest/field_value.h"

#include <google/protobuf/util/json_util.h>

#include <charconv>
#include <limits>

#include "base/nearest.h"

namespace dl::runtime::http {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

template <class Number>
Result<Number> parse_number(const std::string& text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size()) return number;
  if constexpr (std::is_integral_v<Number>) {
    return invalid_argument("\"" + text + "\" is not a whole number from " +
                            std::to_string(std::numeric_limits<Number>::min()) + " to " +
                            std::to_string(std::numeric_limits<Number>::max()));
  } else {
    return invalid_argument("\"" + text + "\" is not a number");
  }
}

Result<bool> parse_bool(const std::string& text) {
  if (text.empty() || text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return invalid_argument("\"" + text + "\" is not true or false");
}

Result<const EnumValueDescriptor*> parse_enum(const EnumDescriptor& type, const std::string& text) {
  if (const EnumValueDescriptor* value = type.FindValueByName(text)) return value;
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) names.push_back(type.value(i)->name());
  return invalid_argument("\"" + text + "\" is not one of the values of " + type.name() +
                          did_you_mean(text, names));
}

// Calls `set` or, for a repeated field, `add` with the value, unless parsing failed.
template <class T, class Set, class Add>
Result<void> store(Message& message, const FieldDescriptor& field, const Result<T>& value, Set set,
                   Add add) {
  if (!value) return value.error();
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    (reflection.*add)(&message, &field, *value);
  } else {
    (reflection.*set)(&message, &field, *value);
  }
  return {};
}

// Times, durations and wrapped values have a text form in JSON; other messages have none.
Result<void> set_message(Message& message, const FieldDescriptor& field, const std::string& text) {
  const Error error = invalid_argument("\"" + text + "\" is not a " + field.message_type()->name());
  if (field.is_map() || text.find_first_of("\"\\") != text.npos) return error;
  const Reflection& reflection = *message.GetReflection();
  Message* part = field.is_repeated() ? reflection.AddMessage(&message, &field)
                                      : reflection.MutableMessage(&message, &field);
  if (!google::protobuf::util::JsonStringToMessage("\"" + text + "\"", part).ok()) return error;
  return {};
}

}  // namespace

Result<void> set_field(Message& message, const FieldDescriptor& field, const std::string& text) {
  using R = Reflection;
  const auto put = [&](const auto& value, auto set, auto add) {
    return store(message, field, value, set, add);
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return put(Result<std::string>(text), &R::SetString, &R::AddString);
    case FieldDescriptor::CPPTYPE_BOOL: return put(parse_bool(text), &R::SetBool, &R::AddBool);
    case FieldDescriptor::CPPTYPE_INT32:
      return put(parse_number<std::int32_t>(text), &R::SetInt32, &R::AddInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return put(parse_number<std::int64_t>(text), &R::SetInt64, &R::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return put(parse_number<std::uint32_t>(text), &R::SetUInt32, &R::AddUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return put(parse_number<std::uint64_t>(text), &R::SetUInt64, &R::AddUInt64);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return put(parse_number<double>(text), &R::SetDouble, &R::AddDouble);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return put(parse_number<float>(text), &R::SetFloat, &R::AddFloat);
    case FieldDescriptor::CPPTYPE_ENUM:
      return put(parse_enum(*field.enum_type(), text), &R::SetEnum, &R::AddEnum);
    case FieldDescriptor::CPPTYPE_MESSAGE: return set_message(message, field, text);
  }
  return internal("a field of unknown type");
}

}  // namespace dl::runtime::http
