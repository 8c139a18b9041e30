// What sync decides, and a model of a server, a Maildir and a state, on which it decides thousands
// of times: whatever users do on both sides and wherever a run is cut off, nothing is lost, nothing
// is doubled, and both sides are equal afterwards.

#include "client/sync/merge.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/random.h"

namespace eilpost::client {
namespace {

SyncRow row(MaildirFlags base, std::optional<MaildirFlags> remote,
            std::optional<MaildirFlags> local) {
  SyncRow out;
  out.uid = Uid(1);
  out.base = base;
  out.on_server = remote.has_value();
  out.in_maildir = local.has_value();
  out.remote = remote.value_or(0);
  out.local = local.value_or(0);
  return out;
}

TEST(Merge, FlagsOfBothSidesAreMergedOneByOne) {
  const MaildirFlags seen = maildir_seen;
  const MaildirFlags flagged = maildir_flagged;
  EXPECT_EQ(merge_flags(0, seen, flagged), seen | flagged);
  EXPECT_EQ(merge_flags(seen, 0, seen | flagged), flagged);
  EXPECT_EQ(merge_flags(seen, 0, 0), 0U);
  EXPECT_EQ(merge_flags(0, seen, seen), seen);
}

TEST(Merge, WithoutABaseNothingBecomesDeleted) {
  EXPECT_EQ(join_flags(maildir_seen | maildir_deleted, maildir_flagged),
            maildir_seen | maildir_flagged);
  EXPECT_EQ(join_flags(maildir_deleted, maildir_deleted), maildir_deleted);
}

TEST(Merge, WhatIsGoneFromOneSideGoesUnlessTheOtherHasFlaggedIt) {
  EXPECT_EQ(fate_of(row(0, 0, 0)), Fate::keep);
  EXPECT_EQ(fate_of(row(0, std::nullopt, std::nullopt)), Fate::forget);
  EXPECT_EQ(fate_of(row(0, maildir_seen, std::nullopt)), Fate::gone_local);
  EXPECT_EQ(fate_of(row(0, std::nullopt, 0)), Fate::gone_remote);
  EXPECT_EQ(fate_of(row(0, maildir_flagged, std::nullopt)), Fate::restore);
  EXPECT_EQ(fate_of(row(maildir_flagged, std::nullopt, maildir_flagged)), Fate::gone_remote);
}

FreshRemote remote(uint32_t mailbox, uint32_t uid, uint64_t header, uint64_t size) {
  FreshRemote out;
  out.mailbox = mailbox;
  out.uid = Uid(uid);
  out.key = {header, size};
  return out;
}

FreshLocal local(uint32_t mailbox, uint64_t name, uint64_t header, uint64_t size) {
  FreshLocal out;
  out.mailbox = mailbox;
  out.name = name;
  out.key = {header, size};
  return out;
}

TEST(Merge, EqualMessagesArePairedOnce) {
  Strays strays;
  strays.remote = {remote(0, 1, 7, 100), remote(0, 2, 7, 100), remote(1, 1, 7, 100)};
  strays.local = {local(0, 50, 7, 100)};
  const SyncPlan plan = plan_strays(strays);
  EXPECT_EQ(plan.links, (SyncPlan::Pairs{{0, 0}}));
  EXPECT_EQ(plan.download, (std::vector<size_t>{1, 2}));
  EXPECT_TRUE(plan.upload.empty());
}

TEST(Merge, WithoutAHeaderNothingIsTakenForEqual) {
  Strays strays;
  strays.remote = {remote(0, 1, 0, 100)};
  strays.local = {local(0, 50, 0, 100), local(0, 51, 0, 200)};
  const SyncPlan plan = plan_strays(strays);
  EXPECT_TRUE(plan.links.empty());
  const Doubtful doubts = doubtful(strays);
  EXPECT_EQ(doubts.remote, std::vector<size_t>{0});
  EXPECT_EQ(doubts.local, std::vector<size_t>{0});
}

TEST(Merge, AnotherSizeIsDecidedByTheContent) {
  Strays strays;
  strays.remote = {remote(0, 1, 7, 100), remote(0, 2, 8, 100)};
  strays.local = {local(0, 50, 7, 120), local(0, 51, 9, 100)};
  const Doubtful doubts = doubtful(strays);
  EXPECT_EQ(doubts.remote, std::vector<size_t>{0});
  EXPECT_EQ(doubts.local, std::vector<size_t>{0});
  strays.remote[0].print = strays.local[0].print = fingerprint_of("Subject: x\r\n\r\nbody\r\n");
  EXPECT_EQ(plan_strays(strays).links, (SyncPlan::Pairs{{0, 0}}));
  strays.local[0].print = fingerprint_of("Subject: x\r\n\r\nanother body\r\n");
  EXPECT_TRUE(plan_strays(strays).links.empty());
}

TEST(Merge, WhatWasSentIsFoundWhateverTheServerMadeOfIt) {
  Strays strays;
  strays.remote = {remote(0, 9, 7, 150), remote(0, 10, 7, 130)};
  strays.local = {local(0, 50, 7, 100)};
  strays.local[0].sent_from = 10;
  EXPECT_EQ(plan_strays(strays).links, (SyncPlan::Pairs{{1, 0}}));
}

TEST(Merge, MovesAreMovesOnBothSides) {
  Strays strays;
  strays.gone_local = {{0, Uid(5), 50, 0, 0, {7, 100}}};
  strays.local = {local(1, 50, 7, 100)};
  strays.gone_remote = {{0, Uid(6), 60, 0, 0, {8, 200}}};
  strays.remote = {remote(1, 30, 8, 200)};
  const SyncPlan plan = plan_strays(strays);
  EXPECT_EQ(plan.move_remote, (SyncPlan::Pairs{{0, 0}}));
  EXPECT_EQ(plan.move_local, (SyncPlan::Pairs{{0, 0}}));
  EXPECT_TRUE(plan.download.empty() && plan.upload.empty());
  EXPECT_TRUE(plan.remove_remote.empty() && plan.remove_local.empty());
}

TEST(Merge, AnotherNameInTheSameMailboxIsNoRemoval) {
  Strays strays;
  strays.gone_local = {{0, Uid(5), 50, 0, 0, {7, 100}}};
  strays.local = {local(0, 51, 7, 100)};
  EXPECT_EQ(plan_strays(strays).renamed, (SyncPlan::Pairs{{0, 0}}));
}

TEST(Merge, AMessageWithoutHeaderMovesByItsName) {
  Strays strays;
  strays.gone_local = {{0, Uid(5), 50, 0, 0, {0, 100}}};
  strays.local = {local(1, 51, 0, 100)};
  EXPECT_TRUE(plan_strays(strays).move_remote.empty());
  strays.local[0].name = 50;
  EXPECT_EQ(plan_strays(strays).move_remote.size(), 1U);
}

TEST(Merge, TheUserIsAskedBeforeAnythingLargeGoes) {
  RemovalLimits limits;
  EXPECT_EQ(question_about({}, limits), "");
  EXPECT_EQ(question_about({{"A", true, 1000, 100}}, limits), "");
  EXPECT_NE(question_about({{"A", true, 1000, 101}}, limits), "");
  EXPECT_NE(question_about({{"A", true, 1000, 60}, {"B", false, 1000, 60}}, limits), "");
  limits.messages_max = 10;
  EXPECT_NE(question_about({{"A", true, 1000, 11}}, limits), "");
}

TEST(Merge, AnEmptySideIsAlwaysAskedAbout) {
  RemovalLimits limits;
  limits.messages_max = 1'000'000;
  EXPECT_NE(question_about({{"A", true, 11, 11}, {"B", true, 5, 0}}, limits), "");
  // A small mailbox may be emptied, but not when it is all there was.
  EXPECT_EQ(question_about({{"A", true, 3, 3}, {"B", true, 5, 0}}, limits), "");
  EXPECT_NE(question_about({{"A", true, 3, 3}, {"B", true, 5, 5}}, limits), "");
  limits.allow_empty = true;
  EXPECT_EQ(question_about({{"A", true, 3, 3}, {"B", true, 5, 5}}, limits), "");
}

// --- the model ---

struct Message {
  uint32_t content = 0;
  MaildirFlags flags = 0;
};

constexpr uint32_t mailboxes = 3;

class Model {
 public:
  explicit Model(uint64_t seed) : random_(seed) {}

