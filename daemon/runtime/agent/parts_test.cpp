// The parts of the agent's shell, each on its own.

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <catch2/catch.hpp>
#include <fstream>

#include "daemon/runtime/agent/environment.h"
#include "daemon/runtime/agent/log_reader.h"
#include "daemon/runtime/agent/port_pool.h"
#include "daemon/runtime/agent/report_relay.h"
#include "tests/support/temp_dir.h"

namespace dl::runtime::agent {
namespace {

namespace fs = std::filesystem;

// --- ports -----------------------------------------------------------------------------------

constexpr PortRange kRange{.first = 18000, .last = 18063};

bool can_listen(std::uint16_t port) {
  const supervise::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
         ::listen(fd.get(), 1) == 0;
}

TEST_CASE("two agents of a machine never hold the same port", "[ports]") {
  PortPool one(kRange, 7);
  PortPool two(kRange, 7);
  one.hold(10);
  two.hold(10);
  CHECK(one.held().size() == 10);
  CHECK(two.held().size() == 10);
  for (const auto port : one.held()) {
    CHECK(std::ranges::count(two.held(), port) == 0);
    CHECK_FALSE(can_listen(port));
  }
}

TEST_CASE("a task's port is free to bind, and no agent takes it while the task lives", "[ports]") {
  PortPool one(kRange, 0);
  one.hold(4);
  const std::vector<std::uint16_t> given{one.held().front()};
  one.hand_over(given);
  CHECK(one.held().size() == 3);
  CHECK(can_listen(given[0]));

  PortPool two(kRange, 0);
  two.hold(1000);
  one.hold(1000);
  CHECK(std::ranges::count(two.held(), given[0]) == 0);
  CHECK(std::ranges::count(one.held(), given[0]) == 0);
  one.give_up(given);
  two.hold(1000);
  CHECK(std::ranges::count(two.held(), given[0]) == 1);
}

TEST_CASE("a port somebody else uses is passed over", "[ports]") {
  const supervise::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(18100);
  REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  PortPool pool({.first = 18100, .last = 18102}, 0);
  pool.hold(10);
  CHECK(pool.held() == std::vector<std::uint16_t>{18101, 18102});
}

TEST_CASE("a range of ports is read, or refused with an example", "[ports]") {
  CHECK(*parse_port_range("20000-32767") == PortRange{});
  for (const char* wrong : {"", "20000", "2-1", "80-90", "30000-20000", "1-70000", "a-b"}) {
    CHECK(parse_port_range(wrong).error().message.find("20000-32767") != std::string::npos);
  }
}

// --- environment -----------------------------------------------------------------------------

TEST_CASE("a task gets a clean base, the order's variables, and its own GPUs", "[environment]") {
  const auto base = base_environment([](const char* name) -> const char* {
    const std::string_view wanted = name;
    if (wanted == "HOME") return "/home/me";
    return wanted == "SECRET" ? "x" : nullptr;
  });
  CHECK(base.at("HOME") == "/home/me");
  CHECK(base.at("PATH") == "/usr/local/bin:/usr/bin:/bin");
  CHECK_FALSE(base.contains("SECRET"));

  StartTask order;
  order.slots.cpus = 3;
  order.gpu_uuids = {"GPU-a", "GPU-b"};
  order.env = {{"HOME", "/data"}, {"CUDA_VISIBLE_DEVICES", "all of them"}};
  auto env = environment_of(order, base, "/state/task.json");
  CHECK(env.at("HOME") == "/data");
  CHECK(env.at("CUDA_VISIBLE_DEVICES") == "GPU-a,GPU-b");
  CHECK(env.at("CUDA_DEVICE_ORDER") == "PCI_BUS_ID");
  CHECK(env.at("DL_TASK") == "/state/task.json");
  CHECK(env.at("OMP_NUM_THREADS") == "3");

  order.gpu_uuids.clear();
  order.env = {{"OMP_NUM_THREADS", "8"}};
  env = environment_of(order, base, "");
  CHECK(env.at("CUDA_VISIBLE_DEVICES").empty());
  CHECK(env.at("OMP_NUM_THREADS") == "8");
}

// --- logs ------------------------------------------------------------------------------------

std::uint64_t tail_of(const std::string& text, std::uint64_t lines) {
  const test::TempDir dir;
  std::ofstream(dir / "log", std::ios::binary) << text;
  const supervise::Fd fd(::open((dir / "log").c_str(), O_RDONLY | O_CLOEXEC));
  return offset_of_tail(fd.get(), lines);
}

TEST_CASE("the tail of a log begins at a line", "[logs]") {
  CHECK(tail_of("", 3) == 0);
  CHECK(tail_of("a\nb\nc\n", 1) == 4);
  CHECK(tail_of("a\nb\nc", 1) == 4);
  CHECK(tail_of("a\nb\nc\n", 2) == 2);
  CHECK(tail_of("a\nb\nc\n", 9) == 0);
  const std::string wide(100'000, 'x');  // Lines longer than a block.
  CHECK(tail_of(wide + "\n" + wide + "\n", 1) == wide.size() + 1);
}

struct LogFixture {
  test::TempDir dir;
  boost::asio::io_context loop;
  boost::asio::thread_pool files{1};
  bool live = false;
  bool ended = false;
  std::string text;
  std::string error;
  std::size_t largest = 0;
  std::function<void()> on_data = [] {};
  LogReaders readers{loop,
                     files,
                     {.is_live = [this](const TaskId&) { return live; },
                      .send =
                          [this](LogBlock block, std::function<void()> sent) {
                            CHECK(block.offset == text.size());
                            text += block.data;
                            largest = std::max(largest, block.data.size());
                            ended = block.end;
                            error = block.error;
                            if (!block.data.empty()) on_data();
                            boost::asio::post(loop, std::move(sent));
                          }}};

  void run(const std::function<bool()>& until) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!until() && std::chrono::steady_clock::now() < end) {
      loop.restart();
      loop.run_one_for(std::chrono::milliseconds(50));
    }
    REQUIRE(until());
  }
};

TEST_CASE("a log is sent as a whole, in blocks, and then its end", "[logs]") {
  LogFixture fixture;
  const std::string text(300'000, 'x');
  std::ofstream(fixture.dir / "log") << text;
  fixture.readers.read({.request = 1, .file = fixture.dir / "log"});
  fixture.run([&] { return fixture.ended; });
  CHECK(fixture.text == text);
  CHECK(fixture.largest <= 65536);
  CHECK(fixture.readers.size() == 0);
}

TEST_CASE("a followed log ends when the task has and all was sent", "[logs]") {
  LogFixture fixture;
  fixture.live = true;
  std::ofstream out(fixture.dir / "log");
  out << "one\n" << std::flush;
  fixture.readers.read({.request = 1, .file = fixture.dir / "log", .follow = true});
  fixture.run([&] { return fixture.text == "one\n"; });
  CHECK_FALSE(fixture.ended);
  out << "two\n" << std::flush;
  fixture.live = false;
  fixture.run([&] { return fixture.ended; });
  CHECK(fixture.text == "one\ntwo\n");
}

TEST_CASE("a reader sends no more than its window, and can be cancelled", "[logs]") {
  LogFixture fixture;
  std::ofstream(fixture.dir / "log") << std::string(1000, 'x');
  fixture.readers.read({.request = 1, .file = fixture.dir / "log", .window_bytes = 100});
  fixture.run([&] { return fixture.text.size() == 100; });
  fixture.loop.restart();
  fixture.loop.run_for(std::chrono::milliseconds(20));
  CHECK(fixture.text.size() == 100);
  fixture.readers.more(1, 50);
  fixture.run([&] { return fixture.text.size() == 150; });
  fixture.readers.cancel(1);
  CHECK(fixture.readers.size() == 0);
  CHECK_FALSE(fixture.ended);
}

TEST_CASE("a log that is not there is an end with an error", "[logs]") {
  LogFixture fixture;
  fixture.readers.read({.request = 1, .file = fixture.dir / "nothing"});
  fixture.run([&] { return fixture.ended; });
  CHECK(fixture.error.find("No such file") != std::string::npos);
}

// --- reports ---------------------------------------------------------------------------------

struct FakeStream final : WorkerStream {
  explicit FakeStream(std::uint64_t number) : number_(number) {}
  std::uint64_t serial() const override { return number_; }
  void read_next() override { ++reads; }
  void acknowledge(std::uint64_t number) override { acknowledged = number; }
  void close(const grpc::Status& status) override { closed = status.error_code(); }

  std::uint64_t number_;
  int reads = 0;
  std::uint64_t acknowledged = 0;
  grpc::StatusCode closed = grpc::StatusCode::OK;
};

struct RelayFixture {
  std::vector<std::uint64_t> forwarded;
  std::vector<std::function<void()>> written;
  ReportRelay relay{[this](const v1::TaskReport& report, std::function<void()> done) {
    forwarded.push_back(report.number());
    written.push_back(std::move(done));
  }};
  TaskId task;
  std::shared_ptr<FakeStream> stream = std::make_shared<FakeStream>(1);

  void report(std::uint64_t number) {
    v1::TaskReport one;
    one.set_number(number);
    relay.report(task, stream, one);
  }
};

TEST_CASE("reports go on in order, one at a time, and acknowledgements come back", "[reports]") {
  RelayFixture fixture;
  fixture.relay.set_session(true);
  fixture.report(1);
  fixture.report(2);
  CHECK(fixture.forwarded == std::vector<std::uint64_t>{1});
  fixture.written[0]();
  CHECK(fixture.forwarded == std::vector<std::uint64_t>{1, 2});
  fixture.relay.acknowledge(fixture.task, 2);
  CHECK(fixture.stream->acknowledged == 2);
  CHECK(fixture.stream->reads == 2);
}

TEST_CASE("without a session reports wait, up to a bound", "[reports]") {
  RelayFixture fixture;
  for (std::uint64_t number = 1; number <= 64; ++number) fixture.report(number);
  CHECK(fixture.forwarded.empty());
  CHECK(fixture.stream->reads == 63);  // The 64th is held and no more is read.
  fixture.relay.set_session(true);
  CHECK(fixture.forwarded == std::vector<std::uint64_t>{1});
  CHECK(fixture.stream->reads == 64);
}

TEST_CASE("when the session ends the worker has to say it again", "[reports]") {
  RelayFixture fixture;
  fixture.relay.set_session(true);
  fixture.report(1);
  fixture.report(2);
  fixture.relay.set_session(false);
  CHECK(fixture.stream->closed == grpc::StatusCode::UNAVAILABLE);
  fixture.relay.set_session(true);
  fixture.written[0]();  // Of the session before: means nothing.
  CHECK(fixture.forwarded == std::vector<std::uint64_t>{1});

  fixture.stream = std::make_shared<FakeStream>(2);
  fixture.report(1);
  CHECK(fixture.forwarded == std::vector<std::uint64_t>{1, 1});
}

TEST_CASE("a worker's new stream takes over from the old one", "[reports]") {
  RelayFixture fixture;
  fixture.report(1);
  const auto old = fixture.stream;
  fixture.stream = std::make_shared<FakeStream>(2);
  fixture.report(1);
  CHECK(old->closed == grpc::StatusCode::ABORTED);
  std::swap(fixture.stream, const_cast<std::shared_ptr<FakeStream>&>(old));
  fixture.report(7);  // On its way when it was closed.
  fixture.relay.set_session(true);
  CHECK(fixture.forwarded == std::vector<std::uint64_t>{1});
  CHECK(fixture.relay.is_open(fixture.task));
  fixture.relay.closed(old);
  CHECK_FALSE(fixture.relay.is_open(fixture.task));
}

}  // namespace
}  // namespace dl::runtime::agent
