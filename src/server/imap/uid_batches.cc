// UIDBATCHES (RFC 10022): ranges of uids, from the highest down to 1, each with the asked number of
// messages; only the last may hold fewer.

#include <algorithm>

#include "server/imap/commands.h"

namespace eilpost::server {

CommandTask run(ImapSession& session, const imap::UidBatches& command, RunOptions options) {
  if (command.size < limits::uid_batch_size_min) {
    co_return Reply::no(imap::CodeName::too_few, "a batch has at least 500 messages");
  }
  uint64_t first = 1;
  uint64_t last = UINT32_MAX;
  if (command.range) {
    first = command.range->first;
    last = command.range->last;
    if (first > last) {
      co_return Reply{imap::Condition::bad, imap::ResponseCode(imap::CodeName::client_bug),
                      "the batches are named from the first to the last"};
    }
    if ((last - first + 1) * command.size > limits::uid_batches_messages_max) {
      co_return Reply::no(imap::CodeName::too_many, "more messages than one UIDBATCHES may part");
    }
  }
  const View& view = session.selected()->view;
  const uint64_t exists = view.exists();
  const uint64_t size = command.size;
  last = std::min(last, (exists + size - 1) / size);
  imap::UidBatchesData data;
  data.tag = std::string(options.tag);
  for (uint64_t batch = first; batch <= last; ++batch) {
    // The batch holds the messages (low, high] by number.
    const uint64_t high = exists - (batch - 1) * size;
    const uint64_t low = high > size ? high - size : 0;
    const uint32_t above = batch == 1 ? view.shown().last_uid().value
                                      : view.uid_of(Seq(static_cast<uint32_t>(high + 1))).value - 1;
    const uint32_t from = low == 0 ? 1 : view.uid_of(Seq(static_cast<uint32_t>(low + 1))).value;
    data.batches.push_back({above, from});
  }
  imap::append_uid_batches(session.out(), data);
  co_return Reply::ok("these are the batches");
}

}  // namespace eilpost::server
