#include "daemon/runtime/http/rest/route_table.h"

#include <algorithm>

namespace dl::runtime::http {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

Result<Route> make_route(const MethodDescriptor& method) {
  const auto wrong = [&](std::string why) {
    return internal("the http option of " + method.full_name() + ": " + std::move(why));
  };
  Route route;
  route.rule = method.options().GetExtension(dl::v1::http);
  route.method = &method;
  auto path = PathTemplate::parse(route.rule.path());
  if (!path) return wrong(path.error().message);
  route.path = *std::move(path);
  for (const std::string& field : route.path.fields()) {
    if (method.input_type()->FindFieldByName(field) == nullptr) {
      return wrong("the request has no field " + field);
    }
  }
  if (route.takes_body() && !route.body_is_message()) {
    route.document = method.input_type()->FindFieldByName(route.rule.body());
    if (route.document == nullptr || route.document->type() != FieldDescriptor::TYPE_STRING) {
      return wrong("the body " + route.rule.body() + " is not a string field of the request");
    }
  }
  if (method.client_streaming()) return wrong("a client's stream has no form in REST");
  return route;
}

void allow(std::vector<std::string>& allowed, const std::string& method) {
  allowed.push_back(method);
  if (method == "GET") allowed.push_back("HEAD");
}

}  // namespace

std::string Route::grpc_name() const {
  return "/" + method->service()->full_name() + "/" + method->name();
}

Result<RouteTable> RouteTable::make(const std::vector<std::string>& services) {
  RouteTable table;
  for (const std::string& name : services) {
    const ServiceDescriptor* service = DescriptorPool::generated_pool()->FindServiceByName(name);
    if (service == nullptr) return internal("the service " + name + " is not part of this program");
    for (int i = 0; i < service->method_count(); ++i) {
      const MethodDescriptor& method = *service->method(i);
      if (!method.options().HasExtension(dl::v1::http)) continue;
      DL_TRY(Route route, make_route(method));
      for (const Route& other : table.routes_) {
        if (other.rule.method() == route.rule.method() && other.path.overlaps(route.path)) {
          return internal(method.full_name() + " and " + other.method->full_name() +
                          " are on the same path");
        }
      }
      table.routes_.push_back(std::move(route));
    }
  }
  return table;
}

RouteTable::Found RouteTable::find(std::string_view method, std::string_view path) const {
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  Found found;
  for (const Route& route : routes_) {
    auto values = route.path.match(path);
    if (!values) continue;
    if (route.rule.method() == wanted) return {&route, *std::move(values), {}};
    allow(found.allowed, route.rule.method());
  }
  return found;
}

}  // namespace dl::runtime::http
