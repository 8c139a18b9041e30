#include "store/tx.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/limits.h"
#include "store/keys.h"
#include "store/load.h"

namespace eilpost::store {

namespace {

constexpr size_t row_overhead = 32;

}  // namespace

bool same_keyword(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

void Tx::begin(Author author) {
  author_ = std::move(author);
  modseq_.reset();
  mine_ = Layer();
}

size_t Tx::layer_bytes() const {
  size_t bytes = mine_.row_bytes + mine_.counters.size() * 64;
  for (const auto& [key, page] : mine_.pages) bytes += encode(page).size() + row_overhead;
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

void Tx::discard() {
  for (const engine::BlobId blob : mine_.staged) (void)context_.engine.remove_blob(blob);
  mine_ = Layer();
}

void Tx::drop_staged() {
  for (const engine::BlobId blob : group_.staged) (void)context_.engine.remove_blob(blob);
  group_.staged.clear();
}

bool Tx::has_writes() const {
  return !group_.rows.empty() || group_.head || !group_.counters.empty() || !group_.pages.empty() ||
         !group_.keywords.empty();
}

Head& Tx::head() {
  if (!mine_.head) mine_.head = group_.head ? *group_.head : base_.head;
  return *mine_.head;
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
  const SnapshotPtr loaded = TRY(
      load_mailbox(context_.engine, context_.partition, base_.version, mailbox, counters->second));
  loaded_[mailbox] = loaded;
  return loaded;
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
  mine_.changes.push_back({modseq(), kind, mailbox, std::move(uids), author_});
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
  out.puts.emplace_back(keys::head(), encode(*group_.head));
  commit_id_ = context_.random.octets(16);
  out.puts.emplace_back(keys::log(group_.head->last_modseq),
                        encode(LogRow{commit_id_, context_.now.micros, group_.changes}));
  out.sync_blobs = group_.sync;
  if (out.bytes() > limits::batch_bytes_max) {
    return fail(Code::limit, "the change is larger than one commit may be");
  }
  return out;
}

std::vector<MailboxId> Tx::apply_to(AccountState& state, engine::Version version) {
  std::vector<MailboxId> changed;
  state.version = version;
  state.head = *group_.head;
  for (const auto& [id, counters] : group_.counters) state.counters[id] = counters;
  for (auto& [id, snapshot] : loaded_) state.snapshots.emplace(id, snapshot);
  std::map<MailboxId, std::vector<PagePtr>> pages;
  for (auto& [key, page] : group_.pages) pages[key.first].push_back(freeze(std::move(page)));
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
  if (group_.folders) {
    changed.push_back(MailboxId(0));
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
