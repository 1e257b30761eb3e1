#include "daemon/runtime/journal/database.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace dl::runtime::journal {
namespace {

constexpr int kBusyWaitMs = 5000;

bool is_disk_full(int code, int cause) {
  if ((code & 0xff) == SQLITE_FULL) return true;
  return (code & 0xff) == SQLITE_IOERR && (cause == ENOSPC || cause == EDQUOT || cause == EFBIG);
}

// What the last call on `handle` failed of, with the file and the next step. SQLite does not keep
// why a write failed: `cause` is what errno had after the call.
Error last_error(sqlite3* handle, int cause) {
  const int code = sqlite3_extended_errcode(handle);
  const char* name = sqlite3_db_filename(handle, "main");
  const std::string file = name != nullptr ? name : "the database";
  const std::string what = file + ": " + sqlite3_errmsg(handle);
  if (is_disk_full(code, cause)) {
    return {Code::kResourceExhausted,
            file +
                " cannot grow, the disk is full; nothing was stored. Free space on its file "
                "system: the coordinator goes on by itself"};
  }
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Code::kDataLoss, what +
                                   "; the file is damaged: restore it from a backup, or move it "
                                   "away to begin with an empty history"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::kUnavailable, what + "; another program holds it: close that and try again"};
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return {Code::kPermissionDenied, what +
                                           "; check the owner and the mode of the file and of "
                                           "its directory"};
    case SQLITE_IOERR:
      return {Code::kUnavailable,
              what + (cause != 0 ? std::string(" (") + std::strerror(cause) + ")" : std::string())};
    default: return {Code::kInternal, what};
  }
}

}  // namespace

Statement& Statement::bind(int parameter, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), parameter, value);
  return *this;
}

Statement& Statement::bind(int parameter, std::uint64_t value) {
  return bind(parameter, static_cast<std::int64_t>(value));
}

Statement& Statement::bind(int parameter, double value) {
  sqlite3_bind_double(statement_.get(), parameter, value);
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view value) {
  sqlite3_bind_text64(statement_.get(), parameter, value.data(), value.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
  return *this;
}

Result<bool> Statement::step() {
  errno = 0;
  const int code = sqlite3_step(statement_.get());
  const int cause = errno;
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  Error error = last_error(sqlite3_db_handle(statement_.get()), cause);
  reset();
  return error;
}

Result<void> Statement::run() {
  DL_CHECK(step());
  reset();
  return {};
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::string_view Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

Result<Database> Database::open(const std::filesystem::path& file, Mode mode) {
  sqlite3* handle = nullptr;
  const int flags =
      mode == Mode::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = sqlite3_open_v2(file.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(handle);
  if (code != SQLITE_OK) {
    if (handle == nullptr) return Error{Code::kResourceExhausted, file.string() + ": no memory"};
    return last_error(handle, errno);
  }
  if (mode == Mode::kReadWrite && ::chmod(file.c_str(), 0600) != 0) {
    return errno_error("chmod " + file.string(), errno);
  }
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyWaitMs);
  return database;
}

Result<void> Database::execute(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return last_error(handle_.get(), errno);
  }
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    return last_error(handle_.get(), errno);
  }
  return Statement(statement);
}

Result<std::int64_t> Database::ask(std::string_view sql) {
  DL_TRY(Statement statement, prepare(sql));
  DL_TRY(const bool found, statement.step());
  return found ? statement.integer(0) : 0;
}

}  // namespace dl::runtime::journal
