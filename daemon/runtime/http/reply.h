// What is sent for a request, before it is put into HTTP's form.

#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/runtime/http/grpc_call.h"
#include "daemon/runtime/http/rest/problem.h"

namespace dl::runtime::http {

// How a stream's messages are written.
enum class StreamForm { kEvents, kRawData };

struct Reply {
  int status = 200;
  std::string content_type;
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  bool close = false;  // The connection cannot be used for another request.

  // When set, the body is this stream's messages; `first` is what its first next() found.
  std::shared_ptr<StreamCall> stream = {};
  StreamCall::Next first = StreamCall::Next::kSilence;
  StreamForm form = StreamForm::kEvents;
};

// A problem document with the headers its status asks for.
Reply problem_reply(const Problem& problem, std::string_view path);

}  // namespace dl::runtime::http
