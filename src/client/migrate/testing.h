// For tests of the migration: two accounts in memory whose connections fail when they are told to,
// and a world to migrate in.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "client/migrate/migration.h"
#include "client/testing.h"

namespace eilpost::client::test {

struct MemoryMessage {
  std::string octets;
  imap::FlagList flags;
  std::string email_id;
  std::string lie;  // "empty": OK and nothing; "short": another size is told
};
struct MemoryMailbox {
  uint32_t validity = 1;
  uint64_t next = 1;
  uint64_t modseq = 1;
  std::string special_use;
  std::map<uint64_t, MemoryMessage> messages;

  uint64_t add(MemoryMessage message) {
    ++modseq;
    messages.emplace(next, std::move(message));
    return next++;
  }
};
struct MemoryAccount {
  std::map<std::string, MemoryMailbox> mailboxes;
  bool gmail = false;
  bool tells_numbers = true;  // UIDPLUS
  uint64_t octets_read = 0;
  std::map<std::string, std::string> refused;  // octets: why
  std::set<std::string> refused_flags;
  std::string loses;    // octets of a message that it says it has stored
  std::string forgets;  // a flag of what it stores
  std::string own_name;
  std::map<std::string, std::string> acl;  // of every mailbox, as the rest
  std::map<std::string, std::string> metadata;
  std::set<std::string> refused_extras;
  bool lists_keywords = true;
  bool refuses_what_it_stores = false;
  // The connection breaks at the so-manieth operation from here; 0: never. What was being appended
  // gets there all the same, but for the last `lost` messages.
  int breaks_in = 0;
  size_t lost = 0;
  bool down = false;  // and nobody can connect again
  bool stays_down = false;

  bool breaks() {
    if (breaks_in == 0 || --breaks_in > 0) return false;
    down = stays_down;
    return true;
  }
};

// One connection to a MemoryAccount. Shared by the functions of its table.
struct MemoryConnection {
  MemoryAccount& account;
  bool alive = true;
  std::string open = {};

