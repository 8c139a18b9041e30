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
  // Who is over quota may still make a message smaller.
  const bool grows = added > freed || request.append.messages.size() > 1;
  return append(tx, request.append, grows ? request.append.quota : QuotaLimit());
}

}  // namespace eilpost::store
