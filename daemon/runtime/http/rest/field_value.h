// Sets a field of a message from a text, as a path, a query or a header has it.

#pragma once

#include <google/protobuf/message.h>

#include <string>

#include "base/result.h"

namespace dl::runtime::http {

// Appends to a repeated field. "" is true for a bool, so that "?follow" says it. Times and
// durations are read as in JSON ("2026-11-23T04:51:54Z", "1.5s"). The error says what would be
// right.
Result<void> set_field(google::protobuf::Message& message,
                       const google::protobuf::FieldDescriptor& field, const std::string& text);

}  // namespace dl::runtime::http
