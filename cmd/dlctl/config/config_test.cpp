// Where the coordinator's address and the token come from.

#include <sys/stat.h>
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "cmd/dlctl/config/contexts.h"
#include "cmd/dlctl/config/endpoint.h"
#include "cmd/dlctl/host.h"

namespace dl::dlctl {
namespace {

namespace fs = std::filesystem;

struct Home {
  Home() {
    std::string name = (fs::temp_directory_path() / "dlctl-config-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder = name;
    values["HOME"] = folder.string();
  }
  ~Home() { fs::remove_all(folder); }

  Environment env() const {
    return [this](std::string_view name) -> std::optional<std::string> {
      const auto found = values.find(std::string(name));
      return found == values.end() ? std::nullopt : std::optional(found->second);
    };
  }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((folder / path).parent_path());
    std::ofstream(folder / path) << text;
  }

  fs::path folder;
  std::map<std::string, std::string> values;
};

constexpr const char* kConfig =
    "current: lab\n"
    "contexts:\n"
    "  lab: {server: \"gpu-01:7400\", token: from-lab}\n"
    "  far: {server: far.example}\n";

}  // namespace

TEST_CASE("the address is the first that speaks", "[dlctl]") {
  Home home;
  const auto address = [&](const std::string& server, const std::string& context) {
    const auto endpoint = resolve_endpoint(server, context, home.env());
    REQUIRE(endpoint.has_value());
    return endpoint->address;
  };
  CHECK(address("", "") == "127.0.0.1:7400");
  home.write(".local/state/dl/dev/address", "127.0.0.1:7500\n");
  CHECK(address("", "") == "127.0.0.1:7500");
  home.write(".config/dl/config.yaml", kConfig);
  CHECK(address("", "") == "gpu-01:7400");
  home.values["DL_CONTEXT"] = "far";
  CHECK(address("", "") == "far.example:7400");
  home.values["DL_SERVER"] = "env:1";
  CHECK(address("", "") == "env:1");
  CHECK(address("", "lab") == "gpu-01:7400");
  CHECK(address("flag:2", "lab") == "flag:2");
}

TEST_CASE("the token is DL_TOKEN, the context's, or a file of this machine", "[dlctl]") {
  Home home;
  const auto resolve = [&](const std::string& server) {
    const auto endpoint = resolve_endpoint(server, "", home.env());
    REQUIRE(endpoint.has_value());
    return std::pair(endpoint->token, endpoint->token_source);
  };
  CHECK(resolve("").first.empty());
  home.write(".local/state/dl/coordinator/token", "usual\n");
  CHECK(resolve("").first == "usual");
  home.write(".local/state/dl/dev/coordinator/token", "dev\n");
  home.write(".local/state/dl/dev/address", "127.0.0.1:7500\n");
  CHECK(resolve("").first == "dev");
  CHECK(resolve("127.0.0.1:7400").first == "usual");
  // A token of this machine is not shown to another.
  CHECK(resolve("gpu-01:7400").first.empty());
  home.write(".config/dl/config.yaml", kConfig);
  CHECK(resolve("").first == "from-lab");
  home.values["DL_TOKEN"] = " from-env\n";
  CHECK(resolve("") == std::pair(std::string("from-env"), std::string("DL_TOKEN")));
}

TEST_CASE("a context's files are read, and their absence is said", "[dlctl]") {
  Home home;
  const auto token = (home.folder / "token").string();
  home.write(".config/dl/config.yaml",
             "contexts:\n  lab: {server: \"a:1\", token_file: " + token + "}\n");
  const auto missing = resolve_endpoint("", "lab", home.env());
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == Code::kNotFound);
  CHECK(missing.error().message.find(token) != std::string::npos);
  home.write("token", "secret\n");
  CHECK(resolve_endpoint("", "lab", home.env())->token == "secret");
  const auto unknown = resolve_endpoint("", "lob", home.env());
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().message.find("there are: lab") != std::string::npos);
}

TEST_CASE("contexts survive being saved, in a file for their owner only", "[dlctl]") {
  Home home;
  Contexts contexts;
  contexts.current = "lab";
  contexts.entries["lab"] = {"gpu-01:7400", "a: \"strange\" token", "", "/ca.pem"};
  REQUIRE(save_contexts(home.env(), contexts).has_value());
  const auto loaded = load_contexts(home.env());
  REQUIRE(loaded.has_value());
  CHECK(loaded->current == "lab");
  CHECK(loaded->entries == contexts.entries);
  struct stat info {};
  REQUIRE(stat(contexts_file(home.env()).c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("a wrong file of contexts is named with its line", "[dlctl]") {
  const auto unknown = parse_contexts("contexts:\n  lab:\n    host: x\n", "c.yaml");
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().message ==
        "c.yaml:3:5: unknown key \"host\"; a context has server, token, token_file, tls_ca");
  CHECK_FALSE(parse_contexts("contexts: [\n", "c.yaml").has_value());
  CHECK_FALSE(parse_contexts("- a\n", "c.yaml").has_value());
  CHECK_FALSE(parse_contexts("contexts:\n  lab: {server: [1]}\n", "c.yaml").has_value());
  CHECK(parse_contexts("", "c.yaml").has_value());
}

}  // namespace dl::dlctl
