#include "store/patch.h"

#include <set>

#include "store/keys.h"
#include "store/load.h"

namespace eilpost::store {

namespace {

// How often the log is read on because somebody has committed meanwhile.
constexpr int rounds_max = 64;
// Beyond so many rows the state is read afresh.
constexpr size_t log_rows_patched_max = 8192;
// Keys of one read.
constexpr size_t keys_at_once = 1024;
// A mailbox of which more pages than these, and more than half, have changed is read afresh.
constexpr size_t pages_patched_min = 64;

class Reader {
 public:
  Reader(engine::Engine& engine, PartitionId partition, const AccountState& known)
      : engine_(engine), partition_(partition), known_(known), read_up_to_(known.head.last_modseq) {
    wanted_.insert(keys::head());
  }

  // A row that a log row names is read after that log row. So when a round's reads are all of one
  // version, everything read in this and the earlier rounds stands as of that version.
  Result<StatePatch> run() {
    for (int round = 0; round < rounds_max; ++round) {
      const engine::Version version = TRY(read_log());
      if (!TRY(read_wanted(version))) continue;
      auto patch = build(version);
      if (patch || patch.error().code != Code::conflict) return patch;
    }
    return fail(Code::conflict, "the partition changes faster than it is read");
  }

 private:
  // Reads the log on; everything its rows name is wanted.
  Result<engine::Version> read_log() {
    for (;;) {
      const auto read = TRY(engine_.read(partition_, keys::log_after(read_up_to_)));
      for (const engine::Row& row : read.rows) {
        want(TRY(decode_log(row.value)));
        read_up_to_ = keys::modseq_of(row.key);
      }
      rows_ += read.rows.size();
      if (rows_ > log_rows_patched_max) return fail(Code::limit, "too many changes");
      if (!read.more || read.rows.empty()) return read.version;
    }
  }

  void want(const LogRow& row) {
    subscriptions_ = subscriptions_ || row.subscriptions;
    for (const MailboxId id : row.touched) {
      want_mailbox(id);
      wanted_.insert(keys::definition(id));
    }
    for (const LogChange& change : row.changes) {
      want_mailbox(change.mailbox);
      annotations_ = annotations_ || change.kind == ChangeKind::annotations;
      if (change.kind == ChangeKind::mailbox) wanted_.insert(keys::definition(change.mailbox));
      want_pages(change.mailbox, change.uids);
    }
  }

  void want_mailbox(MailboxId id) {
    wanted_.insert(keys::counters(id));
    if (known_.snapshots.count(id) != 0) wanted_.insert(keys::keywords(id));
  }

  void want_pages(MailboxId id, const UidSet& uids) {
    const auto loaded = known_.snapshots.find(id);
    if (loaded == known_.snapshots.end() || afresh_.count(id) != 0) return;
    const size_t pages_max =
        std::max<size_t>(pages_patched_min, loaded->second->tree.exists() / keys::page_slots / 2);
    std::set<uint32_t>& pages = pages_[id];
    for (const Interval& i : uids.raw().intervals()) {
      const uint32_t last = keys::page_of(Uid(i.last));
      for (uint32_t page = keys::page_of(Uid(i.first)); page <= last; ++page) {
        pages.insert(page);
        wanted_.insert(keys::hot_page(id, page));
        if (pages.size() <= pages_max) continue;
        afresh_.insert(id);
        pages_.erase(id);
        const engine::Range all = keys::all('P', id);
        wanted_.erase(wanted_.lower_bound(all.first), wanted_.lower_bound(all.last));
        return;
      }
    }
  }

  // False: a read was not of `version`.
  Result<bool> read_wanted(engine::Version version) {
    bool same = true;
    wanted_.insert(keys::head());
    const std::vector<std::string> all(wanted_.begin(), wanted_.end());
    wanted_.clear();
    for (size_t at = 0; at < all.size(); at += keys_at_once) {
      const auto first = all.begin() + static_cast<ptrdiff_t>(at);
      const std::vector<std::string> some(
          first, first + static_cast<ptrdiff_t>(std::min(keys_at_once, all.size() - at)));
      auto read = TRY(engine_.read(partition_, some));
      same = same && read.version == version;
      for (const std::string& key : some) values_[key].reset();
      for (engine::Row& row : read.rows) values_[row.key] = std::move(row.value);
    }
    return same;
  }

  Result<StatePatch> build(engine::Version version) {
    StatePatch out;
    out.version = version;
    const auto& head = values_.at(keys::head());
    if (!head) return fail(Code::not_found, "the partition holds no account");
    out.head = TRY(decode_head(*head));
    out.annotations = annotations_;
    // Every commit of the store leaves one row. Where they are fewer, the log was cut, or a tool
    // has written past it.
    if (version != known_.version + rows_ || out.head.log_floor > known_.head.last_modseq) {
      return fail(Code::limit, "the log does not tell all");
    }
    TRY(build_folders(out));
    TRY(build_counters(out));
    TRY(build_snapshots(out));
    return out;
  }