  MemoryMailbox& mailbox() { return account.mailboxes.at(open); }
  Result<> act() {
    if (!alive) return tl::unexpected(Error{Code::closed, "closed"});
    if (!account.breaks()) return {};
    alive = false;
    return tl::unexpected(Error{Code::closed, "the connection broke"});
  }
};

template <class T>
Task<Result<T>> ready(Result<T> value) {
  co_return value;
}
inline Task<> nothing() {
  co_return;
}

inline Result<NameSide> names_of(MemoryConnection& c) {
  TRY(c.act());
  NameSide out;
  out.gmail = c.account.gmail;
  for (const auto& [name, mailbox] : c.account.mailboxes) {
    MailboxInfo info;
    info.name = name;
    info.special_use = mailbox.special_use;
    out.mailboxes.push_back(std::move(info));
  }
  return out;
}

inline Result<SourceMailbox> state_of(MemoryConnection& c, const std::string& name) {
  TRY(c.act());
  const MemoryMailbox& mailbox = c.account.mailboxes.at(name);
  SourceMailbox out;
  out.validity = mailbox.validity;
  out.next = static_cast<uint32_t>(mailbox.next);
  out.messages = static_cast<uint32_t>(mailbox.messages.size());
  out.modseq = mailbox.modseq;
  return out;
}

inline SourceMessage row_of(uint64_t id, const MemoryMessage& message) {
  SourceMessage out;
  out.id = id;
  out.flags = message.flags;
  out.size = message.octets.size() + (message.lie == "short" ? 100 : 0);
  out.email_id = message.email_id;
  return out;
}

inline Result<SourceBatch> bodies_of(MemoryConnection& c, const std::vector<uint64_t>& ids) {
  TRY(c.act());
  SourceBatch out;
  for (const uint64_t id : ids) {
    const auto at = c.mailbox().messages.find(id);
    if (at == c.mailbox().messages.end()) continue;
    if (at->second.lie == "deadly") {
      c.alive = false;
      return tl::unexpected(Error{Code::closed, "the server fell over"});
    }
    if (at->second.lie == "empty") {
      out.failed.emplace_back(id, Error{Code::corrupt, "no octets"});
      continue;
    }
    SourceMessage message = row_of(id, at->second);
    message.octets = Octets::of(at->second.octets);
    c.account.octets_read += at->second.octets.size();
    out.messages.push_back(std::move(message));
  }
  return out;
}

inline MailSource memory_source(MemoryAccount& account) {
  auto c = std::make_shared<MemoryConnection>(MemoryConnection{account});
  MailSource out;
  out.names = [c] { return ready(names_of(*c)); };
  out.peek = [c](std::string name) { return ready(state_of(*c, name)); };
  out.open = [c](std::string name) {
    c->open = name;
    return ready(state_of(*c, name));
  };
  out.ids = [c] {
    Result<std::vector<uint64_t>> ids = std::vector<uint64_t>();
    for (const auto& [id, message] : c->mailbox().messages) {
      if (message.lie != "hidden") ids->push_back(id);
    }
    return ready(std::move(ids));
  };
  out.rows = [c](std::vector<uint64_t> ids, MailSource::Row row) {
    Result<> done = c->act();
    for (const uint64_t id : ids) {
      if (done) done = row(row_of(id, c->mailbox().messages.at(id)));
    }
    return ready(done);
  };
  out.flags = [c](MailSource::FlagsOf which, MailSource::Row row) {
    Result<> done = c->act();
    for (const auto& [id, message] : c->mailbox().messages) {
      const bool asked =
          which.modseq > 0 || std::binary_search(which.ids.begin(), which.ids.end(), id);
      if (done && asked) done = row(row_of(id, message));
    }
    return ready(done);
  };
  out.bodies = [c](std::vector<uint64_t> ids) { return ready(bodies_of(*c, ids)); };
  out.own_name = account.own_name;
  out.acl = [c](std::string) {
    return ready(Result<Acl>(Acl(c->account.acl.begin(), c->account.acl.end())));
  };
  out.metadata = [c](std::string) {
    std::vector<imap::MetadataEntry> entries;
    for (const auto& [name, value] : c->account.metadata) entries.push_back({name, value});
    return ready(Result<std::vector<imap::MetadataEntry>>(std::move(entries)));
  };
  out.is_alive = [c] { return c->alive; };
  out.close = [] { return nothing(); };
  return out;
}

inline bool refuses(const MemoryAccount& account, const imap::FlagList& flags) {
  return std::any_of(flags.begin(), flags.end(), [&](const std::string& flag) {
    return account.refused_flags.count(flag) > 0;
  });
}
inline Result<uint64_t> bad() {
  return tl::unexpected(Error{Code::invalid, "BAD Command Argument Error. 11"});
}

inline Result<std::vector<Result<uint64_t>>> append_to(MemoryConnection& c,
                                                       const std::vector<AppendItem>& items) {
  const Result<> done = c.act();
  if (!c.alive && !done && done.error().detail == "closed") return tl::unexpected(done.error());
  std::vector<Result<uint64_t>> out;
  const size_t landed = done ? items.size() : items.size() - std::min(items.size(), c.account.lost);
  for (size_t i = 0; i < landed; ++i) {
    MemoryMessage message;
    message.octets = items[i].octets->all().value();
    message.flags = items[i].flags;
    const auto refused = c.account.refused.find(message.octets);
    if (refused != c.account.refused.end()) {
      out.emplace_back(tl::unexpected(Error{Code::cannot, refused->second}));
      continue;
    }
    if (refuses(c.account, message.flags)) {
      out.emplace_back(bad());
      continue;
    }
    imap::FlagList& flags = message.flags;
    flags.erase(std::remove(flags.begin(), flags.end(), c.account.forgets), flags.end());
    const bool lost = !c.account.loses.empty() && message.octets == c.account.loses;
    const uint64_t number = c.mailbox().add(std::move(message));
    if (lost) c.mailbox().messages.erase(number);
    out.emplace_back(c.account.tells_numbers ? number : 0);
    if (c.account.refuses_what_it_stores) {
      out.back() = tl::unexpected(Error{Code::unavailable, "NO internal error"});
    }
  }
  if (!done) return tl::unexpected(done.error());
  return out;
}

inline void add_writes(MailTarget& out, std::shared_ptr<MemoryConnection> c) {
  out.append = [c](std::vector<AppendItem> items) { return ready(append_to(*c, items)); };
  out.store = [c](std::vector<uint64_t> numbers, MailTarget::Change change) {
    Result<> done = c->act();
    if (done && refuses(c->account, change.flags)) done = tl::unexpected(bad().error());
    if (!done) return ready(done);
    for (const uint64_t number : numbers) {
      imap::FlagList& flags = c->mailbox().messages.at(number).flags;
      for (const std::string& flag : change.flags) {
        flags.erase(std::remove(flags.begin(), flags.end(), flag), flags.end());
        if (change.add) flags.push_back(flag);
      }
    }
    return ready(done);
  };
  out.copy = [c](MailTarget::From from, std::vector<uint64_t> numbers) {
    Result<MailTarget::Numbers> pairs = MailTarget::Numbers();
    const Result<> done = c->act();
    for (const uint64_t number : numbers) {
      const uint64_t copy =
          c->mailbox().add(c->account.mailboxes.at(from.mailbox).messages.at(number));
      pairs->emplace_back(number, copy);
    }
    if (!done) pairs = tl::unexpected(done.error());
    return ready(std::move(pairs));
  };
  out.remove = [c](std::vector<uint64_t> numbers) {
    Result<> done = c->act();
    for (const uint64_t number : numbers) c->mailbox().messages.erase(number);
    return ready(done);
  };
}

inline tl::unexpected<Error> no() {
  return tl::unexpected(Error{Code::cannot, "NO not here"});
}

inline MailTarget memory_target(MemoryAccount& account) {
  auto c = std::make_shared<MemoryConnection>(MemoryConnection{account});
  MailTarget out;
  out.names = [c] { return ready(names_of(*c)); };
  out.create = [c](std::string name, std::string special_use) {
    Result<> done = c->act();
    if (done) c->account.mailboxes[name].special_use = special_use;
    return ready(done);
  };
  out.open = [c](std::string name) {
    c->open = name;
    Result<TargetMailbox> opened = TargetMailbox();
    const Result<> done = c->act();
    if (!done) opened = tl::unexpected(done.error());
    if (done) {
      opened->validity = c->mailbox().validity;
      opened->next = c->mailbox().next;
      opened->messages = static_cast<uint32_t>(c->mailbox().messages.size());
      opened->keywords_allowed = c->account.lists_keywords;
      opened->flags_allowed = {"\\Seen", "\\Flagged"};
    }
    return ready(std::move(opened));
  };
  out.numbers = [c](uint64_t from) {
    Result<std::vector<uint64_t>> numbers = std::vector<uint64_t>();
    for (const auto& [number, message] : c->mailbox().messages) {
      if (number >= from) numbers->push_back(number);
    }
    return ready(std::move(numbers));
  };
  out.rows = [c](std::vector<uint64_t> numbers, MailTarget::RowsWanted, MailTarget::Row row) {
    Result<> done = c->act();
    for (const uint64_t number : numbers) {
      const auto at = c->mailbox().messages.find(number);
      if (!done || at == c->mailbox().messages.end()) continue;
      TargetRow one;
      one.number = number;
      one.flags = at->second.flags;
      one.size = at->second.octets.size();
      one.header = at->second.octets;
      done = row(std::move(one));
    }
    return ready(done);
  };
  out.bodies = [c](std::vector<uint64_t> ids) { return ready(bodies_of(*c, ids)); };
  add_writes(out, c);
  out.subscribe = [](std::string) { return ready(Result<>()); };
  out.own_name = account.own_name;
  out.set_acl = [c](std::string, AclEntry entry) {
    if (c->account.refused_extras.count(entry.first) > 0) return ready(Result<>(no()));
    c->account.acl.insert(std::move(entry));
    return ready(Result<>());
  };
  out.set_metadata = [c](std::string, std::vector<imap::MetadataEntry> entries) {
    for (const imap::MetadataEntry& entry : entries) {
      if (c->account.refused_extras.count(entry.name) > 0) return ready(Result<>(no()));
    }
    for (imap::MetadataEntry& entry : entries) c->account.metadata[entry.name] = *entry.value;
    return ready(Result<>());
  };
  out.is_alive = [c] { return c->alive; };
  out.close = [] { return nothing(); };
  return out;
}

// Two accounts, and a ledger that outlives the runs.
class MigrateWorld {
 public:
  MigrateWorld() {
    std::string pattern = std::filesystem::temp_directory_path() / "eilpost-migrate-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    directory_ = pattern;
    to.mailboxes["INBOX"];
  }
  ~MigrateWorld() { std::filesystem::remove_all(directory_); }
  MigrateWorld(const MigrateWorld&) = delete;
  MigrateWorld& operator=(const MigrateWorld&) = delete;

