#include "worker/train/strategy/row_exchange.h"

#include <algorithm>
#include <numeric>

namespace dl::worker::train {
namespace {

constexpr std::uint64_t kRowsAtOnce = 64 << 10;

std::span<float> span_of(const torch::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

std::span<const std::uint64_t> ids_of(const torch::Tensor& ids) {
  return {reinterpret_cast<const std::uint64_t*>(ids.data_ptr<std::int64_t>()),
          static_cast<std::size_t>(ids.numel())};
}

std::uint64_t bytes_of(const paramserver::Client& client) {
  return client.statistics().bytes_sent + client.statistics().bytes_received;
}

}  // namespace

RowExchange::RowExchange(const Replica& replica, const std::vector<std::string>& names,
                         paramserver::TableId first) {
  for (const NamedTensor& one : replica.parameters()) {
    if (std::find(names.begin(), names.end(), one.name) == names.end()) continue;
    TORCH_CHECK(one.tensor.dim() == 2, "table ", one.name, " is a matrix");
    tables_.push_back({.parameter = one, .id = first++, .rows = {}});
  }
}

std::int64_t RowExchange::elements() const {
  return std::accumulate(
      tables_.begin(), tables_.end(), std::int64_t{0},
      [](std::int64_t sum, const Table& table) { return sum + table.parameter.tensor.numel(); });
}

std::vector<paramserver::SparseTable> RowExchange::declarations() const {
  std::vector<paramserver::SparseTable> all;
  for (const Table& table : tables_) {
    all.push_back({.name = table.parameter.name,
                   .rows = static_cast<std::uint64_t>(table.parameter.tensor.size(0)),
                   .columns = static_cast<std::uint32_t>(table.parameter.tensor.size(1))});
  }
  return all;
}

void RowExchange::choose(const Model& model, const Samples& samples) {
  ids_ = std::get<0>(at::_unique(model.rows_read(samples.inputs.cpu()).flatten(), /*sorted=*/true));
}

Result<void> RowExchange::pull(paramserver::Client& client) {
  const std::uint64_t before = bytes_of(client);
  for (Table& table : tables_) {
    table.rows = torch::empty({ids_.numel(), table.parameter.tensor.size(1)});
    DL_CHECK(client.pull_rows(table.id, ids_of(ids_), span_of(table.rows)));
    bytes_whole_ += table.parameter.tensor.nbytes();
  }
  bytes_sent_ += bytes_of(client) - before;
  return {};
}

void RowExchange::adopt() const {
  const torch::NoGradGuard no_grad;
  for (const Table& table : tables_) {
    torch::Tensor parameter = table.parameter.tensor;
    parameter.index_copy_(0, ids_.to(parameter.device()), table.rows.to(parameter.device()));
  }
}

void RowExchange::take_gradients() {
  for (Table& table : tables_) {
    const torch::Tensor gradient = table.parameter.tensor.grad();
    table.rows = gradient.index_select(0, ids_.to(gradient.device())).cpu();
  }
}

Result<void> RowExchange::push(paramserver::Client& client,
                               const paramserver::PushOptions& options) {
  const std::uint64_t before = bytes_of(client);
  for (const Table& table : tables_) {
    DL_CHECK(client.push_rows(table.id, ids_of(ids_), span_of(table.rows), options));
    bytes_whole_ += table.parameter.tensor.nbytes();
  }
  bytes_sent_ += bytes_of(client) - before;
  return {};
}

Result<void> RowExchange::pull_all(paramserver::Client& client, std::span<float> values) const {
  std::vector<std::uint64_t> ids;
  for (const Table& table : tables_) {
    const auto rows = static_cast<std::uint64_t>(table.parameter.tensor.size(0));
    const auto columns = static_cast<std::uint64_t>(table.parameter.tensor.size(1));
    for (std::uint64_t first = 0; first < rows; first += kRowsAtOnce) {
      ids.resize(std::min(kRowsAtOnce, rows - first));
      std::iota(ids.begin(), ids.end(), first);
      DL_CHECK(client.pull_rows(table.id, ids, values.first(ids.size() * columns)));
      values = values.subspan(ids.size() * columns);
    }
  }
  return {};
}

std::vector<std::span<const float>> RowExchange::split(std::span<const float> values) const {
  std::vector<std::span<const float>> parts;
  for (const Table& table : tables_) {
    const auto size = static_cast<std::size_t>(table.parameter.tensor.numel());
    parts.push_back(values.first(size));
    values = values.subspan(size);
  }
  return parts;
}

double RowExchange::take_saved() {
  const double ratio =
      bytes_sent_ == 0 ? 0 : static_cast<double>(bytes_whole_) / static_cast<double>(bytes_sent_);
  bytes_whole_ = bytes_sent_ = 0;
  return ratio;
}

}  // namespace dl::worker::train
