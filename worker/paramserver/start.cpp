#include "worker/paramserver/start.h"

#include <algorithm>
#include <array>
#include <string>

#include "worker/paramserver/message.h"
#include "worker/paramserver/transfer.h"
#include "worker/paramserver/wire.h"

namespace dl::worker::paramserver {
namespace {

using transport::Bytes;
using transport::ConstBytes;

constexpr std::uint64_t kHelloBytesMax = 256 << 20;

template <class T>
Bytes writable(T& object) {
  return std::as_writable_bytes(std::span(&object, 1));
}
template <class T>
ConstBytes readable(const T& object) {
  return std::as_bytes(std::span(&object, 1));
}

// Tells the workers that have come, while the others have not, that somebody is here.
class Lobby {
 public:
  Lobby(transport::Mesh& mesh, const ServerOptions& options)
      : mesh_(mesh), options_(options), heads_(options.workers), outboxes_(options.workers) {}

  Result<Tables> hear_all() {
    DL_CHECK(transfer(std::as_writable_bytes(std::span(heads_)), sizeof(Head)));
    std::vector<std::vector<std::byte>> hellos(options_.workers);
    std::vector<Transfer> transfers;
    for (Rank worker = 0; worker < options_.workers; ++worker) {
      const Head& head = heads_[worker];
      if (head.magic != Head::kMagic || head.kind != MessageKind::kHello ||
          head.bytes > kHelloBytesMax) {
        return Error{Code::kFailedPrecondition,
                     mesh_.describe(worker) +
                         " does not begin as a worker does; run the same "
                         "build on all nodes"};
      }
      hellos[worker].resize(head.bytes);
      transfers.push_back({.peer = worker, .receive = hellos[worker]});
    }
    DL_CHECK(transfer_all(mesh_, transfers, transfer_options()));
    return agree(hellos);
  }

  // Says why there will be no server.
  void refuse(const Error& error) {
    std::vector<Outbox*> outboxes;
    for (Outbox& outbox : outboxes_) {
      outbox.put_text({.kind = MessageKind::kFailed}, error.message);
      outboxes.push_back(&outbox);
    }
    see_off(mesh_, outboxes);
  }

  TransferOptions transfer_options() {
    return {options_.heartbeat, options_.patience, [this] { return beat(); }};
  }

 private:
  Result<void> transfer(Bytes into, std::size_t each) {
    std::vector<Transfer> transfers;
    for (Rank worker = 0; worker < options_.workers; ++worker) {
      transfers.push_back({.peer = worker, .receive = into.subspan(worker * each, each)});
    }
    return transfer_all(mesh_, transfers, transfer_options());
  }

  Result<void> beat() {
    Rank missing = 0;
    for (Rank worker = 0; worker < options_.workers; ++worker) {
      if (heads_[worker].bytes == 0) missing = worker;
    }
    for (Rank worker = 0; worker < options_.workers; ++worker) {
      if (heads_[worker].bytes == 0) continue;  // It has not come.
      if (outboxes_[worker].empty()) {
        outboxes_[worker].put({.kind = MessageKind::kWaiting, .worker = missing});
      }
      DL_CHECK(outboxes_[worker].send(mesh_, worker));
    }
    return {};
  }

  Result<Tables> agree(const std::vector<std::vector<std::byte>>& hellos) const {
    DL_TRY(Tables ours, decode_tables(hellos[0]));
    DL_CHECK(check(ours, mesh_.world_size() - options_.workers));
    for (Rank worker = 0; worker < options_.workers; ++worker) {
      if (heads_[worker].value != options_.workers) {
        return Error{Code::kFailedPrecondition,
                     mesh_.describe(worker) + " takes the gang for one of " +
                         std::to_string(heads_[worker].value) +
                         " workers, its servers for one of " + std::to_string(options_.workers)};
      }
      DL_TRY(const Tables theirs, decode_tables(hellos[worker]));
      if (const auto found = difference(theirs, ours)) {
        return Error{Code::kFailedPrecondition,
                     mesh_.describe(worker) + " has another model than " + mesh_.describe(0) +
                         " (here): " + *found + "; all workers need the same spec and build"};
      }
    }
    return ours;
  }

