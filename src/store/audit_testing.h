// The laws of a partition's rows, checked from the rows alone: counters are what the pages say,
// every message has its octets, blobs have as many holders as are counted, the log ascends. For
// tests only; one thread.
#pragma once

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "engine/engine.h"
#include "store/keys.h"
#include "store/page.h"
#include "store/records.h"

namespace eilpost::store {

class Audit {
 public:
  Audit(engine::Engine& engine, PartitionId partition) : engine_(engine) {
    load(partition);
    for (const auto& [id, box] : boxes_) check_mailbox(id, box);
    check_head();
    check_blobs(partition);
    check_log();
  }

  const std::vector<std::string>& problems() const { return problems_; }
  std::string text() const {
    std::string out;
    for (const std::string& p : problems_) out += p + "\n";
    return out;
  }
  const std::vector<LogRow>& log() const { return log_; }
  const Head& head() const { return head_; }

 private:
  struct Box {
    std::optional<MailboxDef> def;
    std::optional<MailboxCounters> counters;
    KeywordTable keywords;
    std::map<uint32_t, HotPage> pages;
    std::map<uint32_t, std::map<uint8_t, Cold>> cold;
    std::map<uint32_t, std::vector<Gone>> gone;
    std::set<uint32_t> sealed;
  };

  template <class... A>
  void bad(fmt::format_string<A...> format, A&&... args) {
    problems_.push_back(fmt::format(format, std::forward<A>(args)...));
  }
  template <class T>
  T value_of(Result<T> r, const std::string& key) {
    if (r) return std::move(*r);
    bad("row {}: {}", key.substr(1, 1), r.error().detail);
    return T();
  }

  void load(PartitionId partition) {
    engine::Range range;
    for (bool more = true; more;) {
      const auto read = engine_.read(partition, range);
      if (!read) return bad("read: {}", read.error().detail);
      more = read->more;
      if (more) range.first = read->rows.back().key + '\0';
      for (const engine::Row& row : read->rows) take(row.key, row.value);
    }
  }

  void take(const std::string& key, const std::string& value) {
    const auto box = [&]() -> Box& { return boxes_[keys::mailbox_of(key)]; };
    switch (key[1]) {
      case 'H': head_ = value_of(decode_head(value), key); break;
      case 'D': box().def = value_of(decode_def(keys::mailbox_of(key), value), key); break;
      case 'K': box().counters = value_of(decode_counters(value), key); break;
      case 'W': box().keywords = value_of(decode_keywords(value), key); break;
      case 'P': {
        const uint32_t page = keys::page_in(key);
        box().pages[page] = value_of(decode_hot_page(page, value), key);
        break;
      }
      case 'M': take_cold(box(), key, value); break;
      case 'R': box().gone[keys::page_in(key)] = value_of(decode_gone(value), key); break;
      case 'B': {
        const engine::BlobId blob{load_u64be(key.substr(2)), load_u64be(key.substr(10))};
        holders_[blob] = value_of(decode_holders(value), key);
        break;
      }
      case 'L':
        log_keys_.push_back(keys::modseq_of(key));
        log_.push_back(value_of(decode_log(value), key));
        break;
      case 'S':
      case 'T': (void)value_of(decode_name(value), key); break;
      case 'N': {
        const AnnotationRow row = value_of(decode_annotation(value), key);
        annotations_.entries += 1;
        annotations_.bytes += row.name.size() + row.value.size();
        break;
      }
      case 'Q': annotation_use_ = value_of(decode_annotation_use(value), key); break;
      default: bad("a row of unknown kind {}", key[1]);
    }
  }

  void take_cold(Box& box, const std::string& key, const std::string& value) {
    const uint32_t page = keys::page_in(key);
    auto& cold = box.cold[page];
    if (keys::slot_in(key) != keys::sealed_slot) {
      if (box.sealed.count(page)) bad("page {} is sealed and has single rows", page);
      cold[keys::slot_in(key)] = value_of(decode_message(value), key).cold;
      return;
    }
    if (!cold.empty()) bad("page {} has single rows beside the sealed one", page);
    box.sealed.insert(page);
    const SealedPage sealed = value_of(decode_sealed(value), key);
    ++held_[sealed.digests];
    for (const ColdSlot& s : sealed.slots) cold[s.slot] = s.cold;
  }

  void check_mailbox(MailboxId id, const Box& box) {
    if (!box.def || !box.counters) return bad("mailbox {}: rows without a definition", id.value);
    MailboxCounters sum;
    uint64_t cold_entries = 0;
    for (const auto& [number, page] : box.pages) count_page(id, box, page, sum);
    for (const auto& [number, cold] : box.cold) {
      cold_entries += cold.size();
      for (const auto& [slot, c] : cold) ++held_[c.blob];
    }
    for (const auto& [number, gone] : box.gone) {
      cold_entries -= gone.size();
      check_gone(id, box, number, gone);
    }
    if (cold_entries != sum.exists) {
      bad("mailbox {}: {} cold entries for {} messages", id.value, cold_entries, sum.exists);
    }
    if (box.def->deleted_seconds != 0) return;
    const MailboxCounters& c = *box.counters;
    if (c.exists != sum.exists || c.unseen != sum.unseen || c.deleted != sum.deleted ||
        c.size != sum.size) {
      bad("mailbox {}: counters exists {} unseen {} deleted {} size {}, pages {} {} {} {}",
          id.value, c.exists, c.unseen, c.deleted, c.size, sum.exists, sum.unseen, sum.deleted,
          sum.size);
    }
    if (c.uid_next < sum.uid_next) bad("mailbox {}: uid_next {}", id.value, c.uid_next.value);
    if (c.highest_modseq < sum.highest_modseq) bad("mailbox {}: HIGHESTMODSEQ", id.value);
    if (c.first_recent > c.uid_next) bad("mailbox {}: first recent", id.value);
    if (!validities_.insert(c.uid_validity).second || c.uid_validity == 0) {
      bad("mailbox {}: UIDVALIDITY {} is not its own", id.value, c.uid_validity);
    }
    used_.bytes += sum.size;
    used_.messages += sum.exists;
    highest_ = std::max(highest_, c.highest_modseq);
    for (const auto& [number, cold] : box.cold) {
      const bool full = number < keys::page_of(c.uid_next);
      if (full != (box.sealed.count(number) != 0))
        bad("mailbox {}: page {} seal", id.value, number);
    }
  }

