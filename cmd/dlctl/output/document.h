// -o json and -o yaml: API messages as documents, with the field names that REST has.

#pragma once

#include <google/protobuf/message.h>

#include <boost/json/value.hpp>
#include <string>

namespace dl::dlctl {

// The proto3 JSON mapping as REST has it: field names in snake_case, unset fields included.
boost::json::value to_document(const google::protobuf::Message& message);

// {"items": […]} of a list.
template <class Messages>
boost::json::value to_items(const Messages& messages) {
  boost::json::array items;
  for (const auto& message : messages) items.push_back(to_document(message));
  return boost::json::object{{"items", std::move(items)}};
}

// Indented by two, with a line end.
std::string to_json_text(const boost::json::value& value);

// Block style; texts of several lines as literal blocks, other texts quoted where YAML would read
// anything else than the text.
std::string to_yaml_text(const boost::json::value& value);

}  // namespace dl::dlctl