  transport::Mesh& mesh_;
  const ServerOptions& options_;
  std::vector<Head> heads_ = {};
  std::vector<Outbox> outboxes_;
};

void put(Writer& writer, const std::optional<Standpoint>& standpoint) {
  writer.number(static_cast<std::uint8_t>(standpoint.has_value()));
  const Standpoint one = standpoint.value_or(Standpoint{});
  writer.number(one.epoch);
  writer.number(one.sequence);
  writer.number(one.clock);
  writer.number(static_cast<std::uint8_t>(one.initialised));
}

Result<std::optional<Standpoint>> get_standpoint(Reader& reader) {
  Standpoint one;
  DL_TRY(const auto there, reader.number<std::uint8_t>());
  DL_TRY(one.epoch, reader.number<std::uint64_t>());
  DL_TRY(one.sequence, reader.number<std::uint64_t>());
  DL_TRY(one.clock, reader.number<Clock>());
  DL_TRY(const auto initialised, reader.number<std::uint8_t>());
  one.initialised = initialised != 0;
  return there != 0 ? std::optional(one) : std::nullopt;
}

std::vector<std::byte> encode(const Inventory& inventory) {
  Writer writer;
  put(writer, inventory.own);
  put(writer, inventory.replica);
  writer.number(static_cast<std::uint8_t>(inventory.own_can_go_back));
  writer.number(static_cast<std::uint8_t>(inventory.replica_can_go_back));
  writer.number(static_cast<std::uint32_t>(inventory.checkpoints.size()));
  for (const Clock clock : inventory.checkpoints) writer.number(clock);
  return writer.take();
}

Result<Inventory> decode_inventory(ConstBytes bytes) {
  Reader reader(bytes);
  Inventory inventory;
  DL_TRY(inventory.own, get_standpoint(reader));
  DL_TRY(inventory.replica, get_standpoint(reader));
  DL_TRY(const auto own_back, reader.number<std::uint8_t>());
  DL_TRY(const auto replica_back, reader.number<std::uint8_t>());
  inventory.own_can_go_back = own_back != 0;
  inventory.replica_can_go_back = replica_back != 0;
  DL_TRY(const auto checkpoints, reader.number<std::uint32_t>());
  for (std::uint32_t i = 0; i < checkpoints; ++i) {
    DL_TRY(const auto clock, reader.number<Clock>());
    inventory.checkpoints.insert(clock);
  }
  return inventory;
}

Head state_head(const Shard& shard) {
  const Standpoint standpoint = shard.standpoint();
  return {.kind = MessageKind::kState,
          .flag = standpoint.initialised,
          .clock = standpoint.clock,
          .first = standpoint.epoch,
          .bytes = shard.content().size(),
          .value = standpoint.sequence};
}

// What must come, from whom it must come.
Result<void> check_head(const transport::Mesh& mesh, Rank peer, const Head& head,
                        MessageKind kind) {
  if (head.magic == Head::kMagic && head.kind == kind) return {};
  return Error{Code::kFailedPrecondition, mesh.describe(peer) +
                                              " does not speak as a parameter server does at the "
                                              "start; run the same build on all nodes"};
}

class Starter {
 public:
  Starter(transport::Mesh& mesh, const ServerOptions& options, Lobby& lobby, Tables tables)
      : mesh_(mesh), options_(options), lobby_(lobby) {
    identity_ = {.run = options.run,
                 .tables = std::move(tables),
                 .workers = options.workers,
                 .servers = mesh.world_size() - options.workers,
                 .server = mesh.rank() - options.workers,
                 .consistency = options.consistency,
                 .update = options.update};
  }

  Result<Started> run() {
    DL_CHECK(look_around());
    DL_TRY(const std::vector<Inventory> all, exchange_inventories());
    DL_TRY(const StartPlan plan, make_plan(all, options_));
    DL_CHECK(carry_out(plan));
    if (options_.replicate && !replica_) DL_CHECK(make_replica());
    Started started{identity_.tables, identity_, *std::move(own_), std::nullopt, plan.restored};
    if (!options_.replicate) return started;
    if (plan.restored) DL_CHECK(exchange_replicas(mesh_, options_, started.shard, *replica_));
    started.replica = std::move(replica_);
    return started;
  }