  void count_page(MailboxId id, const Box& box, const HotPage& page, MailboxCounters& sum) {
    const auto cold = box.cold.find(page.page);
    if (page.entries.empty()) bad("mailbox {}: page {} is empty", id.value, page.page);
    for (const HotEntry& e : page.entries) {
      const Uid uid = page.uid(e);
      sum.exists += 1;
      sum.unseen += (e.flags & flag_seen) ? 0 : 1;
      sum.deleted += (e.flags & flag_deleted) ? 1 : 0;
      sum.uid_next = Uid(uid.value + 1);
      sum.highest_modseq = std::max(sum.highest_modseq, e.modseq);
      if (((e.flags & flag_deleted) != 0) != (e.deleted_at != 0))
        bad("deleted_at of {}", uid.value);
      for (const uint16_t k : page.keywords(e)) {
        if (k >= box.keywords.size()) bad("keyword {} of uid {} has no name", k, uid.value);
      }
      if (cold == box.cold.end() || cold->second.count(e.slot) == 0) {
        bad("mailbox {} uid {} has no cold entry", id.value, uid.value);
        continue;
      }
      sum.size += cold->second.at(e.slot).size;
    }
  }

  void check_gone(MailboxId id, const Box& box, uint32_t number, const std::vector<Gone>& gone) {
    const auto hot = box.pages.find(number);
    const auto cold = box.cold.find(number);
    int last = -1;
    for (const Gone& g : gone) {
      if (int{g.slot} <= last) bad("mailbox {}: recoverable slots of page {}", id.value, number);
      last = g.slot;
      if (hot != box.pages.end() && hot->second.find(g.slot)) {
        bad("mailbox {}: slot {} of page {} is there and gone", id.value, g.slot, number);
      }
      if (cold == box.cold.end() || cold->second.count(g.slot) == 0) {
        bad("mailbox {}: slot {} of page {} gone without its cold entry", id.value, g.slot, number);
      }
    }
  }

  void check_head() {
    if (head_.used.bytes != used_.bytes || head_.used.messages != used_.messages) {
      bad("quota use {} octets {} messages, mailboxes hold {} {}", head_.used.bytes,
          head_.used.messages, used_.bytes, used_.messages);
    }
    if (!(annotations_ == annotation_use_)) bad("annotations are miscounted");
    if (highest_ > head_.last_modseq) bad("a mailbox is beyond the account's modseq");
    for (const auto& [id, box] : boxes_) {
      if (id >= head_.next_mailbox) bad("mailbox {} is beyond the head's next", id.value);
    }
    if (!validities_.empty() && *validities_.rbegin() > head_.last_uid_validity) {
      bad("a UIDVALIDITY is beyond the head's last");
    }
  }

  void check_blobs(PartitionId partition) {
    std::set<engine::BlobId> stored;
    const auto scanned = engine_.scan_blobs([&](const engine::BlobRecord& r) {
      if (r.partition == partition) stored.insert(r.id);
      return true;
    });
    if (!scanned) bad("blobs: {}", scanned.error().detail);
    for (const auto& [blob, count] : held_) {
      if (stored.count(blob) == 0) bad("blob {} is named and not there", blob.lo);
      const auto at = holders_.find(blob);
      const uint32_t counted = at == holders_.end() ? 1 : at->second;
      if (counted != count) bad("blob {}: {} holders, counted {}", blob.lo, count, counted);
    }
    for (const auto& [blob, count] : holders_) {
      if (count < 2 || held_.count(blob) == 0) bad("blob {}: a stray row of holders", blob.lo);
    }
  }

  void check_log() {
    if (head_.log_counted && head_.log_rows != log_.size()) {
      bad("the log has {} rows, counted are {}", log_.size(), head_.log_rows);
    }
    ModSeq last = head_.log_floor;
    std::set<std::string> ids;
    for (size_t i = 0; i < log_.size(); ++i) {
      if (!ids.insert(log_[i].commit_id).second) bad("a commit id twice in the log");
      const ModSeq row_floor = last;
      for (const LogChange& c : log_[i].changes) {
        if (c.modseq <= row_floor || c.modseq < last || c.modseq > log_keys_[i]) {
          bad("log row {}: change {} out of order", log_keys_[i].value, c.modseq.value);
        }
        last = c.modseq;
      }
      last = log_keys_[i];
    }
    if (last > head_.last_modseq) bad("the log is beyond the head");
    if (!log_.empty() && last != head_.last_modseq) bad("the last commit has no log row");
  }

  engine::Engine& engine_;
  std::vector<std::string> problems_;
  Head head_;
  std::map<MailboxId, Box> boxes_;
  std::map<engine::BlobId, uint32_t> holders_;
  std::map<engine::BlobId, uint32_t> held_;
  std::vector<ModSeq> log_keys_;
  std::vector<LogRow> log_;
  QuotaUse used_;
  AnnotationUse annotations_;     // counted
  AnnotationUse annotation_use_;  // as its row says
  ModSeq highest_;
  std::set<uint32_t> validities_;
};

}  // namespace eilpost::store
