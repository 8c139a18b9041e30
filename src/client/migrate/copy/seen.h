// What is in a target mailbox and not known to be ours: where a message is looked for that may have
// been sent already, or was there before the first run. Found by fingerprint; each is taken once,
// so that two equal messages of the source stay two. Uses the target's connection while it is
// called.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "client/migrate/copy/context.h"
#include "client/migrate/sides/sides.h"

namespace eilpost::client {

class Seen {
 public:
  // All numbers from `from` on in the open mailbox but those in `taken` (rising).
  Task<Result<>> load(MigrateContext& context, MailTarget& target, uint64_t from,
                      const std::vector<uint64_t>& taken);
  bool empty() const { return left_.empty(); }

  struct Wanted {
    std::string fingerprint;
    std::string header_key;
  };
  // The number of each, 0 where it is not there; a number is given once.
  Task<Result<std::vector<uint64_t>>> find(MigrateContext& context, MailTarget& target,
                                           std::vector<Wanted> wanted);

 private:
  Task<Result<>> read_headers(MailTarget& target, std::vector<uint64_t> numbers);
  Task<Result<>> read_fingerprints(MigrateContext& context, MailTarget& target,
                                   std::vector<uint64_t> numbers);

  uint64_t bucket_of(const std::string& header_key) const;

  // By a hash of the header key, small as there may be a million; 0 for all while there are few:
  // then the fingerprint alone decides, as it does in the end anyway.
  std::multimap<uint64_t, uint64_t> left_;
  std::map<uint64_t, std::string> fingerprints_;
  bool few_ = false;
};

}  // namespace eilpost::client
