#include "server/imap/view.h"

#include <algorithm>

namespace eilpost::server {

using store::HotEntry;
using store::HotPage;
using store::MessageTree;
using store::PagePtr;

struct View::Difference {
  UidSet expunged;
  UidSet changed;  // flags or modseq of messages known before
  UidSet added;
  std::vector<PagePtr> patched;  // pages of the new tree with what is gone put back
};

View::View(store::SnapshotPtr snapshot, Uid first_recent)
    : snapshot_(std::move(snapshot)),
      shown_(snapshot_->tree),
      first_recent_(first_recent),
      announced_modseq_(snapshot_->counters.highest_modseq) {}

uint32_t View::recent() const {
  return shown_.exists() + 1 - shown_.lower_bound(first_recent_).value;
}

Result<UidSet> View::resolve(const imap::SequenceSet& set, bool uid) const {
  UidSet out;
  if (uid) {
    const IntervalSet wanted = set.resolve(shown_.last_uid().value);
    for (const Interval& i : wanted.intervals()) {
      shown_.for_pages(Uid(i.first), [&](Seq, const PagePtr& page) {
        for (const HotEntry& e : page->entries) {
          const Uid at = page->uid(e);
          if (at.value > i.last) return false;
          if (at.value >= i.first) out.add(at);
        }
        return true;
      });
    }
    return out;
  }
  if (set.largest_number() > shown_.exists() || (set.has_star() && shown_.exists() == 0)) {
    return fail(Code::invalid, "a message number is higher than the number of messages");
  }
  const IntervalSet wanted = set.resolve(shown_.exists());
  for (const Interval& i : wanted.intervals()) {
    shown_.for_pages(shown_.uid_of(Seq(i.first)), [&](Seq first, const PagePtr& page) {
      uint32_t seq = first.value;
      if (seq > i.last) return false;
      for (const HotEntry& e : page->entries) {
        if (seq >= i.first && seq <= i.last) out.add(page->uid(e));
        ++seq;
      }
      return true;
    });
  }
  return out;
}

UidSet bounds(const MessageTree& tree, const imap::SequenceSet& set, bool uid) {
  if (uid) return UidSet(set.resolve(tree.last_uid().value));
  UidSet out;
  const IntervalSet wanted = set.resolve(tree.exists());
  for (const Interval& i : wanted.intervals()) {
    if (i.first > tree.exists()) break;
    out.add(tree.uid_of(Seq(i.first)), tree.uid_of(Seq(std::min(i.last, tree.exists()))));
  }
  return out;
}

UidSet View::present() const {
  UidSet out;
  shown_.for_pages(Uid(1), [&](Seq, const PagePtr& page) {
    for (const HotEntry& e : page->entries) out.add(page->uid(e));
    return true;
  });
  return out;
}

SeqSet View::seqs_of(const UidSet& uids) const {
  SeqSet out;
  if (uids.empty()) return out;
  const auto& wanted = uids.raw().intervals();
  size_t at = 0;
  shown_.for_pages(uids.min(), [&](Seq first, const PagePtr& page) {
    uint32_t number = first.value;
    for (const HotEntry& entry : page->entries) {
      const uint32_t uid = page->uid(entry).value;
      while (at < wanted.size() && wanted[at].last < uid) ++at;
      if (at == wanted.size()) return false;
      if (uid >= wanted[at].first) out.add(Seq(number));
      ++number;
    }
    return true;
  });
  return out;
}

void View::silence(const UidSet& uids, ModSeq modseq) {
  silent_.emplace_back(uids, modseq);
}

// What differs in one page between what the session knows and what is.
void View::compare(const PagePtr& known, const PagePtr& now, bool expunges, Difference& out) const {
  static const HotPage none;
  const HotPage& a = known ? *known : none;
  const HotPage& b = now ? *now : none;
  HotPage patched;
  bool put_back = false;
  size_t i = 0;
  size_t j = 0;
  while (i < a.entries.size() || j < b.entries.size()) {
    if (j == b.entries.size() || (i < a.entries.size() && a.entries[i].slot < b.entries[j].slot)) {
      out.expunged.add(a.uid(a.entries[i]));
      if (!expunges) {
        if (!put_back) patched = b;
        patched.page = a.page;
        const uint8_t keywords = patched.intern(a.keywords(a.entries[i]));
        HotEntry& entry = patched.insert(a.entries[i].slot);
        entry = a.entries[i];
        entry.keyword_set = keywords;
        put_back = true;
      }
      ++i;
    } else if (i == a.entries.size() || b.entries[j].slot < a.entries[i].slot) {
      out.added.add(b.uid(b.entries[j++]));
    } else {
      if (a.entries[i].modseq != b.entries[j].modseq) out.changed.add(b.uid(b.entries[j]));
      ++i;
      ++j;
    }
  }
  if (put_back) out.patched.push_back(store::freeze(std::move(patched)));
}

Announcement View::advance(store::SnapshotPtr now, bool expunges) {
  Announcement out;
  Difference difference;
  MessageTree::diff(shown_, now->tree, [&](const PagePtr& known, const PagePtr& current) {
    compare(known, current, expunges, difference);
  });
  const uint32_t exists_before = shown_.exists();
  uint32_t expunged = 0;
  if (expunges && !difference.expunged.empty()) {
    out.vanished = difference.expunged;
    const SeqSet seqs = seqs_of(difference.expunged);
    seqs.for_each([&](Seq seq) { out.expunged.push_back(seq); });
    std::reverse(out.expunged.begin(), out.expunged.end());
    expunged = static_cast<uint32_t>(out.expunged.size());
  }
  gone_ = expunges ? UidSet() : difference.expunged;
  snapshot_ = std::move(now);
  shown_ = difference.patched.empty() ? snapshot_->tree : snapshot_->tree.with(difference.patched);
  out.added = std::move(difference.added);
  out.exists_changed = shown_.exists() != exists_before - expunged;
  // A message that was put back keeps what it was announced with; its pages differ, it does not.
  UidSet told = difference.changed;
  for (const auto& [uids, modseq] : silent_) {
    UidSet known;
    const UidSet candidates(told.raw().intersect(uids.raw()));
    for (const Interval& i : candidates.raw().intervals()) {
      for (uint64_t uid = i.first; uid <= i.last; ++uid) {
        const HotEntry* entry = snapshot_->tree.find(Uid(static_cast<uint32_t>(uid)));
        if (entry && entry->modseq == modseq) known.add(Uid(static_cast<uint32_t>(uid)));
      }
    }
    told = UidSet(told.raw().subtract(known.raw()));
    known.for_each([&](Uid uid) { out.changed.push_back({seq_of(uid), uid, false}); });
  }
  silent_.clear();
  told.for_each([&](Uid uid) { out.changed.push_back({seq_of(uid), uid, true}); });
  std::sort(out.changed.begin(), out.changed.end(),
            [](const auto& a, const auto& b) { return a.seq < b.seq; });
  if (gone_.empty()) announced_modseq_ = snapshot_->counters.highest_modseq;
  return out;
}

}  // namespace eilpost::server
