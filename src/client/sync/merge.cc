#include "client/sync/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

namespace eilpost::client {

// --- one message ---

Fate fate_of(const SyncRow& row) {
  if (row.on_server && row.in_maildir) return Fate::keep;
  if (!row.on_server && !row.in_maildir) return Fate::forget;
  const MaildirFlags there = row.on_server ? row.remote : row.local;
  if ((there & ~row.base & maildir_flagged) != 0) return Fate::restore;
  return row.on_server ? Fate::gone_local : Fate::gone_remote;
}

MaildirFlags merge_flags(MaildirFlags base, MaildirFlags remote, MaildirFlags local) {
  return base ^ ((remote ^ base) | (local ^ base));
}

MaildirFlags join_flags(MaildirFlags remote, MaildirFlags local) {
  return ((remote | local) & ~maildir_deleted) | (remote & local & maildir_deleted);
}

// --- pairing ---

namespace {

// Strays of one kind by what they are found by; each is given out once.
class Pool {
 public:
  void add(uint64_t hash, size_t index) { indexes_[hash].push_back(index); }
  // The first that fits and is not taken; it is then.
  template <class Fits>
  std::optional<size_t> take(uint64_t hash, Fits&& fits) {
    const auto found = indexes_.find(hash);
    if (found == indexes_.end()) return std::nullopt;
    std::vector<size_t>& waiting = found->second;
    for (auto at = waiting.begin(); at != waiting.end(); ++at) {
      if (!fits(*at)) continue;
      const size_t index = *at;
      waiting.erase(at);
      return index;
    }
    return std::nullopt;
  }

 private:
  std::unordered_map<uint64_t, std::vector<size_t>> indexes_;
};

// What fits may also lie in other mailboxes.
uint64_t hash_of(const ContentKey& key) {
  return (key.header ^ (key.size * 0x9e3779b97f4a7c15ULL)) * 0xff51afd7ed558ccdULL;
}

uint64_t hash_of(const Fingerprint& print) {
  uint64_t out = 0;
  for (size_t i = 0; i < sizeof out; ++i) out = out << 8 | print.bytes[i];
  return out;
}

// A message that is known only by its size is known by its name, too, or not at all.
bool same_content(const ContentKey& a, const ContentKey& b, bool same_name) {
  return a == b && (a.header != 0 || same_name);
}

class Planner {
 public:
  explicit Planner(const Strays& strays)
      : strays_(strays),
        remote_taken_(strays.remote.size()),
        local_taken_(strays.local.size()),
        gone_local_taken_(strays.gone_local.size()),
        gone_remote_taken_(strays.gone_remote.size()) {}

  SyncPlan plan() {
    link_sent();
    link_equal();
    link_by_print();
    pair_gone_local();
    pair_gone_remote();
    for (size_t i = 0; i < strays_.remote.size(); ++i) {
      if (!remote_taken_[i]) plan_.download.push_back(i);
    }
    for (size_t i = 0; i < strays_.local.size(); ++i) {
      if (!local_taken_[i]) plan_.upload.push_back(i);
    }
    for (size_t i = 0; i < strays_.gone_local.size(); ++i) {
      if (!gone_local_taken_[i]) plan_.remove_remote.push_back(i);
    }
    for (size_t i = 0; i < strays_.gone_remote.size(); ++i) {
      if (!gone_remote_taken_[i]) plan_.remove_local.push_back(i);
    }
    return std::move(plan_);
  }

  Doubtful doubts() {
    link_sent();
    link_equal();
    Doubtful out;
    std::map<std::pair<uint32_t, uint64_t>, std::vector<size_t>> by_header;
    for (size_t i = 0; i < strays_.local.size(); ++i) {
      const FreshLocal& local = strays_.local[i];
      if (!local_taken_[i]) by_header[{local.mailbox, local.key.header}].push_back(i);
    }
    std::vector<bool> asked(strays_.local.size());
    for (size_t i = 0; i < strays_.remote.size(); ++i) {
      const FreshRemote& remote = strays_.remote[i];
      const auto found = by_header.find({remote.mailbox, remote.key.header});
      if (remote_taken_[i] || found == by_header.end()) continue;
      bool wanted = false;
      for (const size_t j : found->second) {
        // Without a header only an equal size makes it worth a look.
        if (remote.key.header == 0 && remote.key.size != strays_.local[j].key.size) continue;
        wanted = true;
        if (!asked[j]) out.local.push_back(j);
        asked[j] = true;
      }
      if (wanted) out.remote.push_back(i);
    }
    return out;
  }

 private:
  void link(size_t remote, size_t local) {
    remote_taken_[remote] = true;
    local_taken_[local] = true;
    plan_.links.emplace_back(remote, local);
  }

  // What was sent and has no answer is there when a message with its header came since, whatever
  // the server has made of its size.
  void link_sent() {
    Pool pool;
    for (size_t i = 0; i < strays_.local.size(); ++i) {
      const FreshLocal& local = strays_.local[i];
      if (local.sent_from != 0 && local.key.header != 0) pool.add(local.key.header, i);
    }
    for (size_t i = 0; i < strays_.remote.size(); ++i) {
      const FreshRemote& remote = strays_.remote[i];
      const auto found = pool.take(remote.key.header, [&](size_t j) {
        const FreshLocal& local = strays_.local[j];
        return local.mailbox == remote.mailbox && remote.uid.value >= local.sent_from;
      });
      if (found && remote.key.header != 0) link(i, *found);
    }
  }

