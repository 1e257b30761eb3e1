// The dev cluster with real daemons: up, a job, kill -9 of each daemon, up again, down.

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

namespace fs = std::filesystem;

// A port that was free a moment ago.
int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  close(fd);
  return ntohs(address.sin_port);
}

struct Output {
  int code = 0;
  std::string text;  // stdout and stderr.
};

class DevCluster {
 public:
  DevCluster() {
    std::string name = (fs::temp_directory_path() / "dl-dev-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    home_ = name;
    up_ = "dev up --port " + std::to_string(free_port()) + " --http-port " +
          std::to_string(free_port());
  }
  ~DevCluster() {
    dlctl("dev down --force --purge");
    fs::remove_all(home_);
  }

  Output dlctl(const std::string& arguments) const {
    const std::string command = "HOME=" + home_.string() + " XDG_STATE_HOME=" + home_.string() +
                                "/state XDG_CONFIG_HOME=" + home_.string() +
                                "/config " DL_BINARY_DIR "/dlctl " + arguments + " 2>&1";
    FILE* pipe = popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    Output output;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
      output.text += static_cast<char>(c);
    }
    output.code = WEXITSTATUS(pclose(pipe));
    UNSCOPED_INFO("$ dlctl " << arguments << "\n" << output.text);
    return output;
  }
  Output up() const { return dlctl(up_); }

  std::string job(const std::string& name, const std::string& command) const {
    const auto file = home_ / (name + ".yaml");
    std::ofstream(file) << "name: " << name << "\ncommand: '" << command << "'\n";
    return file.string();
  }

  pid_t pid_of(const std::string& daemon) const {
    std::ifstream in(home_ / "state/dl/dev" / daemon / "process");
    pid_t pid = 0;
    in >> pid;
    return pid;
  }
  const fs::path& home() const { return home_; }

 private:
  fs::path home_;
  std::string up_;
};

// A zombie is not: in a container nobody may come to wait for it.
bool is_alive(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(in, line);
  const auto name_end = line.rfind(") ");
  return pid > 0 && name_end != std::string::npos && line[name_end + 2] != 'Z';
}

void wait_until_gone(pid_t pid) {
  for (int i = 0; i < 500 && is_alive(pid); ++i) usleep(10'000);
  REQUIRE_FALSE(is_alive(pid));
}

}  // namespace

TEST_CASE("a dev cluster comes up, runs a job and goes down without a trace", "[integration]") {
  const DevCluster cluster;
  REQUIRE(cluster.up().code == 0);
  REQUIRE(cluster.dlctl("dev status").code == 0);

  const auto submitted = cluster.dlctl("submit -q " + cluster.job("hello", "echo hello"));
  REQUIRE(submitted.text == "1\n");
  CHECK(cluster.dlctl("wait 1").code == 0);
  CHECK(cluster.dlctl("logs 1").text == "hello\n");
  CHECK(cluster
            .dlctl("submit --follow " + cluster.job("fails", "exit 3") +
                   " --set restarts.user_code=0")
            .code == 1);

  const pid_t coordinator = cluster.pid_of("coordinator");
  const pid_t agent = cluster.pid_of("agent-0");
  CHECK(cluster.dlctl("dev down").code == 0);
  CHECK_FALSE(is_alive(coordinator));
  CHECK_FALSE(is_alive(agent));
  CHECK(cluster.dlctl("dev status").code == 6);
  CHECK(cluster.dlctl("jobs").code == 6);
}

TEST_CASE("dev up starts what was killed, and only that", "[integration]") {
  const DevCluster cluster;
  REQUIRE(cluster.up().code == 0);
  // The task says when it runs and goes on until it is allowed to end.
  const std::string folder = cluster.home().string();
  REQUIRE(cluster
              .dlctl("submit -q " +
                     cluster.job("long", "while [ ! -e " + folder + "/end ]; do sleep 0.05; done"))
              .code == 0);
  const pid_t survivor = cluster.pid_of("agent-0");
  for (const std::string daemon : {"coordinator", "agent-1"}) {
    const pid_t killed = cluster.pid_of(daemon);
    REQUIRE(kill(killed, SIGKILL) == 0);
    wait_until_gone(killed);
    CHECK(cluster.dlctl("dev status").code == 6);
    REQUIRE(cluster.up().code == 0);
    CHECK(cluster.pid_of(daemon) != killed);
    CHECK(cluster.pid_of("agent-0") == survivor);
  }
  const auto refused = cluster.dlctl("dev down");
  CHECK(refused.code == 5);
  CHECK(refused.text.find("job 1 (long) has not ended") != std::string::npos);
  std::ofstream(folder + "/end") << "end";
  CHECK(cluster.dlctl("wait 1 --timeout 30s").code == 0);
}

TEST_CASE("dev down --force leaves no task behind", "[integration]") {
  const DevCluster cluster;
  REQUIRE(cluster.up().code == 0);
  const std::string pid_file = cluster.home().string() + "/pid";
  REQUIRE(cluster
              .dlctl("submit -q " +
                     cluster.job("stubborn", "echo $$ > " + pid_file + "; exec sleep 1000"))
              .code == 0);
  pid_t task = 0;
  for (int i = 0; i < 1000 && task == 0; ++i) {
    usleep(10'000);
    std::ifstream(pid_file) >> task;
  }
  REQUIRE(is_alive(task));
  CHECK(cluster.dlctl("dev down --force --purge").code == 0);
  CHECK_FALSE(is_alive(task));
  CHECK_FALSE(fs::exists(cluster.home() / "state/dl/dev"));
}
