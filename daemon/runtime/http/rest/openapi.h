// The OpenAPI 3.1 document of the REST interface, made of the same rules and messages as the
// interface itself.

#pragma once

#include <string>
#include <string_view>

#include "daemon/runtime/http/rest/route_table.h"

namespace dl::runtime::http {

std::string openapi_document(const RouteTable& routes, std::string_view version);

}  // namespace dl::runtime::http
