#include "main/mail/stager.h"

#include <cstring>

#include "store/digest.h"

namespace eilpost {

Result<Stager> Stager::begin(store::Account& account, std::string place) {
  Stager stager;
  stager.writer_ = TRY(account.stage(std::move(place)));
  return stager;
}

Result<> Stager::feed(std::string_view octets) {
  nul_ = nul_ || std::memchr(octets.data(), '\0', octets.size()) != nullptr;
  if (nul_) return fail(Code::invalid, "NUL octets");
  scanner_.feed(octets);
  size_ += octets.size();
  return writer_->append(octets);
}

Result<store::NewMessage> Stager::finish() {
  if (nul_) return fail(Code::invalid, "NUL octets");
  store::NewMessage message;
  message.digest = store::make_digest(scanner_.finish());
  message.cold.size = size_;
  message.cold.blob = TRY(writer_->finish());
  return message;
}

Result<store::AppendResult> append_wait(store::Account& account, const store::Author& author,
                                        store::AppendRequest request) {
  // Kept by the mutation, which may run again.
  auto kept = std::make_shared<const store::AppendRequest>(std::move(request));
  return store::mutate_wait<store::AppendResult>(
      account, author, [kept](store::Tx& tx) { return store::append(tx, *kept); });
}

Result<MailboxId> ensure_mailbox(store::Account& account, const store::Author& author,
                                 const std::string& name, uint16_t special_use) {
  return store::mutate_wait<MailboxId>(account, author, [&](store::Tx& tx) -> Result<MailboxId> {
    const store::MailboxDef* known = tx.folders().find(name);
    if (known != nullptr && known->selectable) return known->id;
    const MailboxId made = TRY(store::create_mailbox(tx, {name, special_use}));
    TRY(store::subscribe(tx, name, true));
    return made;
  });
}

}  // namespace eilpost
