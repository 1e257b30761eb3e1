#include "worker/paramserver/client.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "worker/paramserver/key_ranges.h"
#include "worker/paramserver/row_index.h"
#include "worker/paramserver/server_links.h"
#include "worker/paramserver/update/update.h"

namespace dl::worker::paramserver {
namespace {

// Kept from call to call, so that only the largest one allocates.
struct RowCall {
  struct Part {
    std::vector<std::uint64_t> ids;
    std::vector<float> values;
  };
  RowIndex index;
  std::vector<std::uint32_t> numbers;  // Of each id of the call, among the different ones.
  std::vector<std::uint32_t> servers;  // Of each different id, and its place among that server's.
  std::vector<std::uint32_t> places;
  std::vector<Part> parts;  // By server.
};

class MeshClient final : public Client {
 public:
  MeshClient(transport::Mesh& mesh, ClientOptions options)
      : options_(std::move(options)),
        links_(mesh, options_.workers, options_.silence_timeout),
        clocks_(options_.tables.dense.size() + options_.tables.sparse.size()) {
    for (const DenseTable& table : options_.tables.dense) {
      keys_.emplace_back(table.elements(), links_.size());
    }
    for (const SparseTable& table : options_.tables.sparse) {
      places_.emplace_back(table.rows, links_.size());
    }
    call_.parts.resize(links_.size());
  }

  Result<void> join();

  const Standing& standing() const override { return standing_; }
  const Statistics& statistics() const override { return statistics_; }

  using Client::init;
  Result<void> init(std::span<const std::span<float>> dense, FirstRows sparse) override;
  Result<void> push(TableId table, std::span<const float> update,
                    const PushOptions& options) override;
  Result<void> pull(TableId table, std::span<float> into) override;
  Result<void> push_pull(TableId table, std::span<const float> update, const PushOptions& options,
                         std::span<float> into) override;
  Result<void> pull_rows(TableId table, std::span<const std::uint64_t> ids,
                         std::span<float> into) override;
  Result<void> push_rows(TableId table, std::span<const std::uint64_t> ids,
                         std::span<const float> updates, const PushOptions& options) override;
  Result<void> checkpoint(Clock clock) override;
  Result<void> finish() override;

 private:
  std::size_t sparse_number(TableId table) const { return table - keys_.size(); }
  std::uint32_t columns_of(TableId table) const {
    return options_.tables.sparse[sparse_number(table)].columns;
  }
  Result<void> check_dense(TableId table, std::size_t floats) const;
  Result<void> check_rows(TableId table, std::span<const std::uint64_t> ids,
                          std::size_t floats) const;
  Result<void> check_finite(TableId table, std::span<const float> update,
                            std::span<const std::uint64_t> ids) const;
  Head push_head(MessageKind kind, TableId table, const PushOptions& options) const;
  void send_parts(TableId table, const Head& head, std::span<const float> values);
  Result<void> give_first_values(std::span<const std::span<float>> dense, FirstRows sparse);
  void send_first_rows(TableId table, std::span<const float> values);
  void expect_parts(TableId table, std::span<float> into);
  void split_ids(TableId table, std::span<const std::uint64_t> ids);
  Result<void> finish_call();
  void count_push(TableId table);
  void count_pull(TableId table);