 private:
  std::uint32_t servers() const { return identity_.servers; }
  std::uint32_t next() const { return (identity_.server + 1) % servers(); }
  std::uint32_t previous() const { return (identity_.server + servers() - 1) % servers(); }
  Rank rank_of(std::uint32_t server) const { return options_.workers + server; }
  Identity identity_of(std::uint32_t server) const {
    Identity identity = identity_;
    identity.server = server;
    return identity;
  }

  // Missing state is no error; another run's is.
  Result<std::optional<Shard>> find(const Identity& identity, const std::filesystem::path& stem) {
    auto opened = Shard::open(identity, stem);
    if (opened) return std::optional(*std::move(opened));
    if (opened.error().code != Code::kNotFound) return std::move(opened).error();
    return std::optional<Shard>();
  }

  Result<void> look_around() {
    if (options_.folder.empty()) return {};
    DL_TRY(own_, find(identity_, own_stem(options_, identity_)));
    if (servers() > 1) {
      const Identity before = identity_of(previous());
      DL_TRY(replica_, find(before, replica_stem(options_, before)));
    }
    inventory_.checkpoints = checkpoints_in(options_.folder, identity_);
    if (own_) inventory_.own = own_->standpoint();
    if (replica_) inventory_.replica = replica_->standpoint();
    inventory_.own_can_go_back = own_ && own_->can_go_back();
    inventory_.replica_can_go_back = replica_ && replica_->can_go_back();
    return {};
  }

  Result<std::vector<Inventory>> exchange_inventories() {
    const std::vector<std::byte> mine = encode(inventory_);
    const Head head{.kind = MessageKind::kInventory, .bytes = mine.size()};
    std::vector<Head> heads(servers());
    DL_CHECK(with_servers(
        [&](std::uint32_t server) -> Transfer {
          return {.peer = rank_of(server), .send = readable(head)};
        },
        [&](std::uint32_t server) -> Transfer {
          return {.peer = rank_of(server), .receive = writable(heads[server])};
        }));
    std::vector<std::vector<std::byte>> bodies(servers());
    for (std::uint32_t server = 0; server < servers(); ++server) {
      if (server == identity_.server) continue;
      DL_CHECK(check_head(mesh_, rank_of(server), heads[server], MessageKind::kInventory));
      if (heads[server].bytes > kHelloBytesMax) return internal("an inventory is too long");
      bodies[server].resize(heads[server].bytes);
    }
    DL_CHECK(with_servers(
        [&](std::uint32_t server) -> Transfer { return {.peer = rank_of(server), .send = mine}; },
        [&](std::uint32_t server) -> Transfer {
          return {.peer = rank_of(server), .receive = bodies[server]};
        }));
    std::vector<Inventory> all(servers());
    for (std::uint32_t server = 0; server < servers(); ++server) {
      const bool self = server == identity_.server;
      DL_TRY(all[server], decode_inventory(self ? mine : bodies[server]));
    }
    return all;
  }

  // One transfer to, and one from, every other server.
  template <class Send, class Receive>
  Result<void> with_servers(Send send, Receive receive) {
    std::vector<Transfer> transfers;
    for (std::uint32_t server = 0; server < servers(); ++server) {
      if (server == identity_.server) continue;
      transfers.push_back(send(server));
      transfers.push_back(receive(server));
    }
    return transfer_all(mesh_, transfers, lobby_.transfer_options());
  }

  Result<void> carry_out(const StartPlan& plan) {
    const PartPlan& mine = plan.parts[identity_.server];
    const PartPlan& before = plan.parts[previous()];
    if (mine.source == PartPlan::Source::kOwn) {
      if (mine.go_back) DL_CHECK(own_->go_back());
    } else {
      own_.reset();  // Before its file is made anew.
      DL_TRY(own_, Shard::create(identity_, own_stem(options_, identity_)));
    }
    if (servers() > 1 && before.source == PartPlan::Source::kReplica && before.go_back) {
      DL_CHECK(replica_->go_back());
    }
    DL_CHECK(hand_back_replicas(mine, before));
    if (mine.source == PartPlan::Source::kCheckpoint) {
      DL_CHECK(load_checkpoint(options_.folder, mine.checkpoint, *own_));
    }
    Standpoint standpoint = own_->standpoint();
    standpoint.epoch = plan.epoch;
    own_->set_standpoint(standpoint);
    return {};
  }

