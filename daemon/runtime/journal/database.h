// A thin owner of SQLite's handles: connections and prepared statements, errors as Error.
//
// One connection belongs to one thread at a time. The codes of errors: kResourceExhausted for a
// full disk, kDataLoss for a damaged file, kPermissionDenied, kUnavailable for a locked one.

#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace dl::runtime::journal {

// A prepared statement. Parameters and columns count as SQLite counts them: from 1 and from 0.
class Statement {
 public:
  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, std::uint64_t value);
  Statement& bind(int parameter, double value);
  // Not copied: `value` must live until the next reset().
  Statement& bind(int parameter, std::string_view value);

  // To the next row: true when there is one. After the last row, or an error, it is reset.
  Result<bool> step();
  // For statements without rows.
  Result<void> run();
  void reset();

  std::int64_t integer(int column) const;
  std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  double real(int column) const;
  bool is_null(int column) const;
  // Valid until the next step() or reset().
  std::string_view text(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  enum class Mode { kReadWrite, kReadOnly };

  // Creates the file, 0600, when it is to be written and missing.
  static Result<Database> open(const std::filesystem::path& file, Mode mode);

  // One statement or several, without parameters.
  Result<void> execute(const char* sql);
  Result<Statement> prepare(std::string_view sql);
  // The first column of the first row of `sql`; 0 when there is none.
  Result<std::int64_t> ask(std::string_view sql);

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  explicit Database(sqlite3* handle) : handle_(handle) {}

  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace dl::runtime::journal
