// The embedding tables of a model that trains over parameter servers: of such a table only the rows
// that a batch reads are pulled before its forward pass, and only their gradients pushed after it.
//
// The training thread chooses rows and moves them between replica and messages; the calls that
// take a client run on the thread that has the gang's mesh, one at a time, in between.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "worker/paramserver/client.h"
#include "worker/train/replica.h"

namespace dl::worker::train {

class RowExchange {
 public:
  // Of the parameters called `names`. The servers know them as tables from `first` on.
  RowExchange(const Replica& replica, const std::vector<std::string>& names,
              paramserver::TableId first);

  bool empty() const { return tables_.empty(); }
  std::int64_t elements() const;  // Of all the tables together.
  std::vector<paramserver::SparseTable> declarations() const;

  // The rows that the model reads of `samples`.
  void choose(const Model& model, const Samples& samples);
  // Before the forward pass: the servers' values of those rows come, and become the replica's.
  Result<void> pull(paramserver::Client& client);
  void adopt() const;
  // After the backward pass: their gradients are put into messages, and go.
  void take_gradients();
  Result<void> push(paramserver::Client& client, const paramserver::PushOptions& options);

  // All rows, into `values`: table after table. In init() the same spans have the first values.
  Result<void> pull_all(paramserver::Client& client, std::span<float> values) const;
  std::vector<std::span<const float>> split(std::span<const float> values) const;

  // Bytes that whole tables would have taken in the exchanges since this was last asked ÷ those
  // that the rows took; 0 when there was none.
  double take_saved();

 private:
  struct Table {
    NamedTensor parameter;
    paramserver::TableId id = 0;
    torch::Tensor rows;  // In this machine's memory, what travels: values, then gradients.
  };

  std::vector<Table> tables_;
  torch::Tensor ids_;  // Of the rows chosen; different ones, in order.
  std::uint64_t bytes_whole_ = 0;
  std::uint64_t bytes_sent_ = 0;
};

}  // namespace dl::worker::train