  const ClientOptions options_;
  ServerLinks links_;
  std::vector<KeyRanges> keys_;
  std::vector<RowPlaces> places_;
  std::vector<Clock> clocks_;  // By table.
  Standing standing_;
  bool refuse_not_finite_ = false;
  Statistics statistics_;
  RowCall call_;
};

Result<void> MeshClient::join() {
  const std::vector<std::byte> tables = encode(options_.tables);
  for (std::size_t i = 0; i < links_.size(); ++i) {
    links_[i].outbox.put({.kind = MessageKind::kHello, .value = options_.workers}, tables);
  }
  links_.expect(MessageKind::kWelcome);
  DL_CHECK(finish_call());
  const Head& first = links_[0].word;
  standing_ = {.restored = first.flag,
               .clock = first.clock,
               .position = first.first,
               .consistency = static_cast<Consistency>(first.push_kind),
               .staleness = static_cast<std::int64_t>(first.value)};
  refuse_not_finite_ = first.table != 0;
  for (std::size_t i = 0; i < links_.size(); ++i) {
    standing_.clock = std::min(standing_.clock, links_[i].word.clock);
    standing_.position = std::min(standing_.position, links_[i].word.first);
  }
  std::fill(clocks_.begin(), clocks_.end(), standing_.clock);
  return {};
}

Result<void> MeshClient::finish_call() {
  const transport::Counters before = links_.mesh().counters();
  auto result = links_.finish_call();
  const transport::Counters after = links_.mesh().counters();
  statistics_.bytes_sent += after.bytes_sent - before.bytes_sent;
  statistics_.bytes_received += after.bytes_received - before.bytes_received;
  statistics_.busy = links_.busy();
  statistics_.waiting = links_.waiting();
  return result;
}

Result<void> MeshClient::check_dense(TableId table, std::size_t floats) const {
  if (table >= keys_.size()) {
    return invalid_argument("table " + std::to_string(table) + " is none of the " +
                            std::to_string(keys_.size()) + " dense tables");
  }
  if (floats == keys_[table].elements()) return {};
  return invalid_argument("table \"" + options_.tables.dense[table].name + "\" has " +
                          std::to_string(keys_[table].elements()) + " elements, and " +
                          std::to_string(floats) + " were given");
}

Result<void> MeshClient::check_rows(TableId table, std::span<const std::uint64_t> ids,
                                    std::size_t floats) const {
  if (table < keys_.size() || sparse_number(table) >= places_.size()) {
    return invalid_argument("table " + std::to_string(table) + " is none of the " +
                            std::to_string(places_.size()) + " sparse tables");
  }
  const SparseTable& declared = options_.tables.sparse[sparse_number(table)];
  for (const std::uint64_t id : ids) {
    if (id < declared.rows) continue;
    return invalid_argument("row " + std::to_string(id) + " of table \"" + declared.name +
                            "\" does not exist: it has " + std::to_string(declared.rows) + " rows");
  }
  const std::uint64_t most =
      kBodyBytesMax / (sizeof(std::uint64_t) + declared.columns * sizeof(float));
  if (ids.size() > most) {
    return invalid_argument(std::to_string(ids.size()) + " rows of table \"" + declared.name +
                            "\" are more than the " + std::to_string(most) + " of one call");
  }
  if (floats == ids.size() * declared.columns) return {};
  return invalid_argument(std::to_string(ids.size()) + " rows of table \"" + declared.name +
                          "\" are " + std::to_string(ids.size() * declared.columns) +
                          " values, and " + std::to_string(floats) + " were given");
}

Result<void> MeshClient::check_finite(TableId table, std::span<const float> update,
                                      std::span<const std::uint64_t> ids) const {
  if (!refuse_not_finite_) return {};
  const auto at = find_not_finite(update);
  if (!at) return {};
  const bool dense = table < keys_.size();
  const std::string where = dense ? options_.tables.dense[table].describe(*at)
                                  : "row " + std::to_string(ids[*at / columns_of(table)]) +
                                        " of table \"" +
                                        options_.tables.sparse[sparse_number(table)].name + "\"";
  return invalid_argument("rank " + std::to_string(links_.mesh().rank()) + " would push " +
                          std::to_string(update[*at]) + " for " + where + ", at clock " +
                          std::to_string(clocks_[table] + 1) +
                          "; lower the learning rate or clip gradients");
}

Head MeshClient::push_head(MessageKind kind, TableId table, const PushOptions& options) const {
  return {.kind = kind,
          .push_kind = static_cast<std::uint8_t>(options.kind),
          .table = table,
          .clock = clocks_[table] + 1,
          .learning_rate = options.learning_rate,
          .value = options.position};
}

void MeshClient::send_parts(TableId table, const Head& head, std::span<const float> values) {
  for (std::uint32_t i = 0; i < links_.size(); ++i) {
    const Span part = keys_[table].elements_of(i);
    links_[i].outbox.put(head, std::as_bytes(values.subspan(part.first, part.size())));
  }
}

void MeshClient::expect_parts(TableId table, std::span<float> into) {
  for (std::uint32_t i = 0; i < links_.size(); ++i) {
    const Span part = keys_[table].elements_of(i);
    links_.expect_values(i, into.subspan(part.first, part.size()));
  }
}

void MeshClient::count_push(TableId table) {
  ++clocks_[table];
  ++statistics_.pushes;
  std::uint64_t staleness = 0;
  for (std::size_t i = 0; i < links_.size(); ++i) {
    staleness = std::max(staleness, links_[i].word.value);
  }
  ++statistics_.push_staleness[std::min<std::uint64_t>(staleness, Statistics::kBins - 1)];
}

void MeshClient::count_pull(TableId table) {
  ++statistics_.pulls;
  if (!links_.heard_values()) return;  // No rows were asked for.
  const std::uint64_t gap = clocks_[table] - std::min(links_.slowest(), clocks_[table]);
  ++statistics_.clock_gap[std::min<std::uint64_t>(gap, Statistics::kBins - 1)];
}

// To each server its rows, in the order of their slots.
void MeshClient::send_first_rows(TableId table, std::span<const float> values) {
  const RowPlaces& places = places_[sparse_number(table)];
  const std::uint32_t columns = columns_of(table);
  std::vector<std::shared_ptr<float[]>> parts;
  for (std::uint32_t i = 0; i < links_.size(); ++i) {
    parts.push_back(std::make_shared_for_overwrite<float[]>(places.rows_of(i) * columns));
  }
  for (std::uint64_t row = 0; row < values.size() / columns; ++row) {
    const RowPlaces::Place place = places.place(row);
    std::memcpy(parts[place.server].get() + place.slot * columns, values.data() + row * columns,
                columns * sizeof(float));
  }
  for (std::uint32_t i = 0; i < links_.size(); ++i) {
    const std::span<const float> part(parts[i].get(), places.rows_of(i) * columns);
    links_[i].outbox.put({.kind = MessageKind::kInitial, .table = table}, std::as_bytes(part),
                         parts[i]);
  }
}

Result<void> MeshClient::give_first_values(std::span<const std::span<float>> dense,
                                           FirstRows sparse) {
  for (TableId table = 0; table < dense.size(); ++table) {
    DL_CHECK(check_finite(table, dense[table], {}));
  }
  for (std::size_t i = 0; i < sparse.size(); ++i) {
    std::vector<std::uint64_t> ids(options_.tables.sparse[i].rows);
    std::iota(ids.begin(), ids.end(), 0u);
    DL_CHECK(check_finite(static_cast<TableId>(dense.size() + i), sparse[i], ids));
  }
  for (TableId table = 0; table < dense.size(); ++table) {
    send_parts(table, {.kind = MessageKind::kInitial, .table = table}, dense[table]);
  }
  for (std::size_t i = 0; i < sparse.size(); ++i) {
    send_first_rows(static_cast<TableId>(dense.size() + i), sparse[i]);
  }
  return {};
}

Result<void> MeshClient::init(std::span<const std::span<float>> dense, FirstRows sparse) {
  if (dense.size() != keys_.size() || (!sparse.empty() && sparse.size() != places_.size())) {
    return invalid_argument("there are " + std::to_string(keys_.size()) + " dense tables and " +
                            std::to_string(places_.size()) + " sparse ones, and values for " +
                            std::to_string(dense.size()) + " and " + std::to_string(sparse.size()) +
                            " were given");
  }
  for (TableId table = 0; table < dense.size(); ++table) {
    DL_CHECK(check_dense(table, dense[table].size()));
  }
  for (std::size_t i = 0; i < sparse.size(); ++i) {
    const SparseTable& declared = options_.tables.sparse[i];
    if (sparse[i].size() == declared.rows * declared.columns) continue;
    return invalid_argument("table \"" + declared.name + "\" has " +
                            std::to_string(declared.rows * declared.columns) + " elements, and " +
                            std::to_string(sparse[i].size()) + " were given");
  }
  if (links_.mesh().rank() == 0 && !standing_.restored) DL_CHECK(give_first_values(dense, sparse));
  for (std::size_t i = 0; i < links_.size(); ++i) {
    links_[i].outbox.put({.kind = MessageKind::kReady});
  }
  links_.expect(MessageKind::kInitialised);
  DL_CHECK(finish_call());
  for (TableId table = 0; table < dense.size(); ++table) DL_CHECK(pull(table, dense[table]));
  return {};
}

Result<void> MeshClient::push(TableId table, std::span<const float> update,
                              const PushOptions& options) {
  DL_CHECK(check_dense(table, update.size()));
  DL_CHECK(check_finite(table, update, {}));
  send_parts(table, push_head(MessageKind::kPush, table, options), update);
  links_.expect(MessageKind::kAcknowledged);
  DL_CHECK(finish_call());
  count_push(table);
  return {};
}

Result<void> MeshClient::pull(TableId table, std::span<float> into) {
  DL_CHECK(check_dense(table, into.size()));
  for (std::size_t i = 0; i < links_.size(); ++i) {
    links_[i].outbox.put({.kind = MessageKind::kPull, .table = table, .clock = clocks_[table]});
  }
  expect_parts(table, into);
  DL_CHECK(finish_call());
  count_pull(table);
  return {};
}

Result<void> MeshClient::push_pull(TableId table, std::span<const float> update,
                                   const PushOptions& options, std::span<float> into) {
  DL_CHECK(check_dense(table, update.size()));
  DL_CHECK(check_dense(table, into.size()));
  DL_CHECK(check_finite(table, update, {}));
  send_parts(table, push_head(MessageKind::kPushPull, table, options), update);
  expect_parts(table, into);
  if (standing_.consistency == Consistency::kSynchronous) links_.pace();
  links_.expect(MessageKind::kAcknowledged);
  DL_CHECK(finish_call());
  count_push(table);
  count_pull(table);
  return {};
}

// Numbers the different ids, and deals them out to their servers.
void MeshClient::split_ids(TableId table, std::span<const std::uint64_t> ids) {
  const RowPlaces& places = places_[sparse_number(table)];
  call_.index.clear(ids.size());
  call_.numbers.clear();
  for (const std::uint64_t id : ids) call_.numbers.push_back(call_.index.find_or_add(id));
  call_.servers.clear();
  call_.places.clear();
  for (RowCall::Part& part : call_.parts) part.ids.clear();
  for (const std::uint64_t id : call_.index.ids()) {
    const std::uint32_t server = places.place(id).server;
    call_.servers.push_back(server);
    call_.places.push_back(static_cast<std::uint32_t>(call_.parts[server].ids.size()));
    call_.parts[server].ids.push_back(id);
  }
}

Result<void> MeshClient::pull_rows(TableId table, std::span<const std::uint64_t> ids,
                                   std::span<float> into) {
  DL_CHECK(check_rows(table, ids, into.size()));
  const std::uint32_t columns = columns_of(table);
  split_ids(table, ids);
  links_.expect(MessageKind::kRows);
  for (std::uint32_t i = 0; i < links_.size(); ++i) {
    RowCall::Part& part = call_.parts[i];
    part.values.resize(part.ids.size() * columns);
    links_.expect_values(i, part.values);
    links_[i].outbox.put({.kind = MessageKind::kPullRows,
                          .table = table,
                          .clock = clocks_[table],
                          .first = part.ids.size()},
                         std::as_bytes(std::span(part.ids)));
  }
  DL_CHECK(finish_call());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::uint32_t number = call_.numbers[i];
    const RowCall::Part& part = call_.parts[call_.servers[number]];
    std::memcpy(into.data() + i * columns, part.values.data() + call_.places[number] * columns,
                columns * sizeof(float));
  }
  count_pull(table);
  return {};
}

Result<void> MeshClient::push_rows(TableId table, std::span<const std::uint64_t> ids,
                                   std::span<const float> updates, const PushOptions& options) {
  DL_CHECK(check_rows(table, ids, updates.size()));
  DL_CHECK(check_finite(table, updates, ids));
  const std::uint32_t columns = columns_of(table);
  split_ids(table, ids);
  for (RowCall::Part& part : call_.parts) part.values.resize(part.ids.size() * columns);
  std::uint32_t different = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::uint32_t number = call_.numbers[i];
    float* const sum = call_.parts[call_.servers[number]].values.data() +
                       std::size_t{call_.places[number]} * columns;
    const auto row = updates.subspan(i * columns, columns);
    if (number == different) {
      std::copy(row.begin(), row.end(), sum);
      ++different;
    } else {
      add(sum, row);
    }
  }
  const Head head = push_head(MessageKind::kPushRows, table, options);
  for (std::uint32_t i = 0; i < links_.size(); ++i) {
    const RowCall::Part& part = call_.parts[i];
    Head of_part = head;
    of_part.first = part.ids.size();
    const auto id_bytes = std::as_bytes(std::span(part.ids));
    const auto value_bytes = std::as_bytes(std::span(part.values));
    links_[i].outbox.put(of_part, id_bytes, value_bytes);
  }
  links_.expect(MessageKind::kAcknowledged);
  DL_CHECK(finish_call());
  count_push(table);
  return {};
}