  void link_equal() {
    Pool pool;
    for (size_t i = 0; i < strays_.local.size(); ++i) {
      if (!local_taken_[i]) pool.add(hash_of(strays_.local[i].key), i);
    }
    for (size_t i = 0; i < strays_.remote.size(); ++i) {
      const FreshRemote& remote = strays_.remote[i];
      if (remote_taken_[i] || remote.key.header == 0) continue;
      const auto found = pool.take(hash_of(remote.key), [&](size_t j) {
        return strays_.local[j].mailbox == remote.mailbox && strays_.local[j].key == remote.key;
      });
      if (found) link(i, *found);
    }
  }

  void link_by_print() {
    Pool pool;
    for (size_t i = 0; i < strays_.local.size(); ++i) {
      const FreshLocal& local = strays_.local[i];
      if (!local_taken_[i] && local.print) pool.add(hash_of(*local.print), i);
    }
    for (size_t i = 0; i < strays_.remote.size(); ++i) {
      const FreshRemote& remote = strays_.remote[i];
      if (remote_taken_[i] || !remote.print) continue;
      const auto found = pool.take(hash_of(*remote.print), [&](size_t j) {
        const FreshLocal& local = strays_.local[j];
        return local.mailbox == remote.mailbox && local.print == remote.print;
      });
      if (found) link(i, *found);
    }
  }

  // A file that has gone from one place and one with its content that has come to another.
  void pair_gone_local() {
    Pool pool;
    for (size_t i = 0; i < strays_.local.size(); ++i) {
      if (!local_taken_[i]) pool.add(hash_of(strays_.local[i].key), i);
    }
    // Those with the same name first: of several equal ones these are surely the same.
    for (const bool by_name : {true, false}) {
      for (size_t i = 0; i < strays_.gone_local.size(); ++i) {
        const Gone& gone = strays_.gone_local[i];
        if (gone_local_taken_[i]) continue;
        const auto found = pool.take(hash_of(gone.key), [&](size_t j) {
          const FreshLocal& local = strays_.local[j];
          const bool same_name = local.name == gone.name;
          return (same_name || !by_name) && same_content(local.key, gone.key, same_name);
        });
        if (!found) continue;
        gone_local_taken_[i] = true;
        local_taken_[*found] = true;
        const bool here = strays_.local[*found].mailbox == gone.mailbox;
        (here ? plan_.renamed : plan_.move_remote).emplace_back(i, *found);
      }
    }
  }

  void pair_gone_remote() {
    Pool pool;
    for (size_t i = 0; i < strays_.remote.size(); ++i) {
      if (!remote_taken_[i]) pool.add(hash_of(strays_.remote[i].key), i);
    }
    for (size_t i = 0; i < strays_.gone_remote.size(); ++i) {
      const Gone& gone = strays_.gone_remote[i];
      const auto found = pool.take(hash_of(gone.key), [&](size_t j) {
        return same_content(strays_.remote[j].key, gone.key, false);
      });
      if (!found) continue;
      gone_remote_taken_[i] = true;
      remote_taken_[*found] = true;
      const bool here = strays_.remote[*found].mailbox == gone.mailbox;
      (here ? plan_.renumbered : plan_.move_local).emplace_back(i, *found);
    }
  }

  const Strays& strays_;
  std::vector<bool> remote_taken_;
  std::vector<bool> local_taken_;
  std::vector<bool> gone_local_taken_;
  std::vector<bool> gone_remote_taken_;
  SyncPlan plan_;
};

}  // namespace

Doubtful doubtful(const Strays& strays) {
  return Planner(strays).doubts();
}

SyncPlan plan_strays(const Strays& strays) {
  return Planner(strays).plan();
}

// --- what may be removed ---

namespace {

std::string told(const Removals& one) {
  return fmt::format("{}: {} of {} messages would be removed from the {}", one.mailbox, one.removed,
                     one.known, one.on_server ? "server" : "Maildir");
}

}  // namespace

std::string question_about(const std::vector<Removals>& removals, const RemovalLimits& limits) {
  uint64_t all = 0;
  std::string emptied;
  // Everything that was known is gone from a side: rather that side is lost than its mail.
  uint64_t known[2] = {};
  uint64_t removed[2] = {};
  for (const Removals& one : removals) {
    all += one.removed;
    known[one.on_server] += one.known;
    removed[one.on_server] += one.removed;
    if (one.removed == 0 || one.removed < one.known) continue;
    if (one.known > limits.small_mailbox_max && emptied.empty()) emptied = one.mailbox;
  }
  std::string reason;
  for (const bool on_server : {false, true}) {
    if (removed[on_server] > 1 && removed[on_server] == known[on_server]) {
      reason = fmt::format("Nothing of what was in sync is left {}",
                           on_server ? "in the Maildir" : "on the server");
    }
  }
  if (reason.empty() && !emptied.empty()) reason = emptied + " has lost every message it had";
  if (limits.allow_empty) reason.clear();
  if (reason.empty() && all > limits.messages_max) {
    reason = fmt::format("{} messages would be removed, more than --max-delete {}", all,
                         limits.messages_max);
  }
  if (reason.empty()) return "";
  for (const Removals& one : removals) {
    if (one.removed > 0) reason += "\n  " + told(one);
  }
  return reason;
}

}  // namespace eilpost::client
