#include "daemon/runtime/security/credentials.h"

#include <grpcpp/client_context.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "daemon/runtime/security/token.h"

namespace dl::runtime {
namespace {

Error refused(const std::filesystem::path& file, const std::string& why) {
  return {Code::kFailedPrecondition, file.string() + ": " + why};
}

Result<std::string> read_pem(const std::filesystem::path& file, std::string_view what) {
  if (file.empty()) {
    return Error{Code::kFailedPrecondition,
                 "TLS needs tls_cert and tls_key; the " + std::string(what) + " is not set"};
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return errno_error("read the " + std::string(what) + " " + file.string(), errno);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Bio memory_of(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
}

// A daemon has nobody to type a passphrase: an encrypted key is refused, not asked about.
int no_passphrase(char*, int, int, void*) { return 0; }

Certificate parse_certificate(const std::string& pem) {
  Certificate certificate(PEM_read_bio_X509(memory_of(pem).get(), nullptr, no_passphrase, nullptr),
                          &X509_free);
  ERR_clear_error();
  return certificate;
}

Key parse_key(const std::string& pem) {
  Key key(PEM_read_bio_PrivateKey(memory_of(pem).get(), nullptr, no_passphrase, nullptr),
          &EVP_PKEY_free);
  ERR_clear_error();
  return key;
}

}  // namespace

Result<TlsIdentity> read_tls_files(const TlsFiles& files) {
  DL_TRY(std::string certificate_pem, read_pem(files.certificate, "certificate"));
  DL_TRY(std::string key_pem, read_pem(files.key, "private key"));
  struct stat status {};
  if (::stat(files.key.c_str(), &status) == 0 && (status.st_mode & 07) != 0) {
    return refused(files.key,
                   "this private key is open to other users; run: chmod 600 " + files.key.string());
  }
  const Certificate certificate = parse_certificate(certificate_pem);
  if (!certificate) return refused(files.certificate, "this is not a certificate in PEM form");
  const Key key = parse_key(key_pem);
  if (!key) return refused(files.key, "this is not a private key in PEM form without passphrase");
  const bool match = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!match) {
    return refused(files.key, "this key does not belong to " + files.certificate.string());
  }
  return TlsIdentity{std::move(certificate_pem), std::move(key_pem)};
}

Result<std::shared_ptr<grpc::ServerCredentials>> server_credentials(const TlsFiles& files) {
  if (!files.enabled()) return grpc::InsecureServerCredentials();
  DL_TRY(const TlsIdentity identity, read_tls_files(files));
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({identity.key_pem, identity.certificate_pem});
  return grpc::SslServerCredentials(options);
}

Result<std::shared_ptr<grpc::ChannelCredentials>> channel_credentials(
    const std::filesystem::path& authority) {
  if (authority.empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  DL_TRY(options.pem_root_certs, read_pem(authority, "authority"));
  if (!parse_certificate(options.pem_root_certs)) {
    return refused(authority, "this is not a certificate in PEM form");
  }
  return grpc::SslCredentials(options);
}

void add_bearer(grpc::ClientContext& context, std::string_view token) {
  context.AddMetadata("authorization", "Bearer " + std::string(token));
}

grpc::Status check_bearer(const grpc::ServerContextBase& context, std::string_view token) {
  const auto& metadata = context.client_metadata();
  const auto it = metadata.find("authorization");
  const std::string_view authorization =
      it == metadata.end() ? std::string_view()
                           : std::string_view(it->second.data(), it->second.size());
  const auto checked = check_authorization(authorization, token);
  if (checked) return grpc::Status::OK;
  return {grpc::StatusCode::UNAUTHENTICATED, checked.error().message};
}

}  // namespace dl::runtime
