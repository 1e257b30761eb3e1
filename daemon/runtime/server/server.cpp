#include "daemon/runtime/server/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "daemon/runtime/server/cluster_service.h"
#include "daemon/runtime/server/job_service.h"
#include "daemon/runtime/server/search_service.h"
#include "daemon/runtime/server/state_dir.h"

namespace dl::runtime::server {
namespace {

constexpr int kMessageBytesMax = 8 << 20;
constexpr std::size_t kPoolThreads = 2;
constexpr std::chrono::seconds kStopWait{2};

Timestamp now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

// Why `address` cannot be bound, by trying: gRPC does not say.
Error cannot_listen(const Address& address) {
  std::string why = "it cannot be bound";
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  if (const int code = ::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found);
      code != 0) {
    why = ::gai_strerror(code);
  } else {
    const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(fd, found->ai_addr, found->ai_addrlen) != 0) why = std::strerror(errno);
    ::close(fd);
    ::freeaddrinfo(found);
  }
  return {Code::kFailedPrecondition,
          "cannot listen on " + to_string(address) + ": " + why +
              "; stop what uses it (ss -ltnp), or choose another address with --listen"};
}

}  // namespace

struct Server::Impl {
  // In the order of construction; taken down in the reverse order by stop().
  ServerOptions options;
  StateDir state_dir;
  Timestamp started = now();
  Stats stats;
  EventHub hub;
  std::unique_ptr<journal::SqliteJournal> journal;
  std::unique_ptr<journal::History> history;
  boost::asio::thread_pool pool{kPoolThreads};
  CallGuard guard;
  std::unique_ptr<LogRelay> relay;
  std::unique_ptr<AgentSessions> agents;
  std::unique_ptr<ControlThread> control;
  std::unique_ptr<JobLookup> lookup;
  std::unique_ptr<Services> services;
  std::unique_ptr<JobService> jobs;
  std::unique_ptr<SearchService> searches;
  std::unique_ptr<ClusterService> cluster;
  std::unique_ptr<AgentService> agent_service;
  Address address;
  std::unique_ptr<grpc::Server> grpc;
  bool stopped = false;

  Impl(ServerOptions given, StateDir dir)
      : options(std::move(given)), state_dir(std::move(dir)), guard(options.token) {}

  Result<void> open();
  void wire_up(coordinator::State state);
  Result<void> listen();
  void on_commit(const coordinator::Batch& batch, Duration took);
};

void Server::Impl::on_commit(const coordinator::Batch& batch, Duration took) {
  stats.commit_seconds.observe(std::chrono::duration<double>(took).count());
  ++stats.commits;
  stats.mutations += batch.mutations.size();
  hub.publish(batch);
}

Result<void> Server::Impl::open() {
  DL_TRY(journal, journal::SqliteJournal::open(
                      {.file = state_dir.database(),
                       .snapshot_every = options.snapshot_every,
                       .on_commit = [this](const coordinator::Batch& batch, Duration took) {
                         on_commit(batch, took);
                       }}));
  const auto clock = std::chrono::steady_clock::now();
  DL_TRY(coordinator::State state, journal->recover());
  const auto took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - clock);
  spdlog::info("recovered {} live jobs and {} nodes from {} in {}", state.jobs.size(),
               state.nodes.size(), state_dir.database().string(), to_short_string(took));
  DL_TRY(history, journal::History::open(state_dir.database()));
  wire_up(std::move(state));
  return {};
}

void Server::Impl::wire_up(coordinator::State state) {
  relay = std::make_unique<LogRelay>([this](const NodeId& node, v1::ToAgent message) {
    return agents->send(node, std::move(message));
  });
  agents = std::make_unique<AgentSessions>(AgentSessions::Options{
      .post = [this](coordinator::Event event) { control->post(std::move(event)); },
      .log_data = [this](const NodeId& node,
                         const v1::LogData& data) { relay->on_data(node, data); },
      .gone = [this](const NodeId& node) { relay->on_gone(node); },
      .heartbeat = options.settings.heartbeat,
      .stats = &stats});
  control = std::make_unique<ControlThread>(
      options.settings, std::move(state), *journal,
      [this](const coordinator::Effect& effect) { agents->perform(effect); }, stats);
  lookup = std::make_unique<JobLookup>(*control, *history, pool, options.settings);
}

Result<void> Server::Impl::listen() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  services = std::make_unique<Services>(
      Services{guard, *control, *history, *lookup, hub, *relay, *agents, stats, pool,
               options.settings, options.version, to_string(options.listen), started});
  jobs = std::make_unique<JobService>(*services);
  searches = std::make_unique<SearchService>(*services);
  cluster = std::make_unique<ClusterService>(*services);
  agent_service = std::make_unique<AgentService>(*services);
  DL_TRY(auto credentials, server_credentials(options.tls));
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(to_string(options.listen), credentials, &port);
  builder.SetMaxReceiveMessageSize(kMessageBytesMax);
  // Two coordinators on one port would share the clients between them.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A peer that is gone without a word is noticed within 15 seconds.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 4'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.RegisterService(jobs.get());
  builder.RegisterService(searches.get());
  builder.RegisterService(cluster.get());
  builder.RegisterService(agent_service.get());
  control->start();
  grpc = builder.BuildAndStart();
  if (!grpc || port == 0) return cannot_listen(options.listen);
  address = {options.listen.host, static_cast<std::uint16_t>(port)};
  return {};
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { stop(); }

Result<std::unique_ptr<Server>> Server::start(ServerOptions options) {
  DL_CHECK(check_listen(options.listen, {options.tls.enabled(), !options.token.empty()}));
  DL_TRY(StateDir dir, StateDir::open(options.state_dir));
  std::unique_ptr<Server> server(
      new Server(std::make_unique<Impl>(std::move(options), std::move(dir))));
  DL_CHECK(server->impl_->open());
  DL_CHECK(server->impl_->listen());
  return server;
}

const Address& Server::address() const { return impl_->address; }

std::shared_ptr<grpc::Channel> Server::channel() {
  return impl_->grpc->InProcessChannel(grpc::ChannelArguments());
}

const Stats& Server::stats() const { return impl_->stats; }

void Server::describe(std::function<void(const v1::Cluster& cluster)> then) {
  impl_->control->query([this, then = std::move(then)](const coordinator::Loop& loop) {
    then(cluster_of(*impl_->services, loop));
  });
}

std::string Server::failure() const { return impl_->control->failure(); }

void Server::stop() {
  if (std::exchange(impl_->stopped, true)) return;
  if (impl_->agents) {
    impl_->agents->close_all({grpc::StatusCode::UNAVAILABLE, "the coordinator is stopping"});
  }
  if (impl_->grpc) {
    impl_->grpc->Shutdown(std::chrono::system_clock::now() + kStopWait);
    impl_->grpc->Wait();
  }
  if (impl_->control) impl_->control->stop();
  impl_->pool.join();
}

}  // namespace dl::runtime::server
