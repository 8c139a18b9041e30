// A SQLite database as tools keep their memory in: one file, opened by one process at a time.
// SQLite stands behind this header and nowhere else. A statement that fails says so with SQLite's
// own words. Blocks on the disk; one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace eilpost::client {

// A prepared statement; begun anew by each reset(). Lives no longer than its Database.
class Statement {
 public:
  Statement(Statement&&) noexcept = default;
  Statement& operator=(Statement&&) noexcept = default;

  // Parameters count from 1.
  Statement& bind(int parameter, int64_t value);
  Statement& bind(int parameter, std::string_view text);
  // True: there is a row. False: done; the statement is ready to be bound again.
  Result<bool> step();
  // For those that give no rows.
  Result<> run();
  void reset();

  // Columns count from 0; the text holds until the next step.
  int64_t integer(int column) const;
  std::string_view text(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  // Made when it is missing, readable by its owner only. Code::in_use: another process has it open;
  // Code::corrupt: it is no database, or a broken one.
  static Result<Database> open(const std::string& path);
  Database(Database&&) noexcept = default;
  Database& operator=(Database&&) noexcept = default;

  Result<Statement> prepare(std::string_view sql);
  // One or several statements without parameters and rows.
  Result<> execute(const std::string& sql);
  // PRAGMA user_version: which form the tables have; 0 for a database just made.
  Result<int64_t> version();
  // Rows that the last statement has changed.
  int64_t changes() const;

  // A transaction: what is done until commit() is there as a whole or not at all. Without commit()
  // it is taken back at its end.
  class Transaction {
   public:
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    Transaction(Transaction&& other) noexcept
        : database_(std::exchange(other.database_, nullptr)) {}
    ~Transaction();
    Result<> commit();

   private:
    friend class Database;
    explicit Transaction(Database& database) : database_(&database) {}
    Database* database_;
  };
  Result<Transaction> begin();

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit Database(sqlite3* database) : database_(database) {}

  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace eilpost::client
