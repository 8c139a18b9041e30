#include "store/tx.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/check.h"
#include "base/limits.h"
#include "store/keys.h"
#include "store/load.h"

namespace eilpost::store {

namespace {

constexpr size_t row_overhead = 32;
// Up to so many pages of a layer are taken at the size they may have at most.
constexpr size_t pages_estimated_max = 16;
constexpr size_t small_bytes = 64 * 1024;

size_t page_bytes_max(const HotPage& page) {
  constexpr size_t entry_bytes_max = 24;
  size_t bytes = 64 + page.entries.size() * entry_bytes_max;
  for (const KeywordSet& set : page.keyword_sets) bytes += 3 + 3 * set.size();
  return bytes;
}
// Rows of the log that a commit takes away when there are too many.
constexpr size_t log_step_rows = 256;

}  // namespace

bool same_keyword(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

void forget_log_row(Head& head, const engine::Row& row) {
  const uint64_t bytes = row.key.size() + row.value.size();
  head.log_floor = keys::modseq_of(row.key);
  head.log_rows -= std::min<uint64_t>(head.log_rows, 1);
  head.log_bytes -= std::min(head.log_bytes, bytes);
}

void Tx::begin(Author author) {
  author_ = std::move(author);
  modseq_.reset();
  mine_ = Layer();
}

size_t Tx::layer_bytes() const {
  size_t bytes = mine_.row_bytes + mine_.counters.size() * 64;
  const bool few = mine_.pages.size() <= pages_estimated_max;
  for (const auto& [key, page] : mine_.pages) {
    bytes += (few ? page_bytes_max(page) : encode(page).size()) + row_overhead;
  }
  for (const auto& [id, table] : mine_.keywords) bytes += encode(table).size() + row_overhead;
  for (const LogChange& c : mine_.changes) bytes += 64 + c.uids.raw().intervals().size() * 6;
  return bytes;
}

void Tx::merge() {
  merged_bytes_ += layer_bytes();
  for (auto& [key, value] : mine_.rows) group_.rows[key] = std::move(value);
  if (mine_.head) group_.head = mine_.head;
  for (auto& [id, c] : mine_.counters) group_.counters[id] = c;
  for (auto& [key, page] : mine_.pages) group_.pages[key] = std::move(page);
  for (auto& [id, table] : mine_.keywords) group_.keywords[id] = std::move(table);
  for (auto& [id, def] : mine_.defs) group_.defs[id] = std::move(def);
  const auto append = [](auto& to, auto& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  append(group_.forgotten, mine_.forgotten);
  append(group_.changes, mine_.changes);
  append(group_.sync, mine_.sync);
  append(group_.staged, mine_.staged);
  append(group_.doomed, mine_.doomed);
  append(group_.unsubscribed, mine_.unsubscribed);
  group_.folders = group_.folders || mine_.folders;
  mine_ = Layer();
}

// What a storage that does not answer keeps is for the sweep: each try may take long.
void Tx::remove_blobs(const std::vector<engine::BlobId>& blobs) {
  for (const engine::BlobId blob : blobs) {
    const auto removed = context_.engine.remove_blob(blob);
    if (!removed && removed.error().code == Code::unavailable) return;
  }
}

void Tx::discard() {
  remove_blobs(mine_.staged);
  mine_ = Layer();
}

std::vector<std::pair<MailboxId, uint32_t>> Tx::rewritten_pages() const {
  std::vector<std::pair<MailboxId, uint32_t>> out;
  const engine::Range rows = keys::all('M');
  for (auto at = group_.rows.lower_bound(rows.first); at != group_.rows.end(); ++at) {
    if (at->first >= rows.last) break;
    if (at->second.fresh) continue;
    const std::pair page(keys::mailbox_of(at->first), keys::page_in(at->first));
    if (out.empty() || out.back() != page) out.push_back(page);
  }
  return out;
}

void Tx::drop_staged() {
  remove_blobs(group_.staged);
  group_.staged.clear();
}

bool Tx::is_small() const {
  return merged_bytes_ <= small_bytes && group_.doomed.empty() && !group_.folders;
}

bool Tx::has_writes() const {
  return !group_.rows.empty() || group_.head || !group_.counters.empty() || !group_.pages.empty() ||
         !group_.keywords.empty();
}

Head& Tx::head() {
  if (!mine_.head) mine_.head = group_.head ? *group_.head : base_.head;
  return *mine_.head;
}

const Head& Tx::peek_head() const {
  return mine_.head ? *mine_.head : group_.head ? *group_.head : base_.head;
}

Result<MailboxCounters> Tx::peek_counters(MailboxId mailbox) {
  for (const Layer* layer : {&mine_, &group_}) {
    const auto& gone = layer->forgotten;
    if (std::find(gone.begin(), gone.end(), mailbox) != gone.end()) {
      return fail(Code::not_found, "mailbox is gone");
    }
  }
  if (const auto at = mine_.counters.find(mailbox); at != mine_.counters.end()) return at->second;
  if (const auto at = group_.counters.find(mailbox); at != group_.counters.end()) return at->second;
  const auto at = base_.counters.find(mailbox);
  if (at == base_.counters.end()) return fail(Code::not_found, "mailbox is gone");
  return at->second;
}

Result<MailboxCounters*> Tx::counters(MailboxId mailbox) {
  auto at = mine_.counters.find(mailbox);
  if (at == mine_.counters.end()) {
    at = mine_.counters.emplace(mailbox, TRY(peek_counters(mailbox))).first;
  }
  return &at->second;
}

void Tx::add_counters(MailboxId mailbox, const MailboxCounters& counters) {
  mine_.counters[mailbox] = counters;
}

Result<engine::ReadResult> Tx::checked(Result<engine::ReadResult> read) {
  if (read && read->version != base_.version) {
    return fail(Code::conflict, "the partition has moved on");
  }
  looked_ = looked_ || read;
  return read;
}

Result<PagePtr> Tx::peek_page(MailboxId mailbox, uint32_t page) {
  const PageKey key{mailbox, page};
  for (Layer* layer : {&mine_, &group_}) {
    const auto at = layer->pages.find(key);
    if (at != layer->pages.end()) return std::make_shared<const HotPage>(at->second);
  }
  const auto snapshot = base_.snapshots.find(mailbox);
  if (snapshot != base_.snapshots.end()) return snapshot->second->tree.page(page);
  if (const auto at = loaded_.find(mailbox); at != loaded_.end()) {
    return at->second->tree.page(page);
  }
  const auto tail = base_.tails.find(mailbox);
  if (tail != base_.tails.end() && tail->second->page == page) return tail->second;
  const std::string row = keys::hot_page(mailbox, page);
  const auto read =
      TRY(checked(context_.engine.read(context_.partition, std::vector<std::string>{row})));
  if (read.rows.empty()) return PagePtr();
  return freeze(TRY(decode_hot_page(page, read.rows[0].value)));
}

Result<HotPage*> Tx::page(MailboxId mailbox, uint32_t page) {
  const PageKey key{mailbox, page};
  auto at = mine_.pages.find(key);
  if (at == mine_.pages.end()) {
    const PagePtr before = TRY(peek_page(mailbox, page));
    HotPage copy = before ? *before : HotPage();
    copy.page = page;
    at = mine_.pages.emplace(key, std::move(copy)).first;
  }
  return &at->second;
}

Result<std::vector<uint32_t>> Tx::pages_of(MailboxId mailbox, const UidSet& uids) {
  TRY(peek_counters(mailbox));
  std::vector<uint32_t> out;
  const auto& intervals = uids.raw().intervals();
  if (base_.counters.count(mailbox) != 0) {
    const SnapshotPtr base = TRY(snapshot(mailbox));
    for (const Interval& i : intervals) {
      const uint32_t last = keys::page_of(Uid(i.last));
      base->tree.for_pages(Uid(i.first), [&](Seq, const PagePtr& p) {
        if (p->page > last) return false;
        if (out.empty() || out.back() != p->page) out.push_back(p->page);
        return true;
      });
    }
  }
  // Pages that came with this Tx.
  const auto ends_before = [](const Interval& i, uint32_t n) {
    return keys::page_of(Uid(i.last)) < n;
  };
  for (const Layer* layer : {&group_, &mine_}) {
    for (auto at = layer->pages.lower_bound({mailbox, 0});
         at != layer->pages.end() && at->first.first == mailbox; ++at) {
      const uint32_t number = at->first.second;
      const auto i = std::lower_bound(intervals.begin(), intervals.end(), number, ends_before);
      if (i != intervals.end() && keys::page_of(Uid(i->first)) <= number) out.push_back(number);
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<SnapshotPtr> Tx::snapshot(MailboxId mailbox) {
  if (const auto at = base_.snapshots.find(mailbox); at != base_.snapshots.end()) return at->second;
  if (const auto at = loaded_.find(mailbox); at != loaded_.end()) return at->second;
  const auto counters = base_.counters.find(mailbox);
  if (counters == base_.counters.end()) return fail(Code::not_found, "mailbox is gone");
  LoadedMailbox loaded = TRY(load_mailbox_since(context_.engine, context_.partition, base_.version,
                                                mailbox, counters->second));
  if (loaded.mixed) {
    outrun_[mailbox] = std::move(loaded.snapshot);
    return fail(Code::conflict, "the partition has moved on");
  }
  looked_ = true;
  loaded_[mailbox] = loaded.snapshot;
  return std::move(loaded.snapshot);
}

Result<KeywordTable> Tx::keywords(MailboxId mailbox) {
  for (Layer* layer : {&mine_, &group_}) {
    const auto at = layer->keywords.find(mailbox);
    if (at != layer->keywords.end()) return at->second;
  }
  if (const auto at = base_.snapshots.find(mailbox); at != base_.snapshots.end()) {
    return *at->second->keywords;
  }
  const auto row = TRY(get(keys::keywords(mailbox)));
  return row ? decode_keywords(*row) : KeywordTable();
}

Result<KeywordSet> Tx::intern_keywords(MailboxId mailbox, const std::vector<std::string>& names) {
  KeywordSet out;
  if (names.empty()) return out;
  KeywordTable table = TRY(keywords(mailbox));
  bool added = false;
  for (const std::string& name : names) {
    if (name.empty() || name.size() > limits::keyword_bytes_max) {
      return fail(Code::limit, "a keyword is too long");
    }
    auto at = std::find_if(table.begin(), table.end(),
                           [&](const std::string& known) { return same_keyword(known, name); });
    if (at == table.end()) {
      if (table.size() >= limits::keywords_per_mailbox_max) {
        return fail(Code::limit, "the mailbox has as many keywords as it may have");
      }
      table.push_back(name);
      at = table.end() - 1;
      added = true;
    }
    out.push_back(static_cast<uint16_t>(at - table.begin()));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  if (added) mine_.keywords[mailbox] = std::move(table);
  return out;
}

ModSeq Tx::modseq() {
  if (!modseq_) modseq_ = ModSeq(++head().last_modseq.value);
  return *modseq_;
}

EmailId Tx::new_email_id() {
  const auto millis = static_cast<uint64_t>(context_.now.micros / 1000);
  return {(millis << 16) | (context_.random.next() & 0xffff), context_.random.next()};
}

Result<std::optional<std::string>> Tx::get(const std::string& key) {
  for (Layer* layer : {&mine_, &group_}) {
    const auto at = layer->rows.find(key);
    if (at != layer->rows.end()) return at->second.value;
  }
  if (const auto at = known_.find(key); at != known_.end()) return at->second;
  auto read = TRY(checked(context_.engine.read(context_.partition, std::vector<std::string>{key})));
  if (read.rows.empty()) return std::optional<std::string>();
  return std::optional<std::string>(std::move(read.rows[0].value));
}

Result<std::vector<engine::Row>> Tx::scan(engine::Range range) {
  std::map<std::string, std::string> rows;
  engine::Range rest = range;
  for (bool more = true; more;) {
    auto read = TRY(checked(context_.engine.read(context_.partition, rest)));
    more = read.more && !read.rows.empty() && rows.size() + read.rows.size() < range.rows_max;
    if (more) rest.first = read.rows.back().key + '\0';
    for (auto& row : read.rows) rows.emplace(std::move(row.key), std::move(row.value));
  }
  for (Layer* layer : {&group_, &mine_}) {
    for (auto at = layer->rows.lower_bound(range.first);
         at != layer->rows.end() && (range.last.empty() || at->first < range.last); ++at) {
      if (at->second.value) {
        rows[at->first] = *at->second.value;
      } else {
        rows.erase(at->first);
      }
    }
  }
  std::vector<engine::Row> out;
  out.reserve(rows.size());
  for (auto& [key, value] : rows) out.push_back({key, std::move(value)});
  return out;
}

void Tx::change_row(std::string key, RowChange change) {
  const auto cost = [&](const RowChange& c) {
    return key.size() + row_overhead + (c.value ? c.value->size() : 0);
  };
  const auto at = mine_.rows.find(key);
  if (at != mine_.rows.end()) {
    mine_.row_bytes -= cost(at->second);
    change.fresh = at->second.fresh;
    if (change.fresh && !change.value) {
      mine_.rows.erase(at);
      return;
    }
  }
  mine_.row_bytes += cost(change);
  mine_.rows[std::move(key)] = std::move(change);
}

void Tx::put(std::string key, std::string value) {
  change_row(std::move(key), {std::move(value), false});
}

void Tx::put_fresh(std::string key, std::string value) {
  change_row(std::move(key), {std::move(value), true});
}

void Tx::del(std::string key) {
  change_row(std::move(key), {std::nullopt, false});
}

void Tx::put_def(const MailboxDef& def) {
  mine_.defs[def.id] = def;
  mine_.folders = true;
  put(keys::definition(def.id), encode(def));
}

void Tx::subscribe(const std::string& name) {
  put(keys::subscription(name), encode(NameRow{name, 0}));
  mine_.folders = true;
}

void Tx::unsubscribe(const std::string& name) {
  del(keys::subscription(name));
  mine_.unsubscribed.push_back(name);
  mine_.folders = true;
}

void Tx::forget_mailbox(MailboxId mailbox) {
  mine_.forgotten.push_back(mailbox);
  mine_.folders = true;
}

Result<engine::BlobId> Tx::stage(std::string_view octets, std::string place) {
  auto writer = TRY(context_.engine.stage_blob(context_.partition, context_.now, std::move(place)));
  TRY(writer->append(octets));
  const engine::BlobId blob = TRY(writer->finish());
  mine_.staged.push_back(blob);
  mine_.sync.push_back(blob);
  return blob;
}

Result<> Tx::know_holders(const std::vector<engine::BlobId>& blobs) {
  std::vector<std::string> rows;
  rows.reserve(blobs.size());
  for (const engine::BlobId blob : blobs) rows.push_back(keys::blob_holders(blob));
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  auto read = TRY(checked(context_.engine.read(context_.partition, rows)));
  for (std::string& row : rows) known_.try_emplace(std::move(row));
  for (engine::Row& row : read.rows) known_[row.key] = std::move(row.value);
  return {};
}

Result<> Tx::hold_blob(engine::BlobId blob) {
  const auto row = TRY(get(keys::blob_holders(blob)));
  const uint32_t holders = row ? TRY(decode_holders(*row)) : 1;
  put(keys::blob_holders(blob), encode_holders(holders + 1));
  return {};
}

Result<> Tx::release_blob(engine::BlobId blob) {
  const auto row = TRY(get(keys::blob_holders(blob)));
  const uint32_t holders = row ? TRY(decode_holders(*row)) : 1;
  if (holders <= 1) {
    if (row) del(keys::blob_holders(blob));
    mine_.doomed.push_back(blob);
  } else if (holders == 2) {
    del(keys::blob_holders(blob));
  } else {
    put(keys::blob_holders(blob), encode_holders(holders - 1));
  }
  return {};
}

void Tx::log(ChangeKind kind, MailboxId mailbox, UidSet uids) {
  mine_.changes.push_back({modseq(), kind, mailbox, std::move(uids), author_, {}});
}

void Tx::log_annotations(MailboxId mailbox, std::vector<std::string> names) {
  mine_.changes.push_back(
      {modseq(), ChangeKind::annotations, mailbox, {}, author_, std::move(names)});
}

void Tx::batch_pages(engine::Batch& out) const {
  for (const auto& [key, page] : group_.pages) {
    const auto& [mailbox, number] = key;
    if (page.entries.empty()) {
      out.deletes.push_back(keys::hot_page(mailbox, number));
    } else {
      out.puts.emplace_back(keys::hot_page(mailbox, number), encode(page));
    }
  }
}

// What this commit tells those who follow the log.
LogRow Tx::log_row() const {
  LogRow out{commit_id_, context_.now.micros, group_.changes, {}, false};
  std::set<MailboxId> told;   // `changes` leads to its counters and keywords
  std::set<MailboxId> named;  // and to its definition
  for (const LogChange& c : group_.changes) {
    told.insert(c.mailbox);
    if (c.kind == ChangeKind::mailbox) named.insert(c.mailbox);
  }
  std::set<MailboxId> touched;
  const auto add = [&touched](MailboxId id, const std::set<MailboxId>& known) {
    if (known.count(id) == 0) touched.insert(id);
  };
  for (const auto& [id, counters] : group_.counters) add(id, told);
  for (const auto& [id, table] : group_.keywords) add(id, told);
  for (const auto& [id, def] : group_.defs) add(id, named);
  for (const MailboxId id : group_.forgotten) add(id, named);
  out.touched.assign(touched.begin(), touched.end());
  const engine::Range names = keys::all('S');
  const auto name = group_.rows.lower_bound(names.first);
  out.subscriptions = name != group_.rows.end() && name->first < names.last;
  return out;
}

// The maintenance keeps the log within its bound; where it does not come by often enough, commits
// do, a small step at a time.
void Tx::cut_log(engine::Batch& out) {
  Head& head = *group_.head;
  const bool much = head.log_rows > limits::log_rows_max + limits::log_rows_max / 4 ||
                    head.log_bytes > limits::log_bytes_max + limits::log_bytes_max / 4;
  const bool cut_already = head.log_floor != base_.head.log_floor;
  if (!much || cut_already || !head.log_counted) return;
  engine::Range range = keys::log_after(head.log_floor);
  range.rows_max = log_step_rows;
  // One that cannot be read is left to the next commit.
  const auto oldest = checked(context_.engine.read(context_.partition, range));
  if (!oldest) return;
  for (const engine::Row& row : oldest->rows) {
    forget_log_row(head, row);
    out.deletes.push_back(row.key);
  }
}

Result<engine::Batch> Tx::batch() {
  engine::Batch out;
  for (const auto& [key, change] : group_.rows) {
    if (change.value) {
      out.puts.emplace_back(key, *change.value);
    } else {
      out.deletes.push_back(key);
    }
  }
  batch_pages(out);
  for (const auto& [id, table] : group_.keywords) {
    out.puts.emplace_back(keys::keywords(id), encode(table));
  }
  for (const auto& [id, counters] : group_.counters) {
    out.puts.emplace_back(keys::counters(id), encode(counters));
  }
  if (!group_.head) group_.head = base_.head;
  group_.head->last_seen_micros = std::max(base_.head.last_seen_micros, context_.now.micros);
  // Every commit has a log row: it settles an answer that was lost. It needs a modseq of its own
  // even when nothing a client sees has changed.
  if (group_.head->last_modseq == base_.head.last_modseq) ++group_.head->last_modseq.value;
  commit_id_ = context_.random.octets(16);
  const std::string log_key = keys::log(group_.head->last_modseq);
  std::string row = encode(log_row());
  group_.head->log_rows += 1;
  group_.head->log_bytes += log_key.size() + row.size();
  out.puts.emplace_back(log_key, std::move(row));
  cut_log(out);
  out.puts.emplace_back(keys::head(), encode(*group_.head));
  out.sync_blobs = group_.sync;
  if (out.bytes() > limits::batch_bytes_max) {
    return fail(Code::limit, "the change is larger than one commit may be");
  }
  return out;
}

// A mailbox that gets mail and that nobody looks into: the next message goes into the same page.
void Tx::keep_tails(AccountState& state, const std::map<MailboxId, std::vector<PagePtr>>& pages) {
  for (const auto& [mailbox, written] : pages) {
    const PagePtr& last = written.back();
    const auto tail = state.tails.find(mailbox);
    if (state.snapshots.count(mailbox) != 0 || last->entries.empty()) {
      state.tails.erase(mailbox);
    } else if (tail == state.tails.end() || tail->second->page <= last->page) {
      state.tails[mailbox] = last;
    }
  }
  for (const MailboxId mailbox : group_.forgotten) state.tails.erase(mailbox);
}

std::vector<MailboxId> Tx::apply_to(AccountState& state, engine::Version version) {
  std::vector<MailboxId> changed;
  state.version = version;
  state.head = *group_.head;
  const bool annotated =
      std::any_of(group_.changes.begin(), group_.changes.end(),
                  [](const LogChange& c) { return c.kind == ChangeKind::annotations; });
  if (annotated) state.annotations = state.head.last_modseq;
  for (const auto& [id, counters] : group_.counters) state.counters[id] = counters;
  for (auto& [id, snapshot] : loaded_) state.snapshots.emplace(id, snapshot);
  std::map<MailboxId, std::vector<PagePtr>> pages;
  for (auto& [key, page] : group_.pages) pages[key.first].push_back(freeze(std::move(page)));
  keep_tails(state, pages);
  for (const auto& [id, counters] : group_.counters) {
    changed.push_back(id);
    const auto at = state.snapshots.find(id);
    if (at == state.snapshots.end()) continue;
    auto fresh = std::make_shared<MailboxSnapshot>(*at->second);
    fresh->version = version;
    fresh->counters = counters;
    if (const auto k = group_.keywords.find(id); k != group_.keywords.end()) {
      fresh->keywords = std::make_shared<const KeywordTable>(k->second);
    }
    if (const auto p = pages.find(id); p != pages.end()) fresh->tree = fresh->tree.with(p->second);
    at->second = std::move(fresh);
  }
  for (const MailboxId id : group_.forgotten) {
    changed.push_back(id);
    state.snapshots.erase(id);
    state.counters.erase(id);
  }
  if (annotated || group_.folders) changed.push_back(MailboxId(0));
  if (group_.folders) {
    state.folders = changed_folders(*state.folders);
  }
  return changed;
}

// The tree of names after what was merged: definitions put or deleted, subscriptions likewise.
FoldersPtr Tx::changed_folders(const FolderTree& before) const {
  std::map<MailboxId, MailboxDef> defs;
  for (MailboxDef& def : before.all()) defs[def.id] = std::move(def);
  for (const auto& [id, def] : group_.defs) defs[id] = def;
  std::set<std::string> subscriptions = before.subscriptions();
  const engine::Range names = keys::all('S');
  for (const auto& [key, change] : group_.rows) {
    const auto& value = change.value;
    if (key >= names.first && key < names.last) {
      // A row too long for its key carries the name in its value; deletes log it in unsubscribed.
      if (value) {
        if (auto row = decode_name(*value)) subscriptions.insert(row->name);
      }
    } else if (!value && key.size() == 10 && key[1] == 'D') {
      defs.erase(keys::mailbox_of(key));
    }
  }
  for (const std::string& name : group_.unsubscribed) subscriptions.erase(name);
  std::vector<MailboxDef> all;
  for (auto& [id, def] : defs) all.push_back(std::move(def));
  return std::make_shared<const FolderTree>(std::move(all), std::move(subscriptions));
}

}  // namespace eilpost::store
