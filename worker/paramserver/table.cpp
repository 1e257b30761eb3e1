#include "worker/paramserver/table.h"

#include <limits>
#include <utility>

#include "worker/paramserver/wire.h"

namespace dl::worker::paramserver {
namespace {

constexpr std::uint64_t kElementsMax = std::uint64_t{1} << 40;
constexpr std::size_t kTensorsMax = 1 << 20;

// Of either kind of table.
Result<void> check_size(std::string_view name, std::uint64_t size, std::string_view things,
                        std::uint32_t servers) {
  const std::string table = "table \"" + std::string(name) + "\"";
  if (name.empty() || name.size() > kNameBytesMax) {
    return invalid_argument("a table's name has 1 to " + std::to_string(kNameBytesMax) + " bytes");
  }
  if (size == 0) return invalid_argument(table + " is empty: it has no " + std::string(things));
  if (size > kElementsMax) {
    return invalid_argument(table + " has " + std::to_string(size) + " " + std::string(things) +
                            ", more than " + std::to_string(kElementsMax));
  }
  if (size < servers) {
    return invalid_argument(std::to_string(servers) + " servers are more than the " +
                            std::to_string(size) + " " + std::string(things) + " of " + table +
                            ": each server needs one at least; ask for fewer servers");
  }
  return {};
}

template <class T>
std::string there_and_here(const T& theirs, const T& ours, std::string_view things) {
  return std::to_string(theirs) + " " + std::string(things) + " there and " + std::to_string(ours) +
         " here";
}

std::optional<std::string> difference(const DenseTable& theirs, const DenseTable& ours) {
  const std::string table = "table \"" + ours.name + "\"";
  for (std::size_t i = 0; i < std::min(theirs.tensors.size(), ours.tensors.size()); ++i) {
    const Tensor& there = theirs.tensors[i];
    const Tensor& here = ours.tensors[i];
    if (there.name != here.name) {
      return "tensor " + std::to_string(i) + " of " + table + " is " + there.name + " there and " +
             here.name + " here";
    }
    if (there.elements != here.elements) {
      return "tensor " + here.name + " of " + table + " has " +
             there_and_here(there.elements, here.elements, "elements");
    }
  }
  if (theirs.tensors.size() != ours.tensors.size()) {
    return table + " has " + there_and_here(theirs.tensors.size(), ours.tensors.size(), "tensors");
  }
  return std::nullopt;
}

std::optional<std::string> difference(const SparseTable& theirs, const SparseTable& ours) {
  if (theirs == ours) return std::nullopt;
  const std::string table = "table \"" + ours.name + "\" has ";
  if (theirs.rows != ours.rows) return table + there_and_here(theirs.rows, ours.rows, "rows");
  if (theirs.columns != ours.columns) {
    return table + there_and_here(theirs.columns, ours.columns, "columns");
  }
  return "the first values of table \"" + ours.name + "\" (bound or seed) differ";
}

template <class Table>
std::optional<std::string> difference(const std::vector<Table>& theirs,
                                      const std::vector<Table>& ours, std::string_view kind) {
  if (theirs.size() != ours.size()) {
    return "there are " + there_and_here(theirs.size(), ours.size(), std::string(kind) + " tables");
  }
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (theirs[i].name != ours[i].name) {
      return std::string(kind) + " table " + std::to_string(i) + " is \"" + theirs[i].name +
             "\" there and \"" + ours[i].name + "\" here";
    }
    if (auto found = difference(theirs[i], ours[i])) return found;
  }
  return std::nullopt;
}

Result<DenseTable> decode_dense(Reader& reader) {
  DenseTable table;
  DL_TRY(table.name, reader.text(kNameBytesMax));
  DL_TRY(const auto tensors, reader.number<std::uint32_t>());
  for (std::uint32_t i = 0; i < tensors; ++i) {
    Tensor tensor;
    DL_TRY(tensor.name, reader.text(kNameBytesMax));
    DL_TRY(tensor.elements, reader.number<std::uint64_t>());
    table.tensors.push_back(std::move(tensor));
  }
  return table;
}

Result<SparseTable> decode_sparse(Reader& reader) {
  SparseTable table;
  DL_TRY(table.name, reader.text(kNameBytesMax));
  DL_TRY(table.rows, reader.number<std::uint64_t>());
  DL_TRY(table.columns, reader.number<std::uint32_t>());
  DL_TRY(table.initial_bound, reader.number<float>());
  DL_TRY(table.seed, reader.number<std::uint64_t>());
  return table;
}

}  // namespace