Result<void> MeshClient::checkpoint(Clock clock) {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    links_[i].outbox.put({.kind = MessageKind::kCheckpoint, .clock = clock});
  }
  links_.expect(MessageKind::kCheckpointed);
  return finish_call();
}

Result<void> MeshClient::finish() {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    links_[i].outbox.put({.kind = MessageKind::kFinish});
  }
  links_.expect(MessageKind::kFinished);
  return finish_call();
}

}  // namespace

Result<std::unique_ptr<Client>> Client::join(transport::Mesh& mesh, ClientOptions options) {
  if (options.workers == 0 || options.workers >= mesh.world_size()) {
    return invalid_argument("a gang of " + std::to_string(mesh.world_size()) + " with " +
                            std::to_string(options.workers) +
                            " workers has no place for servers; both need one at least");
  }
  if (mesh.rank() >= options.workers) {
    return invalid_argument("rank " + std::to_string(mesh.rank()) + " is a server, after " +
                            std::to_string(options.workers) + " workers");
  }
  DL_CHECK(check(options.tables, mesh.world_size() - options.workers));
  auto client = std::make_unique<MeshClient>(mesh, std::move(options));
  DL_CHECK(client->join());
  return std::unique_ptr<Client>(std::move(client));
}

}  // namespace dl::worker::paramserver
