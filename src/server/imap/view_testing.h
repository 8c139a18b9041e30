// A client as RFC 9051 wants it to be: it knows of its mailbox only what it was told, and keeps
// numbers by what EXPUNGE and EXISTS say. For tests only; one thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "server/imap/view.h"

namespace eilpost::server {

class ViewClient {
 public:
  ViewClient(store::SnapshotPtr snapshot, Uid first_recent) : view(snapshot, first_recent) {
    for (uint32_t seq = 1; seq <= view.exists(); ++seq) learn(view.uid_of(Seq(seq)));
  }

  struct Known {
    uint8_t flags = 0;
    store::KeywordSet keywords;
    ModSeq modseq;
  };

  View view;
  std::vector<Uid> numbers;  // numbers[n - 1] is message n
  std::map<Uid, Known> messages;
  std::vector<std::string> problems;

  // As after a command that allows EXPUNGE or not: what is announced is taken in, then everything
  // that must hold is looked at.
  void sync(store::SnapshotPtr now, bool expunges) {
    const ModSeq announced_before = view.announced_modseq();
    const Announcement news = view.advance(now, expunges);
    if (!expunges && !(news.expunged.empty() && news.vanished.empty())) bad("EXPUNGE unasked for");
    take_expunges(news);
    const size_t had = numbers.size();
    if (news.exists_changed) {
      if (view.exists() < had) bad("EXISTS falls");
      for (auto seq = static_cast<uint32_t>(had + 1); seq <= view.exists(); ++seq) {
        learn(view.uid_of(Seq(seq)));
      }
    }
    if (news.exists_changed != (numbers.size() != had)) bad("EXISTS without news");
    take_changes(news);
    if (view.announced_modseq() < announced_before) bad("HIGHESTMODSEQ falls");
    check(*now, expunges);
  }

  // The session changed these itself and need not be told.
  void changed_by_itself(const UidSet& uids, ModSeq modseq) { view.silence(uids, modseq); }

 private:
  void bad(std::string what) { problems.push_back(std::move(what)); }

  void learn(Uid uid) {
    numbers.push_back(uid);
    remember(uid);
  }

  void remember(Uid uid) {
    const store::PagePtr page = view.shown().page(store::keys::page_of(uid));
    const store::HotEntry* e = page ? page->find(store::keys::slot_of(uid)) : nullptr;
    if (!e) return bad("a message that the view does not show");
    messages[uid] = {e->flags, page->keywords(*e), e->modseq};
  }

  void take_expunges(const Announcement& news) {
    UidSet gone;
    for (size_t i = 0; i < news.expunged.size(); ++i) {
      const Seq seq = news.expunged[i];
      if (i > 0 && seq >= news.expunged[i - 1]) bad("EXPUNGE numbers do not descend");
      if (seq.value == 0 || seq.value > numbers.size()) {
        bad("EXPUNGE of a number that is not there");
        return;
      }
      gone.add(numbers[seq.value - 1]);
      messages.erase(numbers[seq.value - 1]);
      numbers.erase(numbers.begin() + (seq.value - 1));
    }
    if (gone != news.vanished) bad("VANISHED and EXPUNGE differ");
  }

  void take_changes(const Announcement& news) {
    Seq last;
    for (const Announcement::Changed& c : news.changed) {
      if (c.seq <= last) bad("FETCH numbers do not ascend");
      last = c.seq;
      if (c.seq.value == 0 || c.seq.value > numbers.size() || numbers[c.seq.value - 1] != c.uid) {
        bad("FETCH of number " + std::to_string(c.seq.value) + " with another uid");
        continue;
      }
      remember(c.uid);
    }
  }

  void check(const store::MailboxSnapshot& now, bool expunges) {
    if (numbers.size() != view.exists()) bad("the client counts another number of messages");
    UidSet deferred;
    for (size_t i = 0; i < numbers.size(); ++i) {
      const Uid uid = numbers[i];
      const Seq seq(static_cast<uint32_t>(i + 1));
      if (view.uid_of(seq) != uid || view.seq_of(uid) != seq) bad("numbers differ");
      const store::HotEntry* e = now.tree.find(uid);
      if (!e) {
        deferred.add(uid);
        continue;
      }
      const store::PagePtr page = now.tree.page(store::keys::page_of(uid));
      const Known& known = messages[uid];
      if (known.flags != e->flags || known.modseq != e->modseq ||
          known.keywords != page->keywords(*e)) {
        bad("flags of uid " + std::to_string(uid.value) + " were not announced");
      }
    }
    if (deferred != view.gone()) bad("gone() is not what is gone and not announced");
    if (expunges && !deferred.empty()) bad("expunges were not announced");
    if (numbers.size() - deferred.count() != now.tree.exists()) bad("messages were not announced");
    if (!view.gone().empty()) return;
    if (view.announced_modseq() != now.counters.highest_modseq) bad("HIGHESTMODSEQ lags behind");
  }
};

}  // namespace eilpost::server
