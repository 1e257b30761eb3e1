#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "daemon/runtime/security/credentials.h"
#include "daemon/runtime/security/listen.h"
#include "daemon/runtime/security/token.h"

namespace dl::runtime {
namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path = fs::temp_directory_path() / ("dl_security_" + std::to_string(::getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
};

TEST_CASE("a token is made once, for its owner alone", "[security]") {
  const Folder folder;
  const fs::path file = folder.path / "new/token";
  const auto token = read_or_make_token(file);
  REQUIRE(token);
  CHECK(token->size() == 64);
  CHECK(token->find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(fs::status(file).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(*read_or_make_token(file) == *token);
  CHECK(*read_or_make_token(folder.path / "other") != *token);
  CHECK(std::distance(fs::directory_iterator(folder.path / "new"), {}) == 1);
}

TEST_CASE("two makers of a token end with the same one", "[security]") {
  const Folder folder;
  std::vector<std::string> tokens(8);
  std::vector<std::thread> makers;
  for (std::string& token : tokens) {
    makers.emplace_back([&] { token = read_or_make_token(folder.path / "token").value(); });
  }
  for (std::thread& maker : makers) maker.join();
  for (const std::string& token : tokens) CHECK(token == tokens.front());
}

TEST_CASE("an open or unusable token file is refused", "[security]") {
  const Folder folder;
  const fs::path file = folder.path / "token";
  REQUIRE(read_or_make_token(file));
  fs::permissions(file, fs::perms(0644));
  CHECK(read_token(file).error() ==
        Error{Code::kFailedPrecondition,
              "the token file " + file.string() +
                  " is open to other users (mode 0644); run: chmod 600 " + file.string()});
  fs::permissions(file, fs::perms(0600));
  for (const char* text : {"", "short\n", "two words of a token\n", "twenty\x01 characters"}) {
    std::ofstream(file, std::ios::trunc) << text;
    CHECK(read_or_make_token(file).error().message.find("no usable token") != std::string::npos);
  }
  CHECK(read_token(folder.path).error().message.find("is not a file") != std::string::npos);
  CHECK(read_token(folder.path / "none").error().code == Code::kNotFound);
}

TEST_CASE("only the exact token authorizes", "[security]") {
  const std::string token(32, 't');
  CHECK(check_authorization("Bearer " + token, token));
  CHECK(check_authorization("bearer " + token, token));
  CHECK(check_authorization("", token).error().message ==
        "no token; send the header \"Authorization: Bearer <token>\" with the content of the "
        "coordinator's token file");
  CHECK(check_authorization("Basic " + token, token).error().message ==
        "the authorization is not of the form \"Bearer <token>\"");
  for (const std::string& shown : {token + "t", token.substr(1), std::string(32, 'u')}) {
    CHECK(check_authorization("Bearer " + shown, token).error() ==
          Error{Code::kUnauthenticated,
                "the token is not this coordinator's; take the one in its token file"});
  }
  CHECK_FALSE(check_authorization("Bearer ", ""));
  CHECK_FALSE(check_authorization("Bearer x", ""));
}

TEST_CASE("addresses are read with their port", "[security]") {
  CHECK(*parse_address("127.0.0.1:7400") == Address{"127.0.0.1", 7400});
  CHECK(*parse_address("[::1]:0") == Address{"::1", 0});
  CHECK(to_string(Address{"::1", 7}) == "[::1]:7");
  for (const char* wrong : {"", "host", ":7400", "host:", "host:x", "host:65536", "::1:7400",
                            "host:-1", "http://host:1", "[]:1"}) {
    CHECK_FALSE(parse_address(wrong).has_value());
  }
}

TEST_CASE("nothing listens beyond loopback without TLS and a token", "[security]") {
  for (const char* host : {"127.0.0.1", "127.9.9.9", "::1", "localhost"}) {
    CHECK(check_listen({host, 1}, {}));
  }
  for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "gpu-07", "127.0.0.1.example.org"}) {
    CHECK_FALSE(check_listen({host, 1}, {}));
    CHECK_FALSE(check_listen({host, 1}, {.tls = true}));
    CHECK_FALSE(check_listen({host, 1}, {.token = true}));
    CHECK(check_listen({host, 1}, {.tls = true, .token = true}));
  }
  CHECK(check_listen({"0.0.0.0", 7400}, {.token = true}).error() ==
        Error{Code::kFailedPrecondition,
              "listening on 0.0.0.0:7400, beyond loopback, needs TLS (set tls_cert and tls_key); "
              "or listen on 127.0.0.1"});
}

TEST_CASE("TLS files are checked before they are used", "[security]") {
  const Folder folder;
  const auto run = [&](const std::string& arguments) {
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
        "-nodes -days 2 -subj /CN=localhost " +
        arguments + " 2>/dev/null";
    return std::system(command.c_str());
  };
  const std::string dir = folder.path.string();
  REQUIRE(run("-keyout " + dir + "/key.pem -out " + dir + "/cert.pem") == 0);
  REQUIRE(run("-keyout " + dir + "/other.pem -out " + dir + "/other_cert.pem") == 0);
  const TlsFiles good{dir + "/cert.pem", dir + "/key.pem"};
  CHECK(server_credentials(good).has_value());
  CHECK(channel_credentials(good.certificate).has_value());
  CHECK(read_tls_files({good.certificate, dir + "/other.pem"}).error().message ==
        dir + "/other.pem: this key does not belong to " + dir + "/cert.pem");
  CHECK(read_tls_files({good.key, good.key}).error().message ==
        dir + "/key.pem: this is not a certificate in PEM form");
  CHECK(read_tls_files({good.certificate, {}}).error().message ==
        "TLS needs tls_cert and tls_key; the private key is not set");
  fs::permissions(good.key, fs::perms(0644));
  CHECK(read_tls_files(good).error().message.find("open to other users") != std::string::npos);
  CHECK(channel_credentials(dir + "/none.pem").error().code == Code::kNotFound);
}

}  // namespace
}  // namespace dl::runtime