  // The next server has the newest copy of my part, or I have that of the server before me.
  Result<void> hand_back_replicas(const PartPlan& mine, const PartPlan& before) {
    std::vector<Transfer> heads, bodies;
    Head theirs, ours;
    if (mine.source == PartPlan::Source::kReplica) {
      heads.push_back({.peer = rank_of(next()), .receive = writable(theirs)});
      bodies.push_back({.peer = rank_of(next()), .receive = own_->content()});
    }
    if (servers() > 1 && before.source == PartPlan::Source::kReplica) {
      ours = state_head(*replica_);
      heads.push_back({.peer = rank_of(previous()), .send = readable(ours)});
      bodies.push_back({.peer = rank_of(previous()), .send = replica_->content()});
    }
    DL_CHECK(transfer_all(mesh_, heads, lobby_.transfer_options()));
    DL_CHECK(transfer_all(mesh_, bodies, lobby_.transfer_options()));
    if (mine.source != PartPlan::Source::kReplica) return {};
    DL_CHECK(check_head(mesh_, rank_of(next()), theirs, MessageKind::kState));
    own_->set_standpoint({theirs.first, theirs.value, theirs.clock, theirs.flag});
    return {};
  }

  Result<void> make_replica() {
    const Identity before = identity_of(previous());
    DL_TRY(replica_, Shard::create(before, replica_stem(options_, before)));
    return {};
  }

  transport::Mesh& mesh_;
  const ServerOptions& options_;
  Lobby& lobby_;
  Identity identity_;
  Inventory inventory_;
  std::optional<Shard> own_;
  std::optional<Shard> replica_;
};

}  // namespace

std::filesystem::path own_stem(const ServerOptions& options, const Identity& identity) {
  if (options.folder.empty()) return {};
  return options.folder /
         ("server-" + std::to_string(identity.server) + "-of-" + std::to_string(identity.servers));
}

std::filesystem::path replica_stem(const ServerOptions& options, const Identity& identity) {
  if (options.folder.empty()) return {};
  return options.folder /
         ("replica-" + std::to_string(identity.server) + "-of-" + std::to_string(identity.servers));
}

Result<Started> start(transport::Mesh& mesh, const ServerOptions& options) {
  Lobby lobby(mesh, options);
  auto tables = lobby.hear_all();
  if (tables.has_error()) {
    lobby.refuse(tables.error());
    return std::move(tables).error();
  }
  auto started = Starter(mesh, options, lobby, *std::move(tables)).run();
  const bool by_peer = started.has_error() && started.error().code == Code::kUnavailable;
  if (started.has_error() && !by_peer) lobby.refuse(started.error());
  return started;
}

Result<void> exchange_replicas(transport::Mesh& mesh, const ServerOptions& options,
                               const Shard& shard, Shard& replica) {
  const std::uint32_t servers = mesh.world_size() - options.workers;
  const std::uint32_t server = mesh.rank() - options.workers;
  const Rank next = options.workers + (server + 1) % servers;
  const Rank previous = options.workers + (server + servers - 1) % servers;
  const TransferOptions patience{options.heartbeat, options.patience, {}};
  const Head ours = state_head(shard);
  Head theirs;
  std::array<Transfer, 2> heads = {
      {{.peer = next, .send = readable(ours)}, {.peer = previous, .receive = writable(theirs)}}};
  DL_CHECK(transfer_all(mesh, heads, patience));
  DL_CHECK(check_head(mesh, previous, theirs, MessageKind::kState));
  std::array<Transfer, 2> bodies = {
      {{.peer = next, .send = shard.content()}, {.peer = previous, .receive = replica.content()}}};
  replica.set_standpoint({});  // Until it is whole again it is nobody's.
  DL_CHECK(transfer_all(mesh, bodies, patience));
  replica.set_standpoint({theirs.first, theirs.value, theirs.clock, theirs.flag});
  return {};
}

}  // namespace dl::worker::paramserver
