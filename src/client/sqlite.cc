#include "client/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <tuple>
#include <utility>

#include "base/check.h"

namespace eilpost::client {

namespace {

tl::unexpected<Error> fail_sqlite(sqlite3* database, std::string_view what) {
  Code code = Code::io;
  switch (sqlite3_errcode(database)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: code = Code::in_use; break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: code = Code::corrupt; break;
    case SQLITE_CONSTRAINT: code = Code::already_exists; break;
    default: break;
  }
  return fail(code, std::string(what) + ": " + sqlite3_errmsg(database));
}

std::string_view file_of(sqlite3* database) {
  const char* name = sqlite3_db_filename(database, "main");
  return name == nullptr ? "database" : name;
}

}  // namespace

// --- statements ---

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement& Statement::bind(int parameter, int64_t value) {
  CHECK(sqlite3_bind_int64(statement_.get(), parameter, value) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  // Bound as text even where it holds no UTF-8: file names are octets.
  CHECK(sqlite3_bind_text(statement_.get(), parameter, text.data(), static_cast<int>(text.size()),
                          SQLITE_TRANSIENT) == SQLITE_OK);
  return *this;
}

Result<bool> Statement::step() {
  const int done = sqlite3_step(statement_.get());
  if (done == SQLITE_ROW) return true;
  sqlite3* database = sqlite3_db_handle(statement_.get());
  if (done == SQLITE_DONE) {
    reset();
    return false;
  }
  auto failed = fail_sqlite(database, file_of(database));
  reset();
  return failed;
}

Result<> Statement::run() {
  const bool row = TRY(step());
  if (row) reset();
  return {};
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::text(int column) const {
  const auto* octets = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return octets == nullptr ? std::string_view()
                           : std::string_view(octets, static_cast<size_t>(size));
}

// --- the database ---

void Database::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

Result<Database> Database::open(const std::string& path) {
  // Made here, so that nobody else can read it for a moment.
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail_errno(path, errno);
  ::close(fd);
  sqlite3* opened = nullptr;
  const int done = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE, nullptr);
  Database out(opened);
  if (done != SQLITE_OK) return fail_sqlite(opened, path);
  sqlite3_busy_timeout(opened, 0);
  // Held alone from the first write on, which begins at once: a second process is told.
  TRY(
      out.execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                  "PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;"
                  "BEGIN IMMEDIATE; COMMIT;"));
  return out;
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    return fail_sqlite(database_.get(), file_of(database_.get()));
  }
  return Statement(statement);
}

Result<> Database::execute(const std::string& sql) {
  if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return fail_sqlite(database_.get(), file_of(database_.get()));
  }
  return {};
}

Result<int64_t> Database::version() {
  Statement statement = TRY(prepare("PRAGMA user_version"));
  const bool row = TRY(statement.step());
  return row ? statement.integer(0) : 0;
}

int64_t Database::changes() const {
  return sqlite3_changes64(database_.get());
}

Result<Database::Transaction> Database::begin() {
  TRY(execute("BEGIN IMMEDIATE"));
  return Transaction(*this);
}

Result<> Database::Transaction::commit() {
  TRY(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

Database::Transaction::~Transaction() {
  // SQLite has taken it back already where that fails.
  if (database_ != nullptr) std::ignore = database_->execute("ROLLBACK");
}

}  // namespace eilpost::client
