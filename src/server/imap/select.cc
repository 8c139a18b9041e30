// SELECT and EXAMINE (RFC 9051 6.3.2, RFC 7162 3.2.5), CLOSE, UNSELECT.

#include "base/limits.h"
#include "server/imap/commands.h"
#include "store/mutations.h"

namespace eilpost::server {

namespace {

void untagged_ok(ImapSession& session, const imap::ResponseCode& code, std::string_view text) {
  imap::append_untagged(session.out(), imap::Condition::ok, code, text);
}

void print_opened(ImapSession& session, const Selected& opened) {
  std::string& out = session.out();
  const View& view = opened.view;
  const store::MailboxSnapshot& now = view.snapshot();
  append_defined_flags(out, opened);
  imap::append_exists(out, view.exists());
  if (!session.rev2) imap::append_recent(out, view.recent());
  // RFC 9586: UNSEEN is a message number.
  const bool says_unseen = !session.rev2 && !session.uid_only;
  if (const Seq first = now.tree.first_unseen(); says_unseen && first) {
    untagged_ok(session, imap::ResponseCode(imap::CodeName::unseen, first.value), "first unseen");
  }
  untagged_ok(session, imap::ResponseCode(imap::CodeName::uid_validity, now.counters.uid_validity),
              "uids are valid");
  untagged_ok(session, imap::ResponseCode(imap::CodeName::uid_next, now.counters.uid_next.value),
              "next uid");
  untagged_ok(session,
              imap::ResponseCode(imap::CodeName::highest_modseq, now.counters.highest_modseq.value),
              "highest modseq");
  untagged_ok(session, imap::ResponseCode::mailbox_id(mailbox_object_id(opened.mailbox)),
              "mailbox id");
  if (session.rev2) {
    imap::ListData list;
    list.mailbox = opened.name;
    imap::append_list(out, list, session.style());
  }
}

// The numbers of a set one by one, without laying out its ranges.
class PairWalk {
 public:
  explicit PairWalk(IntervalSet set) : set_(std::move(set)) {}
  std::optional<uint32_t> next() {
    const auto& intervals = set_.intervals();
    if (at_ == intervals.size()) return std::nullopt;
    const uint32_t value = intervals[at_].first + offset_;
    if (value == intervals[at_].last) {
      ++at_;
      offset_ = 0;
    } else {
      ++offset_;
    }
    return value;
  }