  MigrateReport run(MigratePhase phase = MigratePhase::copy) {
    auto ledger = Ledger::open(directory_ + "/ledger", "from", "to");
    EXPECT_TRUE(ledger.has_value()) << ledger.error().detail;
    net::IoPool io(1);
    net::DiskPoolSettings settings;
    settings.threads = 1;
    net::DiskPool pool(settings);
    SystemClock clock;
    std::atomic<bool> stopping{false};
    net::Signal stop(io.executor(0));
    // What a retry would wait for is not worth a test's time.
    stop.notify();
    MigrateContext context{
        options, *ledger, pool, clock, stopping, stop, [](const MigrateProgress&) {}};
    MigrateEnds ends;
    ends.source = [this] {
      return ready(from.down ? Result<MailSource>(tl::unexpected(down())) : memory_source(from));
    };
    ends.target = [this] {
      return ready(to.down ? Result<MailTarget>(tl::unexpected(down())) : memory_target(to));
    };
    ends.from = "from";
    ends.to = "to";
    Migration migration(std::move(ends), context);
    MigrateReport report = net::block_on(io.executor(0), migration.run(phase));
    pool.stop();
    io.stop();
    return report;
  }
  MailboxReport sum(MigratePhase phase = MigratePhase::copy) { return sum_of(run(phase)); }

  MemoryAccount from;
  MemoryAccount to;
  MigrateOptions options;

 private:
  static Error down() { return Error{Code::auth_failed, "nobody gets in"}; }
  std::string directory_;
};

inline std::string letter(int number, const std::string& body = "Hello\r\n") {
  return "Date: Mon, 02 Jan 2006 15:04:05 +0000\r\nFrom: a@example.org\r\nSubject: letter " +
         std::to_string(number) + "\r\n\r\n" + body;
}
inline MemoryMessage message_of(int number, imap::FlagList flags = {}) {
  MemoryMessage out;
  out.octets = letter(number);
  out.flags = std::move(flags);
  return out;
}
// Each message's octets and flags, sorted: what is there, in whatever order.
inline std::vector<std::string> contents(const MemoryMailbox& mailbox) {
  std::vector<std::string> out;
  for (const auto& [number, message] : mailbox.messages) {
    out.push_back(flags_text(message.flags) + "\n" + message.octets);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace eilpost::client::test
