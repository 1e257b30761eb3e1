// Which method a request calls, by the HTTP rules of the services.

#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "daemon/runtime/http/rest/path_template.h"
#include "dl/v1/http.pb.h"

namespace dl::runtime::http {

struct Route {
  dl::v1::HttpRule rule;
  PathTemplate path;
  const google::protobuf::MethodDescriptor* method = nullptr;
  // The field that takes the body as text; null when there is none or the body is the message.
  const google::protobuf::FieldDescriptor* document = nullptr;

  bool body_is_message() const { return rule.body() == "*"; }
  bool takes_body() const { return !rule.body().empty(); }
  std::string grpc_name() const;  // "/dl.v1.JobService/SubmitJob"
};

class RouteTable {
 public:
  // Reads the rules of `services` (full names). The errors are mistakes in the protos, or services
  // that are not linked in; the daemon does not start with them.
  static Result<RouteTable> make(const std::vector<std::string>& services);

  struct Found {
    const Route* route = nullptr;  // Null: no such path, or not by this method.
    PathTemplate::Values values = {};
    std::vector<std::string> allowed;  // Methods the path has, when it has not this one.
  };
  // A HEAD goes where the GET goes.
  Found find(std::string_view method, std::string_view path) const;

  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

}  // namespace dl::runtime::http
