#include "client/sync/state.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "protocol/sasl/crypto.h"

namespace eilpost::client {

namespace {

constexpr int64_t format = 1;

// A message's row has its mailbox and uid as one number, so that rows lie in the order of uids.
constexpr const char* tables = R"(
CREATE TABLE about (account TEXT NOT NULL);
CREATE TABLE mailbox (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, uid_validity INTEGER NOT NULL DEFAULT 0,
  uid_next INTEGER NOT NULL DEFAULT 0, modseq INTEGER NOT NULL DEFAULT 0,
  messages INTEGER NOT NULL DEFAULT 0, cur_time INTEGER NOT NULL DEFAULT 0,
  new_time INTEGER NOT NULL DEFAULT 0, keywords TEXT NOT NULL DEFAULT '');
CREATE TABLE message (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, flags INTEGER NOT NULL, header INTEGER NOT NULL,
  size INTEGER NOT NULL);
CREATE TABLE loose (
  mailbox INTEGER NOT NULL, name TEXT NOT NULL, flags INTEGER NOT NULL, header INTEGER NOT NULL,
  size INTEGER NOT NULL, sent_from INTEGER NOT NULL, answered INTEGER NOT NULL, 
  PRIMARY KEY (mailbox, name)) WITHOUT ROWID;
)";

constexpr int64_t uids = 1LL << 32;
int64_t row_id(int64_t mailbox, Uid uid) {
  return mailbox * uids + uid.value;
}
std::string rows_of(int64_t mailbox) {
  return fmt::format("id BETWEEN {} AND {}", mailbox * uids, mailbox * uids + uids - 1);
}

// SQLite's integers have a sign.
int64_t to_row(uint64_t value) {
  return static_cast<int64_t>(value);
}

}  // namespace

uint64_t hash_of_name(std::string_view name) {
  // FNV-1a, and its bits mixed once more.
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdULL;
  return hash ^ hash >> 33;
}

uint64_t hash_of_header(std::string_view header_key) {
  // Whoever sends mail chooses these: they must not be able to make two alike.
  return header_key.empty() ? 0 : load_u64be(sasl::sha256(header_key));
}

Result<SyncState> SyncState::open(const std::string& path, const std::string& account) {
  SyncState out(TRY(Database::open(path)));
  const int64_t version = TRY(out.database_.version());
  if (version == 0) {
    auto made = TRY(out.database_.begin());
    TRY(out.database_.execute(tables));
    Statement about = TRY(out.database_.prepare("INSERT INTO about VALUES (?)"));
    about.bind(1, account);
    TRY(about.run());
    TRY(out.database_.execute(fmt::format("PRAGMA user_version = {}", format)));
    TRY(made.commit());
  } else if (version != format) {
    return fail(Code::corrupt, fmt::format("{} has format {}, expected {}", path, version, format));
  }
  Statement about = TRY(out.database_.prepare("SELECT account FROM about"));
  const bool told = TRY(about.step());
  const std::string whose(told ? about.text(0) : "");
  if (whose != account) {
    return fail(Code::invalid,
                fmt::format("{} belongs to the sync with {}, not {}", path, whose, account));
  }
  TRY(out.prepare());
  return out;
}