  void run() {
    for (int round = 0; round < 12; ++round) {
      for (uint64_t i = random_.below(8); i > 0; --i) act();
      if (random_.below(10) == 0) forget_state();
      if (random_.below(10) == 0) renumber();
      // Cut off anywhere, perhaps several times.
      for (uint64_t i = random_.below(3); i > 0; --i) sync(random_.below(12));
      sync(UINT64_MAX);
      sync(UINT64_MAX);
      check();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }

 private:
  using Server = std::map<uint32_t, Message>;
  using Maildir = std::map<uint64_t, Message>;
  struct Known {
    uint64_t name = 0;
    MaildirFlags base = 0;
    uint32_t content = 0;
  };

  static ContentKey key_of(uint32_t content) { return {content * 2654435761ULL + 1, content + 10}; }

  // What users do. Only what one of them has removed may be missing in the end.
  void act() {
    const auto mailbox = static_cast<uint32_t>(random_.below(mailboxes));
    const bool on_server = random_.below(2) == 0;
    switch (random_.below(5)) {
      case 0: {
        const uint32_t content = ++contents_;
        const auto flags = static_cast<MaildirFlags>(random_.below(64)) & ~maildir_deleted;
        if (on_server) server_[mailbox][++uid_] = {content, flags};
        if (!on_server) maildir_[mailbox][++name_] = {content, flags};
        ever_.insert(content);
        break;
      }
      case 1: remove(mailbox, on_server); break;
      case 2: move(mailbox, on_server); break;
      default: change_flags(mailbox, on_server);
    }
  }

  template <class Side>
  auto any(Side& side) {
    auto at = side.begin();
    if (!side.empty()) std::advance(at, static_cast<std::ptrdiff_t>(random_.below(side.size())));
    return at;
  }
  void remove(uint32_t mailbox, bool on_server) {
    if (on_server && !server_[mailbox].empty()) {
      const auto at = any(server_[mailbox]);
      removed_.insert(at->second.content);
      server_[mailbox].erase(at);
    } else if (!on_server && !maildir_[mailbox].empty()) {
      const auto at = any(maildir_[mailbox]);
      removed_.insert(at->second.content);
      maildir_[mailbox].erase(at);
    }
  }
  void move(uint32_t mailbox, bool on_server) {
    const auto to = static_cast<uint32_t>(random_.below(mailboxes));
    if (on_server && !server_[mailbox].empty()) {
      const auto at = any(server_[mailbox]);
      server_[to][++uid_] = at->second;
      server_[mailbox].erase(at);
    } else if (!on_server && !maildir_[mailbox].empty() && to != mailbox) {
      const auto at = any(maildir_[mailbox]);
      // Some programs keep the name, others write a copy.
      const uint64_t name = random_.below(2) == 0 ? at->first : ++name_;
      maildir_[to][name] = at->second;
      maildir_[mailbox].erase(at);
    }
  }
  void change_flags(uint32_t mailbox, bool on_server) {
    const MaildirFlags bit = 1U << random_.below(6);
    if (on_server && !server_[mailbox].empty()) any(server_[mailbox])->second.flags ^= bit;
    if (!on_server && !maildir_[mailbox].empty()) any(maildir_[mailbox])->second.flags ^= bit;
  }
  void forget_state() {
    for (auto& known : known_) known.clear();
    for (auto& loose : loose_) loose.clear();
  }
  // Another UIDVALIDITY.
  void renumber() {
    const auto mailbox = static_cast<uint32_t>(random_.below(mailboxes));
    Server fresh;
    for (const auto& [uid, message] : server_[mailbox]) fresh[++uid_] = message;
    server_[mailbox] = fresh;
    for (const auto& [uid, known] : known_[mailbox]) loose_[mailbox][known.name] = known;
    known_[mailbox].clear();
  }

  // One run of sync, dying after `steps` of its steps.
  void sync(uint64_t steps) {
    steps_ = steps;
    Strays strays;
    std::vector<std::pair<uint32_t, SyncRow>> rows;
    for (uint32_t m = 0; m < mailboxes; ++m) look(m, strays, rows);
    const SyncPlan plan = plan_strays(strays);
    follow(strays, plan, rows);
  }

  void look(uint32_t m, Strays& strays, std::vector<std::pair<uint32_t, SyncRow>>& rows) {
    std::set<uint32_t> uids;
    std::set<uint64_t> names;
    std::vector<uint32_t> dropped;
    for (const auto& [uid, known] : known_[m]) {
      SyncRow row;
      row.uid = Uid(uid);
      row.name = known.name;
      row.base = known.base;
      const auto there = server_[m].find(uid);
      const auto here = maildir_[m].find(known.name);
      row.on_server = there != server_[m].end();
      row.in_maildir = here != maildir_[m].end();
      if (row.on_server) row.remote = there->second.flags;
      if (row.in_maildir) row.local = here->second.flags;
      const Fate fate = fate_of(row);
      Gone gone{m,
                row.uid,
                row.name,
                row.base,
                row.on_server ? row.remote : row.local,
                key_of(known.content)};
      if (fate == Fate::forget || fate == Fate::restore) dropped.push_back(uid);
      if (fate == Fate::restore) continue;
      uids.insert(uid);
      names.insert(known.name);
      if (fate == Fate::keep) rows.emplace_back(m, row);
      if (fate == Fate::gone_local) strays.gone_local.push_back(gone);
      if (fate == Fate::gone_remote) strays.gone_remote.push_back(gone);
    }
    for (const uint32_t uid : dropped) known_[m].erase(uid);
    for (const auto& [uid, message] : server_[m]) {
      if (uids.count(uid) != 0) continue;
      FreshRemote fresh = remote(m, uid, 0, 0);
      fresh.flags = message.flags;
      fresh.key = key_of(message.content);
      strays.remote.push_back(fresh);
    }
    for (const auto& [name, message] : maildir_[m]) {
      if (names.count(name) != 0) continue;
      FreshLocal fresh = local(m, name, 0, 0);
      fresh.flags = message.flags;
      fresh.key = key_of(message.content);
      if (const auto loose = loose_[m].find(name); loose != loose_[m].end()) {
        fresh.base = loose->second.base;
      }
      strays.local.push_back(fresh);
    }
  }

  // Whether there is life for one more step.
  bool step() {
    if (steps_ == 0) return false;
    --steps_;
    return true;
  }

  void follow(const Strays& strays, const SyncPlan& plan,
              std::vector<std::pair<uint32_t, SyncRow>>& rows) {
    const auto adopt = [&](uint32_t m, Uid uid, uint64_t name, MaildirFlags base) {
      known_[m][uid.value] = {name, base, server_[m].at(uid.value).content};
      SyncRow row;
      row.uid = uid;
      row.name = name;
      row.base = base;
      row.remote = server_[m].at(uid.value).flags;
      row.local = maildir_[m].at(name).flags;
      rows.emplace_back(m, row);
    };
    for (const auto& [r, l] : plan.links) {
      if (!step()) return;
      const FreshRemote& there = strays.remote[r];
      const FreshLocal& here = strays.local[l];
      const MaildirFlags joined = join_flags(there.flags, here.flags);
      const MaildirFlags base = (there.flags & here.flags) | ((there.flags ^ here.flags) & ~joined);
      loose_[there.mailbox].erase(here.name);
      adopt(there.mailbox, there.uid, here.name, here.base.value_or(base));
    }
    for (const auto& [g, l] : plan.renamed) {
      if (!step()) return;
      const Gone& gone = strays.gone_local[g];
      adopt(gone.mailbox, gone.uid, strays.local[l].name, gone.base);
    }
    for (const auto& [g, r] : plan.renumbered) {
      if (!step()) return;
      const Gone& gone = strays.gone_remote[g];
      known_[gone.mailbox].erase(gone.uid.value);
      adopt(gone.mailbox, strays.remote[r].uid, gone.name, gone.base);
    }
    for (const auto& [g, r] : plan.move_local) {
      const Gone& gone = strays.gone_remote[g];
      const uint32_t to = strays.remote[r].mailbox;
      if (!step()) return;
      maildir_[to][gone.name] = maildir_[gone.mailbox].at(gone.name);
      maildir_[gone.mailbox].erase(gone.name);
      if (!step()) return;
      known_[gone.mailbox].erase(gone.uid.value);
      adopt(to, strays.remote[r].uid, gone.name, gone.base);
    }
    for (const auto& [g, l] : plan.move_remote) {
      const Gone& gone = strays.gone_local[g];
      const uint32_t to = strays.local[l].mailbox;
      if (!step()) return;
      const uint32_t uid = ++uid_;
      server_[to][uid] = server_[gone.mailbox].at(gone.uid.value);
      server_[gone.mailbox].erase(gone.uid.value);
      if (!step()) return;
      known_[gone.mailbox].erase(gone.uid.value);
      adopt(to, Uid(uid), strays.local[l].name, gone.base);
    }
    merge_rows(rows);
    copy(strays, plan);
    remove(strays, plan);
  }

  void merge_rows(const std::vector<std::pair<uint32_t, SyncRow>>& rows) {
    for (const auto& [m, row] : rows) {
      const MaildirFlags flags = merge_flags(row.base, row.remote, row.local);
      if (!step()) return;
      maildir_[m].at(row.name).flags = flags;
      if (!step()) return;
      server_[m].at(row.uid.value).flags = flags;
      if (!step()) return;
      known_[m].at(row.uid.value).base = flags;
    }
  }

  void copy(const Strays& strays, const SyncPlan& plan) {
    for (const size_t l : plan.upload) {
      const FreshLocal& here = strays.local[l];
      if (!step()) return;
      const uint32_t uid = ++uid_;
      const Message message = maildir_[here.mailbox].at(here.name);
      server_[here.mailbox][uid] = message;
      if (!step()) return;
      loose_[here.mailbox].erase(here.name);
      known_[here.mailbox][uid] = {here.name, message.flags, message.content};
    }
    for (const size_t r : plan.download) {
      const FreshRemote& there = strays.remote[r];
      if (!step()) return;
      const uint64_t name = ++name_;
      const Message message = server_[there.mailbox].at(there.uid.value);
      maildir_[there.mailbox][name] = message;
      if (!step()) return;
      known_[there.mailbox][there.uid.value] = {name, message.flags, message.content};
    }
  }

  void remove(const Strays& strays, const SyncPlan& plan) {
    for (const size_t g : plan.remove_local) {
      const Gone& gone = strays.gone_remote[g];
      if (!step()) return;
      maildir_[gone.mailbox].erase(gone.name);
      if (!step()) return;
      known_[gone.mailbox].erase(gone.uid.value);
    }
    for (const size_t g : plan.remove_remote) {
      const Gone& gone = strays.gone_local[g];
      if (!step()) return;
      server_[gone.mailbox].erase(gone.uid.value);
      if (!step()) return;
      known_[gone.mailbox].erase(gone.uid.value);
    }
  }

  // Both sides are equal, nobody's mail is lost, and none is there twice.
  void check() {
    std::map<uint32_t, int> copies;
    for (uint32_t m = 0; m < mailboxes; ++m) {
      std::multiset<std::pair<uint32_t, MaildirFlags>> server;
      std::multiset<std::pair<uint32_t, MaildirFlags>> maildir;
      std::map<uint32_t, int> here;
      for (const auto& [uid, message] : server_[m]) server.emplace(message.content, message.flags);
      for (const auto& [name, message] : maildir_[m]) {
        maildir.emplace(message.content, message.flags);
      }
      ASSERT_EQ(server, maildir) << "mailbox " << m;
      for (const auto& [content, flags] : server) {
        ++copies[content];
        ++here[content];
        ASSERT_TRUE(here[content] == 1 || spread_.count(content) != 0)
            << content << " is doubled in mailbox " << m;
      }
      ASSERT_EQ(known_[m].size(), server_[m].size());
    }
    // Moved to two places by two users it may be brought together again.
    for (const auto& [content, count] : copies) {
      if (count > 1) spread_.insert(content);
    }
    for (const uint32_t content : ever_) {
      ASSERT_TRUE(copies.count(content) != 0 || removed_.count(content) != 0)
          << content << " is lost";
    }
  }

  Random random_;
  uint32_t uid_ = 0;
  uint64_t name_ = 0;
  uint32_t contents_ = 0;
  Server server_[mailboxes];
  Maildir maildir_[mailboxes];
  std::map<uint32_t, Known> known_[mailboxes];
  std::map<uint64_t, Known> loose_[mailboxes];
  std::set<uint32_t> ever_;
  std::set<uint32_t> removed_;  // by a user, once
  std::set<uint32_t> spread_;
  uint64_t steps_ = 0;
};

TEST(Merge, NothingIsLostOrDoubledWhateverHappens) {
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Model(seed).run();
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace eilpost::client