 private:
  IntervalSet set_;
  size_t at_ = 0;
  uint32_t offset_ = 0;
};

// The uids that the client's sequence match data prove it still has right (RFC 7162 3.2.5.2): it
// need not be told of expunges below the last pair that matches.
Uid matched_up_to(const imap::QResync& known, const View& view) {
  if (!known.match_seqs || !known.match_uids) return Uid(0);
  constexpr int pairs_max = 10000;
  PairWalk seqs(known.match_seqs->resolve(view.exists()));
  PairWalk uids(known.match_uids->resolve(view.shown().last_uid().value));
  Uid matched;
  for (int pairs = 0; pairs < pairs_max; ++pairs) {
    const auto seq = seqs.next();
    const auto uid = uids.next();
    if (!seq || !uid || *seq > view.exists()) break;
    if (view.uid_of(Seq(*seq)) == Uid(*uid)) matched = Uid(*uid);
  }
  return matched;
}

net::Task<Result<>> resynchronize(ImapSession& session, const imap::QResync& known,
                                  Selected& opened) {
  const View& view = opened.view;
  const store::MailboxCounters& counters = view.snapshot().counters;
  if (known.uid_validity != counters.uid_validity) co_return Result<>();
  UidSet asked;
  if (known.known_uids) {
    asked = UidSet(known.known_uids->resolve(UINT32_MAX));
  } else if (counters.uid_next > Uid(1)) {
    asked.add(Uid(1), Uid(counters.uid_next.value - 1));
  }
  const ModSeq since(known.modseq);
  auto job = [account = session.account_ptr(), mailbox = opened.mailbox, since] {
    return account->changes_since(mailbox, since);
  };
  auto changes = co_await session.read(std::move(job));
  CO_TRY(changes);
  // For a client from before the log's floor: every uid of its known set that is not there.
  IntervalSet gone =
      changes->complete ? changes->vanished.raw().intersect(asked.raw()) : asked.raw();
  // The log was read after the view was made: what the view holds is announced as an expunge later.
  if (!gone.empty()) gone = gone.subtract(view.present().raw());
  UidSet vanished(std::move(gone));
  if (!changes->complete) {
    const Uid matched = matched_up_to(known, view);
    if (matched) vanished.raw().remove(1, matched.value);
    // Never a uid that was not given yet.
    vanished.raw().remove(counters.uid_next.value, UINT32_MAX);
  }
  if (!vanished.empty()) {
    imap::append_vanished(session.out(), imap::VanishedData{true, vanished.raw()});
  }
  uint32_t printed = 0;
  UidSet changed;
  view.shown().for_pages(Uid(1), [&](Seq, const store::PagePtr& page) {
    for (const store::HotEntry& e : page->entries) {
      if (e.modseq > since && asked.contains(page->uid(e))) changed.add(page->uid(e));
    }
    return true;
  });
  for (const Interval& i : changed.raw().intervals()) {
    for (uint64_t uid = i.first; uid <= i.last; ++uid) {
      const Uid at(static_cast<uint32_t>(uid));
      session.append_flags_response(view.seq_of(at), at, true);
      if (++printed % 256 == 0) {
        auto sent = co_await session.send_if_large();
        CO_TRY(sent);
      }
    }
  }
  co_return Result<>();
}

// EXAMINE, or a login that may change nothing.
bool reads_only(const ImapSession& session, const imap::Select& command) {
  return command.read_only || session.identity().read_only;
}

// Opens the mailbox without telling anybody yet.
net::Task<Result<Selected>> open_mailbox(ImapSession& session, const imap::Select& command) {
  auto fresh = co_await session.refresh();
  CO_TRY(fresh);
  auto id = session.find_mailbox(command.mailbox);
  CO_TRY(id);
  const MailboxId mailbox = *id;
  auto snapshot = co_await session.open(mailbox);
  CO_TRY(snapshot);
  Uid first_recent = (*snapshot)->counters.first_recent;
  const bool takes =
      !reads_only(session, command) && first_recent != (*snapshot)->counters.uid_next;
  if (takes) {
    std::function<Result<Uid>(store::Tx&)> take = [mailbox](store::Tx& tx) {
      return store::take_recent(tx, mailbox);
    };
    auto taken = co_await session.mutate<Uid>(std::move(take));
    if (taken) {
      first_recent = *taken;
      snapshot = co_await session.open(mailbox);
      CO_TRY(snapshot);
    } else {
      // A full disk must not keep users from reading.
      session.log().warn("recent: {}", taken.error().detail);
    }
  }
  const std::string name = session.folders()->name(mailbox);
  co_return Selected{
      mailbox, name, reads_only(session, command), View(std::move(*snapshot), first_recent),
      {},      {}};
}

}  // namespace

void append_defined_flags(std::string& out, const Selected& selected) {
  const store::KeywordTable& keywords = *selected.view.snapshot().keywords;
  imap::FlagList flags{"\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"};
  flags.insert(flags.end(), keywords.begin(), keywords.end());
  imap::append_flags(out, imap::FlagsData{flags});
  // RFC 9051 7.1: "\\*" stands there as long as there is room for another keyword.
  const bool room = keywords.size() < limits::keywords_per_mailbox_max;
  if (room) flags.emplace_back("\\*");
  if (selected.read_only) flags.clear();
  const imap::ResponseCode code(imap::CodeName::permanent_flags, flags);
  const std::string_view text = selected.read_only ? "nothing can be changed"
                                : room             ? "any keyword may be set"
                                                   : "no other keyword may be set";
  imap::append_untagged(out, imap::Condition::ok, code, text);
}

std::string mailbox_object_id(MailboxId mailbox) {
  return "F" + std::to_string(mailbox.value);
}

CommandTask run(ImapSession& session, const imap::Select& command, RunOptions) {
  if (command.qresync && !session.qresync) {
    co_return Reply::bad("QRESYNC has to be enabled first");  // RFC 7162 3.2.5
  }
  const bool was_selected = session.selected() != nullptr;
  co_await session.deselect();
  if (was_selected) {
    // RFC 9051 7.1: what follows belongs to the new mailbox.
    untagged_ok(session, imap::ResponseCode(imap::CodeName::closed),
                "the former mailbox is closed");
  }
  auto opened = co_await open_mailbox(session, command);
  if (!opened) co_return reply_for(session, opened.error());
  if (command.condstore) session.use_condstore();
  session.select(std::move(*opened));
  print_opened(session, *session.selected());
  if (command.qresync) {
    auto synced = co_await resynchronize(session, *command.qresync, *session.selected());
    if (!synced) {
      // After a NO no mailbox is selected (RFC 9051 6.3.2).
      co_await session.deselect();
      co_return reply_for(session, synced.error());
    }
  }
  const bool read_only = session.selected()->read_only;
  const auto code = read_only ? imap::CodeName::read_only : imap::CodeName::read_write;
  co_return Reply::ok(imap::ResponseCode(code), read_only ? "examined" : "selected");
}

CommandTask run(ImapSession& session, const imap::Close&, RunOptions) {
  const MailboxId mailbox = session.selected()->mailbox;
  const bool read_only = session.selected()->read_only;
  if (!read_only) {
    std::optional<UidSet> everything;
    auto gone = co_await expunge_all(session, mailbox, std::move(everything), nullptr);
    // CLOSE knows no NO (RFC 9051 6.4.1): what could not be removed stays marked.
    if (!gone) session.log().warn("close: {}", gone.error().detail);
  }
  // No HIGHESTMODSEQ, not even with QRESYNC: CLOSE announces nothing, so what others changed in the
  // meantime would lie below a modseq that the client takes for known.
  co_await session.deselect();
  co_return Reply::ok("closed");
}

CommandTask run(ImapSession& session, const imap::Unselect&, RunOptions) {
  co_await session.deselect();
  co_return Reply::ok("unselected");
}

}  // namespace eilpost::server