Result<> SyncState::prepare() {
  Database& db = database_;
  Statement save = TRY(
      db.prepare("UPDATE mailbox SET uid_validity = ?2, uid_next = ?3, modseq = ?4, messages = ?5,"
                 " cur_time = ?6, new_time = ?7, keywords = ?8 WHERE id = ?1"));
  Statement count = TRY(db.prepare("SELECT count(*) FROM message WHERE id BETWEEN ?1 AND ?2"));
  Statement message =
      TRY(db.prepare("SELECT name, flags, header, size FROM message WHERE id = ?1"));
  Statement put = TRY(db.prepare("INSERT OR REPLACE INTO message VALUES (?1, ?2, ?3, ?4, ?5)"));
  Statement set_flags = TRY(db.prepare("UPDATE message SET flags = ?2 WHERE id = ?1"));
  Statement remove = TRY(db.prepare("DELETE FROM message WHERE id = ?1"));
  Statement put_loose =
      TRY(db.prepare("INSERT OR REPLACE INTO loose VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  Statement remove_loose = TRY(db.prepare("DELETE FROM loose WHERE mailbox = ?1 AND name = ?2"));
  statements_.emplace(Statements{std::move(save), std::move(count), std::move(message),
                                 std::move(put), std::move(set_flags), std::move(remove),
                                 std::move(put_loose), std::move(remove_loose)});
  return {};
}

// --- mailboxes ---

Result<std::vector<SyncMailbox>> SyncState::mailboxes() {
  Statement statement = TRY(database_.prepare(
      "SELECT id, name, uid_validity, uid_next, modseq, messages, cur_time, new_time, keywords"
      " FROM mailbox ORDER BY name"));
  std::vector<SyncMailbox> out;
  for (;;) {
    const bool row = TRY(statement.step());
    if (!row) return out;
    SyncMailbox& mailbox = out.emplace_back();
    mailbox.id = statement.integer(0);
    mailbox.name = statement.text(1);
    mailbox.marks.uid_validity = static_cast<uint32_t>(statement.integer(2));
    mailbox.marks.uid_next = static_cast<uint32_t>(statement.integer(3));
    mailbox.marks.modseq = static_cast<uint64_t>(statement.integer(4));
    mailbox.marks.messages = static_cast<uint32_t>(statement.integer(5));
    mailbox.marks.times = {statement.integer(6), statement.integer(7)};
    mailbox.keywords = KeywordTable::parse(statement.text(8));
  }
}

Result<SyncMailbox> SyncState::add_mailbox(const std::string& name) {
  Statement statement =
      TRY(database_.prepare("INSERT INTO mailbox (name) VALUES (?) RETURNING id"));
  statement.bind(1, name);
  SyncMailbox out;
  out.name = name;
  const bool row = TRY(statement.step());
  if (!row) return fail(Code::io, "the state has taken no mailbox");
  out.id = statement.integer(0);
  // A statement that gives rows has done its work only at its end.
  TRY(statement.step());
  return out;
}

Result<> SyncState::save(const SyncMailbox& mailbox) {
  const SyncMarks& marks = mailbox.marks;
  const std::string keywords = mailbox.keywords.print();
  return statements_->save.bind(1, mailbox.id)
      .bind(2, int64_t{marks.uid_validity})
      .bind(3, int64_t{marks.uid_next})
      .bind(4, to_row(marks.modseq))
      .bind(5, int64_t{marks.messages})
      .bind(6, marks.times.cur)
      .bind(7, marks.times.fresh)
      .bind(8, keywords)
      .run();
}

Result<> SyncState::remove_mailbox(int64_t mailbox) {
  auto all = TRY(begin());
  TRY(database_.execute("DELETE FROM message WHERE " + rows_of(mailbox)));
  TRY(
      database_.execute(fmt::format("DELETE FROM loose WHERE mailbox = {0};"
                                    "DELETE FROM mailbox WHERE id = {0}",
                                    mailbox)));
  return all.commit();
}

// --- messages ---

Result<> SyncState::each(
    int64_t mailbox,
    const std::function<Result<>(Uid uid, std::string_view name, MaildirFlags flags)>& message) {
  Statement statement = TRY(database_.prepare("SELECT id, name, flags FROM message WHERE " +
                                              rows_of(mailbox) + " ORDER BY id"));
  for (;;) {
    const bool row = TRY(statement.step());
    if (!row) return {};
    TRY(message(Uid(static_cast<uint32_t>(statement.integer(0))), statement.text(1),
                static_cast<MaildirFlags>(statement.integer(2))));
  }
}

Result<uint64_t> SyncState::count(int64_t mailbox) {
  Statement& statement = statements_->count;
  statement.bind(1, row_id(mailbox, Uid(0))).bind(2, row_id(mailbox, Uid(UINT32_MAX)));
  const bool row = TRY(statement.step());
  const auto out = static_cast<uint64_t>(row ? statement.integer(0) : 0);
  statement.reset();
  return out;
}

Result<SyncMessage> SyncState::message(int64_t mailbox, Uid uid) {
  Statement& statement = statements_->message;
  statement.bind(1, row_id(mailbox, uid));
  const bool row = TRY(statement.step());
  if (!row) return fail(Code::not_found, fmt::format("the state knows no uid {}", uid.value));
  SyncMessage out;
  out.name = statement.text(0);
  out.flags = static_cast<MaildirFlags>(statement.integer(1));
  out.key.header = static_cast<uint64_t>(statement.integer(2));
  out.key.size = static_cast<uint64_t>(statement.integer(3));
  statement.reset();
  return out;
}

Result<> SyncState::put(int64_t mailbox, Uid uid, const SyncMessage& message) {
  return statements_->put.bind(1, row_id(mailbox, uid))
      .bind(2, message.name)
      .bind(3, int64_t{message.flags})
      .bind(4, to_row(message.key.header))
      .bind(5, to_row(message.key.size))
      .run();
}

Result<> SyncState::set_flags(int64_t mailbox, Uid uid, MaildirFlags flags) {
  return statements_->set_flags.bind(1, row_id(mailbox, uid)).bind(2, int64_t{flags}).run();
}

Result<> SyncState::remove(int64_t mailbox, Uid uid) {
  return statements_->remove.bind(1, row_id(mailbox, uid)).run();
}

// --- loose messages ---

Result<std::vector<SyncState::Loose>> SyncState::loose(int64_t mailbox) {
  Statement statement =
      TRY(database_.prepare("SELECT name, flags, header, size, sent_from, answered FROM loose "
                            "WHERE mailbox = ? ORDER BY name"));
  statement.bind(1, mailbox);
  std::vector<Loose> out;
  for (;;) {
    const bool row = TRY(statement.step());
    if (!row) return out;
    Loose& one = out.emplace_back();
    one.message.name = statement.text(0);
    one.message.flags = static_cast<MaildirFlags>(statement.integer(1));
    one.message.key.header = static_cast<uint64_t>(statement.integer(2));
    one.message.key.size = static_cast<uint64_t>(statement.integer(3));
    one.sent_from = static_cast<uint32_t>(statement.integer(4));
    one.answered = statement.integer(5) != 0;
  }
}

Result<> SyncState::put_loose(int64_t mailbox, const Loose& loose) {
  return statements_->put_loose.bind(1, mailbox)
      .bind(2, loose.message.name)
      .bind(3, int64_t{loose.message.flags})
      .bind(4, to_row(loose.message.key.header))
      .bind(5, to_row(loose.message.key.size))
      .bind(6, int64_t{loose.sent_from})
      .bind(7, int64_t{loose.answered})
      .run();
}

Result<> SyncState::remove_loose(int64_t mailbox, const std::string& name) {
  return statements_->remove_loose.bind(1, mailbox).bind(2, name).run();
}

Result<> SyncState::loosen(int64_t mailbox) {
  auto all = TRY(begin());
  TRY(database_.execute(
      fmt::format("INSERT OR REPLACE INTO loose SELECT {}, name, flags, header, size, 0, 0"
                  " FROM message WHERE {}",
                  mailbox, rows_of(mailbox))));
  TRY(database_.execute("DELETE FROM message WHERE " + rows_of(mailbox)));
  // What was sent before cannot be told by its uid any more.
  TRY(database_.execute(fmt::format(
      "UPDATE loose SET sent_from = 1 WHERE mailbox = {} AND sent_from <> 0", mailbox)));
  return all.commit();
}

}  // namespace eilpost::client
