#include "search/attachments/read_attachments.h"

#include <algorithm>

#include "store/digest.h"
#include "store/keys.h"

namespace eilpost::search {

namespace {

using Steady = std::chrono::steady_clock;

struct Work {
  const Helpers& helpers;
  store::Account& account;
  AttachmentWords& words;
  MailboxId mailbox;
  Steady::time_point until;
};

Result<> read_message(const Work& work, Uid uid, const store::PageData::Message& message,
                      IntervalSet& none) {
  const engine::BlobId blob = message.cold.blob;
  if (TRY(work.words.hold_known(work.mailbox, uid, blob))) return {};
  const auto parts = message.digest[static_cast<size_t>(store::Column::parts)];
  auto found = work.helpers.words_in(work.account, message.cold, parts);
  if (found && *found) return work.words.put(work.mailbox, uid, blob, **found);
  const bool of_message =
      found || found.error().code == Code::corrupt || found.error().code == Code::not_found;
  if (!of_message) return tl::unexpected(found.error());
  none.add(uid.value);
  return {};
}

// Those of the first page, one at least, as long as there is time; answers them.
Result<IntervalSet> read_of_page(const Work& work, const IntervalSet& uids) {
  const uint32_t page = store::keys::page_of(Uid(uids.min()));
  IntervalSet of_page;
  of_page.add(uids.min(), store::keys::uid_at(page, store::keys::page_slots - 1).value);
  of_page = of_page.intersect(uids);
  const auto data = TRY(work.account.read_page(work.mailbox, page, store::read_parts));
  IntervalSet done;
  IntervalSet none;
  Result<> failed;
  of_page.for_each([&](uint32_t uid) {
    if (!failed || (!done.empty() && Steady::now() >= work.until)) return;
    const auto* message = data->find(store::keys::slot_of(Uid(uid)));
    if (message == nullptr) none.add(uid);
    if (message != nullptr) failed = read_message(work, Uid(uid), *message, none);
    done.add(uid);
  });
  TRY(failed);
  TRY(work.words.put_none(work.mailbox, none));
  return done;
}

}  // namespace

Result<bool> read_attachments(TextIndex& index, const Helpers& helpers, store::Account& account,
                              std::chrono::milliseconds time) {
  const auto until = Steady::now() + time;
  AttachmentWords& words = index.attachments();
  const auto known = index.known();
  for (const MailboxId mailbox : words.mailboxes()) {
    const auto at = known.find(mailbox);
    TRY(words.keep_only(mailbox, at == known.end() ? IntervalSet() : at->second));
  }
  for (const auto& [mailbox, uids] : known) {
    const Work work{helpers, account, words, mailbox, until};
    IntervalSet left = words.not_looked_at(mailbox, uids);
    while (!left.empty()) {
      left = left.subtract(TRY(read_of_page(work, left)));
      if (Steady::now() >= until) return true;
    }
  }
  TRY(words.tidy());
  return false;
}

}  // namespace eilpost::search
