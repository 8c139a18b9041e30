#include "store/load.h"

#include "store/keys.h"
#include "store/patch.h"
#include "store/records.h"

namespace eilpost::store {

namespace {

// How often a scan starts again because somebody committed in between.
constexpr int scan_attempts = 16;

// Every row of `range`, each as of `known` or a later version; `mixed` when one is later.
Result<std::vector<engine::Row>> read_since(engine::Engine& engine, PartitionId partition,
                                            engine::Range range, engine::Version known,
                                            bool& mixed) {
  std::vector<engine::Row> out;
  for (bool more = true; more;) {
    auto read = TRY(engine.read(partition, range));
    if (read.version < known) return fail(Code::conflict, "the partition began anew");
    mixed = mixed || read.version != known;
    more = read.more && !read.rows.empty();
    if (more) range.first = read.rows.back().key + '\0';
    for (engine::Row& row : read.rows) out.push_back(std::move(row));
  }
  return out;
}

// While others commit, rows may be newer than the head: the log since then names those, and what it
// names is read again.
Result<AccountState> try_load_state(engine::Engine& engine, PartitionId partition) {
  const auto head = TRY(engine.read(partition, std::vector<std::string>{keys::head()}));
  if (head.rows.empty()) return fail(Code::not_found, "the partition holds no account");
  AccountState state;
  state.version = head.version;
  state.head = TRY(decode_head(head.rows[0].value));
  state.annotations = state.head.last_modseq;
  std::vector<MailboxDef> defs;
  bool mixed = false;
  const auto rows_of = [&](char kind) {
    return read_since(engine, partition, keys::all(kind), state.version, mixed);
  };
  const auto def_rows = TRY(rows_of('D'));
  std::set<MailboxId> live;
  for (const auto& row : def_rows) {
    defs.push_back(TRY(decode_def(keys::mailbox_of(row.key), row.value)));
    if (defs.back().deleted_seconds == 0) live.insert(defs.back().id);
  }
  const auto counter_rows = TRY(rows_of('K'));
  for (const auto& row : counter_rows) {
    const MailboxId id = keys::mailbox_of(row.key);
    if (live.count(id) != 0) state.counters[id] = TRY(decode_counters(row.value));
  }
  std::set<std::string> subscriptions;
  const auto names = TRY(rows_of('S'));
  for (const auto& row : names) subscriptions.insert(TRY(decode_name(row.value)).name);
  state.folders = std::make_shared<const FolderTree>(std::move(defs), std::move(subscriptions));
  if (!mixed) return state;
  auto patch = read_patch(engine, partition, state);
  if (!patch && patch.error().code == Code::limit) {
    return fail(Code::conflict, "the partition has moved on");
  }
  (void)apply_patch(state, TRY(std::move(patch)));
  state.annotations = state.head.last_modseq;
  return state;
}

struct Scan {
  engine::Engine& engine;
  PartitionId partition;
  engine::Version version;
  bool mixes = false;  // takes later versions too
};

Result<> note_version(const Scan& scan, engine::Version read, LoadedMailbox& out) {
  if (read == scan.version) return {};
  if (!scan.mixes || read < scan.version) {
    return fail(Code::conflict, "the partition has moved on");
  }
  out.mixed = true;
  return {};
}

Result<LoadedMailbox> scan_mailbox(const Scan& scan, MailboxId mailbox,
                                   const MailboxCounters& counters) {
  LoadedMailbox out;
  auto snapshot = std::make_shared<MailboxSnapshot>();
  snapshot->id = mailbox;
  snapshot->version = scan.version;
  snapshot->counters = counters;
  const auto words =
      TRY(scan.engine.read(scan.partition, std::vector<std::string>{keys::keywords(mailbox)}));
  TRY(note_version(scan, words.version, out));
  KeywordTable table;
  if (!words.rows.empty()) table = TRY(decode_keywords(words.rows[0].value));
  snapshot->keywords = std::make_shared<const KeywordTable>(std::move(table));
  std::vector<PagePtr> pages;
  engine::Range range = keys::all('P', mailbox);
  for (bool more = true; more;) {
    auto read = TRY(scan.engine.read(scan.partition, range));
    TRY(note_version(scan, read.version, out));
    more = read.more && !read.rows.empty();
    if (more) range.first = read.rows.back().key + '\0';
    for (const auto& row : read.rows) {
      auto page = decode_hot_page(keys::page_in(row.key), row.value);
      if (!page) return tl::unexpected(page.error());
      pages.push_back(freeze(std::move(*page)));
    }
  }
  snapshot->tree = MessageTree().with(pages);
  out.snapshot = std::move(snapshot);
  return out;
}

}  // namespace

Result<Rows> read_all(engine::Engine& engine, PartitionId partition, engine::Range range,
                      engine::Version expected) {
  Rows out;
  out.version = expected;
  for (bool more = true; more;) {
    auto read = TRY(engine.read(partition, range));
    if (out.version == 0) out.version = read.version;
    if (read.version != out.version) return fail(Code::conflict, "the partition has moved on");
    more = read.more && !read.rows.empty();
    if (more) range.first = read.rows.back().key + '\0';
    if (out.rows.empty()) {
      out.rows = std::move(read.rows);
    } else {
      out.rows.insert(out.rows.end(), std::make_move_iterator(read.rows.begin()),
                      std::make_move_iterator(read.rows.end()));
    }
  }
  return out;
}

Result<AccountState> load_state(engine::Engine& engine, PartitionId partition) {
  Result<AccountState> state = fail(Code::conflict, "not read");
  for (int attempt = 0; attempt < scan_attempts; ++attempt) {
    state = try_load_state(engine, partition);
    if (state || state.error().code != Code::conflict) break;
  }
  return state;
}

Result<LoadedMailbox> load_mailbox_since(engine::Engine& engine, PartitionId partition,
                                         engine::Version version, MailboxId mailbox,
                                         const MailboxCounters& counters) {
  return scan_mailbox({engine, partition, version, true}, mailbox, counters);
}

Result<SnapshotPtr> load_mailbox(engine::Engine& engine, PartitionId partition,
                                 engine::Version version, MailboxId mailbox,
                                 const MailboxCounters& counters) {
  return TRY(scan_mailbox({engine, partition, version, false}, mailbox, counters)).snapshot;
}

}  // namespace eilpost::store
