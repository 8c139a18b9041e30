// Puts a message into the store for tools: octets in pieces, one scan, one blob; then several
// messages as one commit. Blocks; for threads of commands, never for a pool's.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "mime/scanner.h"
#include "store/account.h"
#include "store/mutations.h"
#include "store/store.h"

namespace eilpost {

class Stager {
 public:
  // `place` says where the message is meant to go; kept in the blob's record.
  static Result<Stager> begin(store::Account& account, std::string place);

  Result<> feed(std::string_view octets);
  // Size, blob and digest are filled in; date and flags are the caller's.
  // Code::invalid: the message has NUL octets.
  Result<store::NewMessage> finish();
  uint64_t size() const { return size_; }

 private:
  Stager() = default;
  std::unique_ptr<engine::BlobWriter> writer_;
  mime::Scanner scanner_;
  uint64_t size_ = 0;
  bool nul_ = false;
};

Result<store::AppendResult> append_wait(store::Account& account, const store::Author& author,
                                        store::AppendRequest request);
// The mailbox of that name, made if it is not there.
Result<MailboxId> ensure_mailbox(store::Account& account, const store::Author& author,
                                 const std::string& name, uint16_t special_use);

}  // namespace eilpost