  Result<> build_folders(StatePatch& out) {
    const engine::Range range = keys::all('D');
    auto at = values_.lower_bound(range.first);
    const auto end = values_.lower_bound(range.last);
    if (at == end && !subscriptions_) return {};
    std::map<MailboxId, MailboxDef> defs;
    for (MailboxDef& def : known_.folders->all()) defs[def.id] = std::move(def);
    for (; at != end; ++at) {
      const MailboxId id = keys::mailbox_of(at->first);
      if (at->second) {
        defs[id] = TRY(decode_def(id, *at->second));
      } else {
        defs.erase(id);
      }
    }
    std::set<std::string> subscriptions = known_.folders->subscriptions();
    if (subscriptions_) {
      subscriptions.clear();
      const Rows names = TRY(read_all(engine_, partition_, keys::all('S'), out.version));
      for (const auto& row : names.rows) subscriptions.insert(TRY(decode_name(row.value)).name);
    }
    std::vector<MailboxDef> all;
    for (auto& [id, def] : defs) all.push_back(std::move(def));
    out.folders = std::make_shared<const FolderTree>(std::move(all), std::move(subscriptions));
    return {};
  }

  Result<> build_counters(StatePatch& out) {
    const FolderTree& folders = out.folders ? *out.folders : *known_.folders;
    const engine::Range range = keys::all('K');
    for (auto at = values_.lower_bound(range.first); at != values_.lower_bound(range.last); ++at) {
      const MailboxId id = keys::mailbox_of(at->first);
      const bool live = at->second && folders.find(id) != nullptr;
      auto& counters = out.counters[id];
      if (live) counters = TRY(decode_counters(*at->second));
    }
    return {};
  }

  Result<> build_snapshots(StatePatch& out) {
    for (const auto& [id, counters] : out.counters) {
      const auto before = known_.snapshots.find(id);
      if (before == known_.snapshots.end()) continue;
      SnapshotPtr& snapshot = out.snapshots[id];
      if (!counters) continue;
      if (afresh_.count(id) != 0) {
        snapshot = TRY(load_mailbox(engine_, partition_, out.version, id, *counters));
      } else {
        snapshot = TRY(patched(*before->second, *counters, out.version));
      }
    }
    return {};
  }

  Result<SnapshotPtr> patched(const MailboxSnapshot& before, const MailboxCounters& counters,
                              engine::Version version) {
    auto out = std::make_shared<MailboxSnapshot>(before);
    out->version = version;
    out->counters = counters;
    if (const auto& words = values_.at(keys::keywords(before.id))) {
      KeywordTable table = TRY(decode_keywords(*words));
      if (table != *before.keywords) {
        out->keywords = std::make_shared<const KeywordTable>(std::move(table));
      }
    }
    std::vector<PagePtr> pages;
    for (const uint32_t number : pages_[before.id]) {
      const auto& value = values_.at(keys::hot_page(before.id, number));
      HotPage page;
      if (value) page = TRY(decode_hot_page(number, *value));
      page.page = number;
      pages.push_back(freeze(std::move(page)));
    }
    if (!pages.empty()) out->tree = out->tree.with(pages);
    return SnapshotPtr(std::move(out));
  }

  engine::Engine& engine_;
  PartitionId partition_;
  const AccountState& known_;
  ModSeq read_up_to_;
  uint64_t rows_ = 0;  // of the log
  std::set<std::string> wanted_;
  std::map<std::string, std::optional<std::string>> values_;  // nothing: there is no such row
  std::map<MailboxId, std::set<uint32_t>> pages_;
  std::set<MailboxId> afresh_;
  bool subscriptions_ = false;
  bool annotations_ = false;
};

}  // namespace

Result<StatePatch> read_patch(engine::Engine& engine, PartitionId partition,
                              const AccountState& known) {
  return Reader(engine, partition, known).run();
}

std::vector<MailboxId> apply_patch(AccountState& state, StatePatch patch) {
  state.tails.clear();  // others may have written the same pages
  std::vector<MailboxId> changed;
  state.version = patch.version;
  state.head = patch.head;
  if (patch.annotations) state.annotations = patch.head.last_modseq;
  if (patch.annotations || patch.folders) changed.push_back(MailboxId(0));
  if (patch.folders) {
    state.folders = std::move(patch.folders);
  }
  for (const auto& [id, counters] : patch.counters) {
    changed.push_back(id);
    if (counters) {
      state.counters[id] = *counters;
    } else {
      state.counters.erase(id);
    }
  }
  for (auto& [id, snapshot] : patch.snapshots) {
    if (snapshot) {
      state.snapshots[id] = std::move(snapshot);
    } else {
      state.snapshots.erase(id);
    }
  }
  return changed;
}

}  // namespace eilpost::store
