#include "store/keys.h"
#include "store/mutations.h"

namespace eilpost::store {

Result<AppendResult> replace(Tx& tx, engine::Engine& engine, const ReplaceRequest& request) {
  const PagePtr page = TRY(tx.peek_page(request.mailbox, keys::page_of(request.uid)));
  if (!page || !page->find(keys::slot_of(request.uid))) {
    return fail(Code::expunge_issued, "the message to be replaced is gone");
  }
  const QuotaUse before = tx.head().used;
  UidSet gone;
  gone.add(request.uid);
  TRY(take_out(tx, engine, request.mailbox, gone, false));
  const uint64_t freed = before.bytes - tx.head().used.bytes;
  uint64_t added = 0;
  for (const NewMessage& message : request.append.messages) added += message.cold.size;
  // Who is over quota may still put one message in another's place, and make one smaller.
  QuotaLimit quota = request.append.quota;
  if (request.append.messages.size() == 1) {
    quota.messages = 0;
    if (added <= freed) quota.bytes = 0;
  }
  return append(tx, request.append, quota);
}

}  // namespace eilpost::store
