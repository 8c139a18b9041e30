#include "store/load.h"

#include "store/keys.h"
#include "store/records.h"

namespace eilpost::store {

namespace {

// How often a scan starts again because somebody committed in between.
constexpr int scan_attempts = 16;

Result<AccountState> try_load_state(engine::Engine& engine, PartitionId partition) {
  const auto head = TRY(engine.read(partition, std::vector<std::string>{keys::head()}));
  if (head.rows.empty()) return fail(Code::not_found, "the partition holds no account");
  AccountState state;
  state.version = head.version;
  state.head = TRY(decode_head(head.rows[0].value));
  state.annotations = state.head.last_modseq;
  std::vector<MailboxDef> defs;
  const Rows def_rows = TRY(read_all(engine, partition, keys::all('D'), state.version));
  std::set<MailboxId> live;
  for (const auto& row : def_rows.rows) {
    defs.push_back(TRY(decode_def(keys::mailbox_of(row.key), row.value)));
    if (defs.back().deleted_seconds == 0) live.insert(defs.back().id);
  }
  const Rows counter_rows = TRY(read_all(engine, partition, keys::all('K'), state.version));
  for (const auto& row : counter_rows.rows) {
    const MailboxId id = keys::mailbox_of(row.key);
    if (live.count(id) != 0) state.counters[id] = TRY(decode_counters(row.value));
  }
  std::set<std::string> subscriptions;
  const Rows names = TRY(read_all(engine, partition, keys::all('S'), state.version));
  for (const auto& row : names.rows) subscriptions.insert(TRY(decode_name(row.value)).name);
  state.folders = std::make_shared<const FolderTree>(std::move(defs), std::move(subscriptions));
  return state;
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

Result<SnapshotPtr> load_mailbox(engine::Engine& engine, PartitionId partition,
                                 engine::Version version, MailboxId mailbox,
                                 const MailboxCounters& counters) {
  auto snapshot = std::make_shared<MailboxSnapshot>();
  snapshot->id = mailbox;
  snapshot->version = version;
  snapshot->counters = counters;
  const auto words = TRY(engine.read(partition, std::vector<std::string>{keys::keywords(mailbox)}));
  if (words.version != version) return fail(Code::conflict, "the partition has moved on");
  KeywordTable table;
  if (!words.rows.empty()) table = TRY(decode_keywords(words.rows[0].value));
  snapshot->keywords = std::make_shared<const KeywordTable>(std::move(table));
  std::vector<PagePtr> pages;
  engine::Range range = keys::all('P', mailbox);
  for (bool more = true; more;) {
    auto read = TRY(engine.read(partition, range));
    if (read.version != version) return fail(Code::conflict, "the partition has moved on");
    more = read.more && !read.rows.empty();
    if (more) range.first = read.rows.back().key + '\0';
    for (const auto& row : read.rows) {
      auto page = decode_hot_page(keys::page_in(row.key), row.value);
      if (!page) return tl::unexpected(page.error());
      pages.push_back(freeze(std::move(*page)));
    }
  }
  snapshot->tree = MessageTree().with(pages);
  return SnapshotPtr(std::move(snapshot));
}

}  // namespace eilpost::store
