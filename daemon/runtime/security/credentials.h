// gRPC's credentials, made of PEM files and the token.

#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <filesystem>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace dl::runtime {

// A server's certificate chain and private key; both empty: no TLS.
struct TlsFiles {
  std::filesystem::path certificate;
  std::filesystem::path key;

  bool enabled() const { return !certificate.empty() || !key.empty(); }
};

// Certificate and key as text. Errors: a file is missing, or not PEM, or the two do not belong
// together, or the key is open to other users.
struct TlsIdentity {
  std::string certificate_pem;
  std::string key_pem;
};
Result<TlsIdentity> read_tls_files(const TlsFiles& files);

// Insecure credentials without files: what check_listen allows on loopback.
Result<std::shared_ptr<grpc::ServerCredentials>> server_credentials(const TlsFiles& files);

// TLS that trusts `authority` (PEM); insecure when it is empty.
Result<std::shared_ptr<grpc::ChannelCredentials>> channel_credentials(
    const std::filesystem::path& authority);

// Shows the token in a call a client makes.
void add_bearer(grpc::ClientContext& context, std::string_view token);

// For the first line of a service's method: OK when the caller shows `token`, else UNAUTHENTICATED.
grpc::Status check_bearer(const grpc::ServerContextBase& context, std::string_view token);

}  // namespace dl::runtime
