#include "daemon/runtime/server/call_guard.h"

#include <charconv>

#include "daemon/runtime/security/credentials.h"
#include "daemon/runtime/wire/agent_messages.h"

namespace dl::runtime::server {

grpc::Status CallGuard::check_token(const grpc::CallbackServerContext& context) const {
  return check_bearer(context, token_);
}

grpc::Status CallGuard::check(const grpc::CallbackServerContext& context) const {
  if (grpc::Status status = check_token(context); !status.ok()) return status;
  const auto header = context.client_metadata().find("dl-api");
  if (header == context.client_metadata().end()) return grpc::Status::OK;
  std::uint32_t api = 0;
  std::from_chars(header->second.begin(), header->second.end(), api);
  if (api >= wire::kApiMin) return grpc::Status::OK;
  return {grpc::StatusCode::FAILED_PRECONDITION,
          "this client speaks API " + std::string(header->second.begin(), header->second.end()) +
              ", the coordinator needs at least " + std::to_string(wire::kApiMin) +
              "; install the coordinator's version of dlctl (dlctl version)"};
}

}  // namespace dl::runtime::server
