#include "client/migrate/ledger/ledger.h"

#include "base/check.h"

namespace eilpost::client {

namespace {

constexpr int64_t version = 1;

constexpr std::string_view tables =
    "CREATE TABLE pair (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE mailbox (id INTEGER PRIMARY KEY, source TEXT NOT NULL UNIQUE,"
    " target TEXT NOT NULL, source_validity INTEGER NOT NULL, target_validity INTEGER NOT NULL,"
    " look_from INTEGER NOT NULL, complete INTEGER NOT NULL, source_next INTEGER NOT NULL,"
    " source_messages INTEGER NOT NULL, source_modseq INTEGER NOT NULL, flags_lost TEXT NOT NULL,"
    " again_from INTEGER NOT NULL, again_until INTEGER NOT NULL);"
    "CREATE TABLE message (mailbox INTEGER NOT NULL, validity INTEGER NOT NULL,"
    " id INTEGER NOT NULL, state INTEGER NOT NULL, fingerprint TEXT NOT NULL,"
    " email_id TEXT NOT NULL, octets INTEGER NOT NULL, flags TEXT NOT NULL,"
    " target INTEGER NOT NULL, reason TEXT NOT NULL,"
    " PRIMARY KEY (mailbox, validity, id)) WITHOUT ROWID;"
    "CREATE INDEX by_email_id ON message (email_id) WHERE email_id <> '';"
    "CREATE TABLE sent_again (mailbox INTEGER NOT NULL, validity INTEGER NOT NULL,"
    " id INTEGER NOT NULL, times INTEGER NOT NULL, PRIMARY KEY (mailbox, validity, id))"
    " WITHOUT ROWID;"
    "CREATE TABLE day (day INTEGER PRIMARY KEY, octets INTEGER NOT NULL);"
    "PRAGMA user_version = 1;";

constexpr std::string_view mailbox_columns =
    "id, source, target, source_validity, target_validity, look_from, complete, source_next,"
    " source_messages, source_modseq, flags_lost, again_from, again_until";

// In the order of Ledger::statements_.
enum Which : size_t {
  all_mailboxes,
  one_mailbox,
  add_mailbox,
  put_mailbox,
  ids_in_state,
  messages_in_state,
  one_message,
  taken_numbers,
  place_by_email_id,
  other_places_of,
  old_messages,
  new_number,
  put_message,
  add_day,
  get_day,
  sums,
  add_again,
  all_again,
  less_again,
  drop_again,
  statement_count,
};

std::string sql_of(Which which) {
  switch (which) {
    case all_mailboxes: return "SELECT " + std::string(mailbox_columns) + " FROM mailbox";
    case one_mailbox:
      return "SELECT " + std::string(mailbox_columns) + " FROM mailbox WHERE source = ?1";
    case add_mailbox:
      return "INSERT INTO mailbox VALUES (NULL, ?1, ?2, 0, 0, 0, 0, 0, 0, 0, '', 0, 0)";
    case put_mailbox:
      return "UPDATE mailbox SET target = ?2, source_validity = ?3, target_validity = ?4,"
             " look_from = ?5, complete = ?6, source_next = ?7, source_messages = ?8,"
             " source_modseq = ?9, flags_lost = ?10, again_from = ?11, again_until = ?12"
             " WHERE id = ?1";
    case ids_in_state:
      return "SELECT id FROM message WHERE mailbox = ?1 AND validity = ?2 AND state = ?3"
             " ORDER BY id";
    case messages_in_state:
      return "SELECT id, fingerprint, email_id, octets, flags, target, reason FROM message"
             " WHERE mailbox = ?1 AND validity = ?2 AND state = ?3 AND id > ?4"
             " ORDER BY id LIMIT ?5";
    case one_message:
      return "SELECT id, fingerprint, email_id, octets, flags, target, reason FROM message"
             " WHERE mailbox = ?1 AND validity = ?2 AND id = ?3 AND state = 1";
    case taken_numbers:
      return "SELECT message.target FROM message JOIN mailbox ON mailbox.id = message.mailbox"
             " WHERE mailbox.target = ?1 AND message.target <> 0 AND state = 1"
             " ORDER BY message.target";
    case place_by_email_id:
      return "SELECT mailbox.target, mailbox.target_validity, message.target FROM message"
             " JOIN mailbox ON mailbox.id = message.mailbox"
             " WHERE email_id = ?1 AND email_id <> '' AND state = 1 AND message.target <> 0"
             " LIMIT 1";
    case other_places_of:
      return "SELECT (SELECT COUNT(*) FROM message AS other WHERE other.email_id = ?1"
             " AND other.state = 1 AND other.target <> 0"
             " AND (other.mailbox <> ?2 OR other.validity <> ?3 OR other.id <> ?4))"
             " FROM message WHERE email_id = ?1 AND email_id <> '' AND state = 1 AND target = 0"
             " AND fingerprint = '' LIMIT 1";
    case old_messages:
      return "SELECT fingerprint, email_id, validity, id FROM message"
             " WHERE mailbox = ?1 AND validity <> ?2 AND state = 1";
    case new_number:
      return "UPDATE OR REPLACE message SET validity = ?4, id = ?5"
             " WHERE mailbox = ?1 AND validity = ?2 AND id = ?3";
    case put_message:
      return "INSERT OR REPLACE INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    case add_day:
      return "INSERT INTO day VALUES (?1, ?2)"
             " ON CONFLICT (day) DO UPDATE SET octets = octets + excluded.octets";
    case get_day: return "SELECT octets FROM day WHERE day = ?1";
    case sums:
      return "SELECT state, count(*), sum(octets) FROM message WHERE mailbox = ?1"
             " AND validity = ?2 GROUP BY state";
    case add_again:
      return "INSERT INTO sent_again VALUES (?1, ?2, ?3, 1)"
             " ON CONFLICT DO UPDATE SET times = times + 1";
    case all_again:
      return "SELECT validity, id, times, target, flags FROM sent_again JOIN message"
             " USING (mailbox, validity, id)"
             " WHERE mailbox = ?1 AND times > 0 AND state = 1 AND target <> 0";
    case less_again:
      return "UPDATE sent_again SET times = times - 1"
             " WHERE mailbox = ?1 AND validity = ?2 AND id = ?3 AND times > 0";
    case drop_again: return "DELETE FROM sent_again WHERE mailbox = ?1";
    case statement_count: break;
  }
  return "";
}

int64_t number(uint64_t value) {
  return static_cast<int64_t>(value);
}

LedgerMailbox mailbox_of(const Statement& row) {
  LedgerMailbox out;
  out.id = row.integer(0);
  out.source = row.text(1);
  out.target = row.text(2);
  out.source_validity = static_cast<uint32_t>(row.integer(3));
  out.target_validity = static_cast<uint32_t>(row.integer(4));
  out.look_from = static_cast<uint64_t>(row.integer(5));
  out.complete = row.integer(6) != 0;
  out.source_next = static_cast<uint32_t>(row.integer(7));
  out.source_messages = static_cast<uint32_t>(row.integer(8));
  out.source_modseq = static_cast<uint64_t>(row.integer(9));
  out.flags_lost = row.text(10);
  out.again_from = static_cast<uint64_t>(row.integer(11));
  out.again_until = row.integer(12);
  return out;
}

LedgerMessage message_of(const Statement& row) {
  LedgerMessage out;
  out.id = static_cast<uint64_t>(row.integer(0));
  out.fingerprint = row.text(1);
  out.email_id = row.text(2);
  out.octets = static_cast<uint64_t>(row.integer(3));
  out.flags = row.text(4);
  out.target = static_cast<uint64_t>(row.integer(5));
  out.reason = row.text(6);
  return out;
}

}  // namespace

Result<Ledger> Ledger::open(const std::string& path, const std::string& from,
                            const std::string& to) {
  Database database = TRY(Database::open(path));
  // What is written before a message is sent has to be there after a power cut, too.
  TRY(database.execute("PRAGMA synchronous = FULL"));
  const int64_t found = TRY(database.version());
  if (found > version) return fail(Code::invalid, path + " is of a later release of eilpost");
  if (found == 0) {
    auto whole = TRY(database.begin());
    TRY(database.execute(std::string(tables)));
    Statement put = TRY(database.prepare("INSERT INTO pair VALUES (?1, ?2)"));
    TRY(put.bind(1, "from").bind(2, from).run());
    TRY(put.bind(1, "to").bind(2, to).run());
    TRY(whole.commit());
  }
  Statement get = TRY(database.prepare("SELECT value FROM pair WHERE name = ?1"));
  for (const auto& [name, wanted] : {std::pair("from", &from), std::pair("to", &to)}) {
    const bool row = TRY(get.bind(1, name).step());
    const std::string kept(row ? get.text(0) : "");
    if (row) get.reset();
    if (kept != *wanted) {
      return fail(Code::invalid, path + " is the ledger of a migration " + name + " " + kept);
    }
  }
  Ledger out(std::move(database));
  TRY(out.prepare());
  return out;
}

Result<> Ledger::prepare() {
  for (size_t i = 0; i < statement_count; ++i) {
    statements_.push_back(TRY(database_.prepare(sql_of(static_cast<Which>(i)))));
  }
  return {};
}

Result<std::vector<LedgerMailbox>> Ledger::mailboxes() {
  std::vector<LedgerMailbox> out;
  Statement& rows = statements_[all_mailboxes];
  while (TRY(rows.step())) out.push_back(mailbox_of(rows));
  return out;
}

Result<std::optional<LedgerMailbox>> Ledger::known(const std::string& source) {
  std::optional<LedgerMailbox> out;
  Statement& row = statements_[one_mailbox];
  if (!TRY(row.bind(1, source).step())) return out;
  out = mailbox_of(row);
  row.reset();
  return out;
}

Result<Ledger::Found> Ledger::mailbox(const std::string& source, const std::string& target) {
  Found out;
  auto there = TRY(known(source));
  out.known = there.has_value();
  if (!there) {
    TRY(statements_[add_mailbox].bind(1, source).bind(2, target).run());
    there = TRY(known(source));
    CHECK(there.has_value());
  }
  out.mailbox = std::move(*there);
  // It goes somewhere else: what was put there is still there, and is not this mailbox's any more.
  if (out.mailbox.target != target) {
    out.mailbox.target = target;
    out.mailbox.target_validity = 0;
    out.mailbox.complete = false;
    TRY(doubt(out.mailbox));
  }
  return out;
}

Result<> Ledger::write(const LedgerMailbox& m) {
  return statements_[put_mailbox]
      .bind(1, m.id)
      .bind(2, m.target)
      .bind(3, int64_t{m.source_validity})
      .bind(4, int64_t{m.target_validity})
      .bind(5, number(m.look_from))
      .bind(6, m.complete ? 1 : 0)
      .bind(7, int64_t{m.source_next})
      .bind(8, int64_t{m.source_messages})
      .bind(9, number(m.source_modseq))
      .bind(10, m.flags_lost)
      .bind(11, number(m.again_from))
      .bind(12, m.again_until)
      .run();
}

Result<> Ledger::save(const LedgerMailbox& mailbox) {
  return write(mailbox);
}

Result<std::vector<uint64_t>> Ledger::ids(const LedgerMailbox& mailbox, CopyState state) {
  std::vector<uint64_t> out;
  Statement& rows = statements_[ids_in_state];
  rows.bind(1, mailbox.id)
      .bind(2, int64_t{mailbox.source_validity})
      .bind(3, static_cast<int64_t>(state));
  while (TRY(rows.step())) out.push_back(static_cast<uint64_t>(rows.integer(0)));
  return out;
}

Result<std::vector<LedgerMessage>> Ledger::page(const LedgerMailbox& mailbox, CopyState state,
                                                uint64_t after, size_t limit) {
  std::vector<LedgerMessage> out;
  Statement& rows = statements_[messages_in_state];
  rows.bind(1, mailbox.id)
      .bind(2, int64_t{mailbox.source_validity})
      .bind(3, static_cast<int64_t>(state))
      .bind(4, number(after))
      .bind(5, number(limit));
  while (TRY(rows.step())) {
    out.push_back(message_of(rows));
    out.back().state = state;
  }
  return out;
}

Result<std::vector<LedgerMessage>> Ledger::copied(const LedgerMailbox& mailbox,
                                                  const std::vector<uint64_t>& ids) {
  std::vector<LedgerMessage> out;
  Statement& row = statements_[one_message];
  for (const uint64_t id : ids) {
    row.bind(1, mailbox.id).bind(2, int64_t{mailbox.source_validity}).bind(3, number(id));
    if (!TRY(row.step())) continue;
    out.push_back(message_of(row));
    out.back().state = CopyState::copied;
    row.reset();
  }
  return out;
}

Result<std::vector<uint64_t>> Ledger::taken(const std::string& target) {
  std::vector<uint64_t> out;
  Statement& rows = statements_[taken_numbers];
  rows.bind(1, target);
  while (TRY(rows.step())) out.push_back(static_cast<uint64_t>(rows.integer(0)));
  return out;
}

Result<std::optional<Ledger::Place>> Ledger::place_of(const std::string& email_id) {
  Statement& row = statements_[place_by_email_id];
  std::optional<Place> out;
  if (!TRY(row.bind(1, email_id).step())) return out;
  out.emplace();
  out->target = row.text(0);
  out->validity = static_cast<uint32_t>(row.integer(1));
  out->number = static_cast<uint64_t>(row.integer(2));
  row.reset();
  return out;
}

Result<std::optional<uint64_t>> Ledger::other_places(const LedgerMailbox& mailbox,
                                                     const LedgerMessage& message) {
  Statement& row = statements_[other_places_of];
  row.bind(1, message.email_id)
      .bind(2, mailbox.id)
      .bind(3, int64_t{mailbox.source_validity})
      .bind(4, number(message.id));
  std::optional<uint64_t> out;
  if (!TRY(row.step())) return out;
  out = static_cast<uint64_t>(row.integer(0));
  row.reset();
  return out;
}

Result<std::vector<Ledger::Old>> Ledger::old(const LedgerMailbox& mailbox) {
  std::vector<Old> out;
  Statement& rows = statements_[old_messages];
  rows.bind(1, mailbox.id).bind(2, int64_t{mailbox.source_validity});
  while (TRY(rows.step())) {
    Old one;
    one.fingerprint = rows.text(0);
    one.email_id = rows.text(1);
    one.validity = static_cast<uint32_t>(rows.integer(2));
    one.id = static_cast<uint64_t>(rows.integer(3));
    out.push_back(std::move(one));
  }
  return out;
}

Result<> Ledger::doubt(const LedgerMailbox& mailbox) {
  auto whole = TRY(database_.begin());
  Statement all =
      TRY(database_.prepare("UPDATE message SET state = 0, target = 0"
                            " WHERE mailbox = ?1 AND state = 1"));
  TRY(all.bind(1, mailbox.id).run());
  LedgerMailbox from_the_start = mailbox;
  from_the_start.look_from = 0;
  from_the_start.complete = false;
  TRY(write(from_the_start));
  return whole.commit();
}

Result<> Ledger::commit(const Change& change) {
  auto whole = TRY(database_.begin());
  for (const LedgerMessage& message : change.messages) {
    TRY(statements_[put_message]
            .bind(1, change.mailbox.id)
            .bind(2, int64_t{change.mailbox.source_validity})
            .bind(3, number(message.id))
            .bind(4, static_cast<int64_t>(message.state))
            .bind(5, message.fingerprint)
            .bind(6, message.email_id)
            .bind(7, number(message.octets))
            .bind(8, message.flags)
            .bind(9, number(message.target))
            .bind(10, message.reason)
            .run());
  }
  for (const auto& [old, id] : change.renumbered) {
    TRY(statements_[new_number]
            .bind(1, change.mailbox.id)
            .bind(2, int64_t{old.validity})
            .bind(3, number(old.id))
            .bind(4, int64_t{change.mailbox.source_validity})
            .bind(5, number(id))
            .run());
  }
  for (const uint64_t id : change.again) {
    TRY(statements_[add_again]
            .bind(1, change.mailbox.id)
            .bind(2, int64_t{change.mailbox.source_validity})
            .bind(3, number(id))
            .run());
  }
  TRY(write(change.mailbox));
  if (change.octets > 0) {
    TRY(statements_[add_day].bind(1, change.day).bind(2, number(change.octets)).run());
  }
  return whole.commit();
}

Result<uint64_t> Ledger::octets_on(int64_t day) {
  Statement& row = statements_[get_day];
  if (!TRY(row.bind(1, day).step())) return 0;
  const auto out = static_cast<uint64_t>(row.integer(0));
  row.reset();
  return out;
}

Result<LedgerTotals> Ledger::totals(const LedgerMailbox& mailbox) {
  LedgerTotals out;
  Statement& rows = statements_[sums];
  rows.bind(1, mailbox.id).bind(2, int64_t{mailbox.source_validity});
  while (TRY(rows.step())) {
    const auto count = static_cast<uint64_t>(rows.integer(1));
    switch (static_cast<CopyState>(rows.integer(0))) {
      case CopyState::copied:
        out.copied = count;
        out.octets = static_cast<uint64_t>(rows.integer(2));
        break;
      case CopyState::failed: out.failed = count; break;
      case CopyState::removed: out.removed = count; break;
      case CopyState::intended: break;
    }
  }
  return out;
}

Result<std::vector<SentAgain>> Ledger::sent_again(const LedgerMailbox& mailbox) {
  std::vector<SentAgain> out;
  Statement& rows = statements_[all_again];
  rows.bind(1, mailbox.id);
  while (TRY(rows.step())) {
    SentAgain one;
    one.validity = static_cast<uint32_t>(rows.integer(0));
    one.id = static_cast<uint64_t>(rows.integer(1));
    one.times = static_cast<uint64_t>(rows.integer(2));
    one.target = static_cast<uint64_t>(rows.integer(3));
    one.flags = rows.text(4);
    out.push_back(std::move(one));
  }
  return out;
}

Result<> Ledger::came_again(const LedgerMailbox& mailbox, const std::vector<SentAgain>& which) {
  auto whole = TRY(database_.begin());
  for (const SentAgain& one : which) {
    TRY(statements_[less_again]
            .bind(1, mailbox.id)
            .bind(2, int64_t{one.validity})
            .bind(3, number(one.id))
            .run());
  }
  return whole.commit();
}

Result<> Ledger::forget_again(const LedgerMailbox& mailbox) {
  return statements_[drop_again].bind(1, mailbox.id).run();
}

}  // namespace eilpost::client
