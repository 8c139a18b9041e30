// What an import has done, in a file beside its source, so that a second run imports nothing twice
// - also after a crash between a commit and the note about it: a batch is written down with a
// random id before it commits, the commit carries the id in the account's change log, and the next
// run looks there for a batch whose end is missing. Text lines; used by one thread.
#pragma once

#include <functional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "store/account.h"

namespace eilpost {

class Ledger {
 public:
  // Reads the file or makes it. Code::invalid: it belongs to another account. `account` settles a
  // batch whose end is missing.
  static Result<Ledger> open(const std::string& path, store::Account& account);
  Ledger(Ledger&& other) noexcept;
  Ledger& operator=(Ledger&&) = delete;
  ~Ledger();

  bool contains(const std::string& key) const { return done_.count(key) != 0; }
  size_t size() const { return done_.size(); }
  // Before the commit; the answer is the session to put into its Author.
  Result<std::string> begin(const std::vector<std::string>& keys, Random& random);
  // After it. `failed`: nothing was committed.
  enum class End { committed, failed };
  Result<> end(End how);

 private:
  Ledger() = default;
  Result<> write(const std::string& lines);

  int fd_ = -1;
  store::Account* account_ = nullptr;
  std::unordered_set<std::string> done_;
  std::vector<std::string> open_;  // keys of the batch under way
  std::string open_id_;
};

}  // namespace eilpost