std::uint64_t DenseTable::elements() const {
  std::uint64_t sum = 0;
  for (const Tensor& tensor : tensors) sum += tensor.elements;
  return sum;
}

std::string DenseTable::describe(std::uint64_t element) const {
  for (const Tensor& tensor : tensors) {
    if (element < tensor.elements) {
      return "tensor " + tensor.name + ", element " + std::to_string(element);
    }
    element -= tensor.elements;
  }
  return "element " + std::to_string(element) + " behind the last tensor";
}

Result<void> check(const Tables& tables, std::uint32_t servers) {
  const std::size_t count = tables.dense.size() + tables.sparse.size();
  if (count == 0) return invalid_argument("there is no table: declare one at least");
  if (count > kTablesMax) {
    return invalid_argument(std::to_string(count) + " tables are more than " +
                            std::to_string(kTablesMax));
  }
  for (const DenseTable& table : tables.dense) {
    DL_CHECK(check_size(table.name, table.elements(), "elements", servers));
    if (table.tensors.size() > kTensorsMax) {
      return invalid_argument("table \"" + table.name + "\" has too many tensors");
    }
    for (const Tensor& tensor : table.tensors) {
      if (tensor.name.size() <= kNameBytesMax) continue;
      return invalid_argument("a tensor's name in table \"" + table.name + "\" is longer than " +
                              std::to_string(kNameBytesMax) + " bytes");
    }
  }
  for (const SparseTable& table : tables.sparse) {
    DL_CHECK(check_size(table.name, table.rows, "rows", servers));
    if (table.columns == 0 || table.columns > kColumnsMax) {
      return invalid_argument("table \"" + table.name + "\" has " + std::to_string(table.columns) +
                              " columns; 1 to " + std::to_string(kColumnsMax) + " may be");
    }
  }
  return {};
}

std::vector<std::byte> encode(const Tables& tables) {
  Writer writer;
  writer.number(static_cast<std::uint32_t>(tables.dense.size()));
  writer.number(static_cast<std::uint32_t>(tables.sparse.size()));
  for (const DenseTable& table : tables.dense) {
    writer.text(table.name);
    writer.number(static_cast<std::uint32_t>(table.tensors.size()));
    for (const Tensor& tensor : table.tensors) {
      writer.text(tensor.name);
      writer.number(tensor.elements);
    }
  }
  for (const SparseTable& table : tables.sparse) {
    writer.text(table.name);
    writer.number(table.rows);
    writer.number(table.columns);
    writer.number(table.initial_bound);
    writer.number(table.seed);
  }
  return writer.take();
}

Result<Tables> decode_tables(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  Tables tables;
  DL_TRY(const auto dense, reader.number<std::uint32_t>());
  DL_TRY(const auto sparse, reader.number<std::uint32_t>());
  for (std::uint32_t i = 0; i < dense; ++i) {
    DL_TRY(DenseTable table, decode_dense(reader));
    tables.dense.push_back(std::move(table));
  }
  for (std::uint32_t i = 0; i < sparse; ++i) {
    DL_TRY(SparseTable table, decode_sparse(reader));
    tables.sparse.push_back(std::move(table));
  }
  return tables;
}

std::optional<std::string> difference(const Tables& theirs, const Tables& ours) {
  if (auto found = difference(theirs.dense, ours.dense, "dense")) return found;
  return difference(theirs.sparse, ours.sparse, "sparse");
}

}  // namespace dl::worker::paramserver
