// What writes an account's index: follows the change log, gathers blocks, makes and merges
// segments. One caller at a time; the mutex is held only to look at or change what searches see.

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/log.h"
#include "search/index/files.h"
#include "search/index/text_index.h"
#include "search/message_text.h"

namespace eilpost::search {

namespace {

const log::Source source{"index", ""};

// Of the change log at once.
constexpr size_t log_rows = 500;
// The manifest is written for the cursor's sake alone when so much has been read.
constexpr uint64_t cursor_steps = 2000;
// Segments that are merged into one.
constexpr size_t merge_count = 8;
constexpr int level_max = 8;
// Grams across pieces of a text: two characters of four octets.
constexpr size_t gram_overlap = 8;
// A message whose name was drawn when it was saved is no copy of an indexed one.
constexpr int64_t original_seconds = 2;

bool is_original(const store::Cold& cold) {
  const auto made = static_cast<int64_t>((cold.email_id.hi >> 16) / 1000);
  return std::llabs(made - cold.saved_seconds) <= original_seconds;
}

// Segments of a like size have the same level.
int level_of(const SegmentInfo& info) {
  int level = 0;
  for (uint64_t messages = info.messages / 64; messages >= merge_count; messages /= merge_count) {
    ++level;
  }
  return level;
}

bool is_of_message(const Error& error) {
  return error.code == Code::corrupt || error.code == Code::not_found;
}

}  // namespace

Result<> TextIndex::begin(store::Account& account) {
  TRY(open(account));
  std::vector<SegmentPtr> useless;
  {
    std::lock_guard lock(mutex_);
    for (const SegmentPtr& segment : segments_) {
      const SegmentInfo& info = segment->info;
      if (segment->damaged || info.live * 2 < info.messages) useless.push_back(segment);
    }
  }
  for (const SegmentPtr& segment : useless) forget_segment(segment);
  if (!useless.empty()) TRY(save());
  std::error_code ignored;
  for (const SegmentPtr& segment : useless) std::filesystem::remove(segment->path, ignored);
  return {};
}

uint64_t TextIndex::waiting_unlocked() const {
  uint64_t count = 0;
  for (const auto& [mailbox, uids] : pending_) count += uids.count();
  return count;
}

void TextIndex::tell_waiting() {
  const uint64_t waiting = waiting_unlocked();
  uint64_t bytes = 0;
  for (const SegmentPtr& segment : segments_) bytes += segment->info.bytes;
  metrics_.waiting.add(static_cast<double>(waiting) - static_cast<double>(told_waiting_));
  metrics_.bytes.add(static_cast<double>(bytes) - static_cast<double>(told_bytes_));
  told_waiting_ = waiting;
  told_bytes_ = bytes;
}

void TextIndex::add(MailboxId mailbox, const UidSet& uids) {
  const auto at = placements_.find(mailbox);
  UidSet fresh;
  uids.for_each([&](Uid uid) {
    if (at == placements_.end() || !at->second->contains(uid.value)) fresh.add(uid);
  });
  if (fresh.empty()) return;
  pending_[mailbox].add(fresh);
  changed_ = true;
}

void TextIndex::remove(MailboxId mailbox, const IntervalSet& uids) {
  const auto waits = pending_.find(mailbox);
  if (waits != pending_.end()) {
    for (const Interval& i : uids.intervals()) waits->second.raw().remove(i.first, i.last);
    if (waits->second.empty()) pending_.erase(waits);
  }
  const auto at = placements_.find(mailbox);
  if (at == placements_.end()) return;
  if (at->second.use_count() > 1) at->second = std::make_shared<Placement>(*at->second);
  const auto gone = [&](BlockId block, uint32_t count) {
    for (const SegmentPtr& segment : segments_) {
      SegmentInfo& info = segment->info;
      if (block < info.base || block >= info.base + info.blocks) continue;
      info.live -= std::min<uint64_t>(info.live, count);
    }
  };
  for (const Interval& i : uids.intervals()) at->second->remove(i.first, i.last, gone);
  if (at->second->empty()) placements_.erase(at);
  changed_ = true;
}

void TextIndex::apply(const store::LogChange& change, store::Account& account) {
  switch (change.kind) {
    case store::ChangeKind::added: return add(change.mailbox, change.uids);
    case store::ChangeKind::expunged: return remove(change.mailbox, change.uids.raw());
    case store::ChangeKind::mailbox: {
      const store::FoldersPtr folders = account.folders();
      if (folders && folders->find(change.mailbox) != nullptr) return;
      IntervalSet all;
      all.add(1, UINT32_MAX);
      return remove(change.mailbox, all);
    }
    case store::ChangeKind::flags:
    case store::ChangeKind::annotations: return;
  }
}

Result<bool> TextIndex::follow(store::Account& account) {
  const auto head = account.head();
  if (!head) return fail(Code::unavailable, "the account is not loaded");
  ModSeq from;
  {
    std::lock_guard lock(mutex_);
    from = cursor_;
  }
  if (from >= head->last_modseq) return false;
  const auto rows = TRY(account.read_log(from, log_rows));
  std::lock_guard lock(mutex_);
  ModSeq reached = from;
  for (const store::LogRow& row : rows) {
    for (const store::LogChange& change : row.changes) {
      apply(change, account);
      reached = std::max(reached, change.modseq);
    }
  }
  // What the log no longer holds is found by unequal(): missing uids are only not indexed.
  const bool more = rows.size() == log_rows && reached > from;
  cursor_ = more ? reached : std::max(reached, head->last_modseq);
  changed_ = true;
  tell_waiting();
  return more;
}

std::vector<MailboxId> TextIndex::unequal(store::Account& account) {
  std::vector<MailboxId> out;
  const auto head = account.head();
  const store::FoldersPtr folders = account.folders();
  std::lock_guard lock(mutex_);
  // While something changes, counts differ for a moment.
  if (!head || !folders || cursor_ < head->last_modseq) return out;
  for (const auto& entry : folders->entries()) {
    const MailboxId id = entry.def->id;
    const auto counters = account.counters(id);
    if (!counters) continue;
    uint64_t known = 0;
    if (const auto at = placements_.find(id); at != placements_.end()) known = at->second->count();
    if (const auto at = pending_.find(id); at != pending_.end()) known += at->second.count();
    if (known != counters->exists) out.push_back(id);
  }
  return out;
}

void TextIndex::compare(MailboxId mailbox, const store::MessageTree& tree) {
  IntervalSet present;
  tree.for_pages(Uid(1), [&](Seq, const store::PagePtr& page) {
    for (const store::HotEntry& entry : page->entries) present.add(page->uid(entry).value);
    return true;
  });
  std::lock_guard lock(mutex_);
  IntervalSet known;
  if (const auto at = placements_.find(mailbox); at != placements_.end())
    known = at->second->uids();
  if (const auto at = pending_.find(mailbox); at != pending_.end()) known.add(at->second.raw());
  remove(mailbox, known.subtract(present));
  add(mailbox, UidSet(present.subtract(known)));
  tell_waiting();
}

bool TextIndex::enough_waits() {
  std::lock_guard lock(mutex_);
  uint64_t indexed = 0;
  for (const SegmentPtr& segment : segments_) indexed += segment->info.live;
  const uint64_t wanted =
      std::clamp(indexed / 8, options_.wait_messages_min, options_.wait_messages_max);
  return waiting_unlocked() >= wanted;
}

bool TextIndex::is_full(const Block& block) const {
  return block.members.size() >= options_.block_messages ||
         block.text_bytes >= options_.block_text_max;
}

Result<> TextIndex::gather_message(store::Account& account, Block& block,
                                   const store::PageData::Message& message, Placed place) {
  const std::string term = term_of_blob(message.cold.blob);
  if (!is_original(message.cold)) {
    auto known = TRY(block_of_blob(term));
    const auto at = draft_.blobs.find(term);
    if (at != draft_.blobs.end()) known = at->second;
    if (known) {
      place.block = *known;
      draft_.placed.push_back(place);
      return {};
    }
  }
  uint64_t octets = 0;
  Matcher matcher;
  const auto hear = [&](std::string_view folded, Where) {
    octets += folded.size();
    if (octets <= options_.message_text_max) block.grams.add(folded);
    return octets <= options_.message_text_max;
  };
  matcher.listen(hear, gram_overlap);
  matcher.reset();
  MessageText text(account, {.bodies = true});
  text.begin(message.cold, message.digest[static_cast<size_t>(store::Column::parts)]);
  const auto scanned = text.scan(matcher);
  if (!scanned && !is_of_message(scanned.error())) return scanned;
  if (!scanned || octets > options_.message_text_max) {
    draft_.placed.push_back(place);
    return {};
  }
  block.text_bytes += octets;
  block.members.emplace_back(place.mailbox, place.uid);
  // Two of one blob in one block, where a message was copied before it was indexed.
  auto& terms = block.blob_terms;
  if (std::find(terms.begin(), terms.end(), term) == terms.end()) terms.push_back(term);
  return {};
}

Result<> TextIndex::gather_page(store::Account& account, Block& block, MailboxId mailbox,
                                const std::vector<Uid>& uids) {
  const uint32_t page = store::keys::page_of(uids.front());
  const auto data = TRY(account.read_page(mailbox, page, store::read_parts));
  for (const Uid uid : uids) {
    {
      std::lock_guard lock(mutex_);
      pending_[mailbox].remove(uid);
      if (pending_[mailbox].empty()) pending_.erase(mailbox);
    }
    draft_.taken.emplace_back(mailbox, uid);
    const Placed place{mailbox, uid, always_block};
    const store::PageData::Message* message = data->find(store::keys::slot_of(uid));
    if (message == nullptr) {
      draft_.placed.push_back(place);
      continue;
    }
    TRY(gather_message(account, block, *message, place));
    if (is_full(block)) break;
  }
  return {};
}

// Blocks take messages in the order of mailboxes and uids, page by page.
Result<> TextIndex::gather(store::Account& account, Block& block) {
  for (size_t pages = 0; !is_full(block) && pages < options_.block_messages; ++pages) {
    MailboxId mailbox;
    std::vector<Uid> uids;
    {
      std::lock_guard lock(mutex_);
      if (pending_.empty()) return {};
      mailbox = pending_.begin()->first;
      const UidSet& waiting = pending_.begin()->second;
      const uint32_t page = store::keys::page_of(waiting.min());
      const uint32_t last = store::keys::uid_at(page, store::keys::page_slots - 1).value;
      for (const Interval& i : waiting.raw().intervals()) {
        if (i.first > last) break;
        for (uint64_t u = i.first; u <= std::min(i.last, last); ++u) {
          uids.push_back(Uid(static_cast<uint32_t>(u)));
        }
      }
    }
    TRY(gather_page(account, block, mailbox, uids));
  }
  return {};
}

Result<> TextIndex::write(Block& block) {
  if (block.members.empty()) return {};
  if (!draft_.writer) {
    std::error_code error;
    std::filesystem::create_directories(directory_, error);
    if (error) return fail(Code::io, directory_ + ": " + error.message());
    draft_.writer = TRY(SegmentWriter::create(directory_ + "/making"));
  }
  std::vector<std::string> terms = block.blob_terms;
  block.grams.append_terms(terms);
  const uint32_t document = TRY(draft_.writer->add(terms));
  const BlockId id = next_block_ + document - 1;
  for (const auto& [mailbox, uid] : block.members) draft_.placed.push_back({mailbox, uid, id});
  for (const std::string& term : block.blob_terms) draft_.blobs[term] = id;
  draft_.text_bytes += block.text_bytes;
  draft_.messages += block.members.size();
  return {};
}

Result<bool> TextIndex::index_some(store::Account& account, bool all) {
  const bool begun = !draft_.taken.empty();
  if (!begun && !all && !enough_waits()) return false;
  const auto enough = [this] {
    std::lock_guard lock(mutex_);
    return waiting_unlocked() >= options_.wait_messages_min;
  };
  if (!enough()) return false;
  Block block;
  TRY(gather(account, block));
  TRY(write(block));
  if (draft_.writer && draft_.writer->documents() >= options_.segment_blocks_max) TRY(publish());
  return enough();
}

Result<TextIndex::SegmentPtr> TextIndex::adopt(const std::string& made, SegmentInfo info) {
  const FileSum sum = TRY(sum_file(made));
  info.bytes = sum.bytes;
  info.checksum = sum.checksum;
  auto segment = std::make_shared<OpenSegment>();  // shared with searches
  segment->info = info;
  segment->path = path_of(info.number);
  segment->file = TRY(Segment::open(made));
  if (TRY(segment->file->documents()) != info.blocks) {
    return fail(Code::io, made + " does not have the blocks that it was made of");
  }
  std::error_code error;
  std::filesystem::rename(made, segment->path, error);
  if (error) return fail(Code::io, segment->path + ": " + error.message());
  return segment;
}

Result<> TextIndex::publish() {
  if (draft_.taken.empty()) return {};
  SegmentPtr fresh;
  if (draft_.writer) {
    SegmentInfo info;
    info.number = next_number_;
    info.base = next_block_;
    info.blocks = draft_.writer->documents();
    info.text_bytes = draft_.text_bytes;
    const std::string made = path_of(info.number) + ".new";
    TRY(draft_.writer->finish(made));
    fresh = TRY(adopt(made, info));
  }
  {
    std::lock_guard lock(mutex_);
    if (fresh) {
      segments_.push_back(fresh);
      next_number_ += 1;
      next_block_ += fresh->info.blocks;
    }
    for (const Placed& placed : draft_.placed) {
      std::shared_ptr<Placement>& placement = placements_[placed.mailbox];
      if (!placement) placement = std::make_shared<Placement>();  // shared with searches
      if (placement.use_count() > 1) placement = std::make_shared<Placement>(*placement);
      placement->place(placed.uid.value, placed.block);
      for (const SegmentPtr& segment : segments_) {
        SegmentInfo& info = segment->info;
        if (placed.block < info.base || placed.block >= info.base + info.blocks) continue;
        info.live += 1;
        info.messages += 1;
      }
    }
    changed_ = true;
    tell_waiting();
  }
  metrics_.messages.add(static_cast<double>(draft_.messages));
  metrics_.text_bytes.add(static_cast<double>(draft_.text_bytes));
  draft_ = Draft();
  return save();
}

void TextIndex::give_up() {
  std::lock_guard lock(mutex_);
  for (const auto& [mailbox, uid] : draft_.taken) pending_[mailbox].add(uid);
  draft_ = Draft();
}

void TextIndex::forget_segment(const SegmentPtr& segment) {
  std::lock_guard lock(mutex_);
  const SegmentInfo& info = segment->info;
  for (auto& [mailbox, placement] : placements_) {
    if (placement.use_count() > 1) placement = std::make_shared<Placement>(*placement);
    const IntervalSet freed = placement->take_blocks(info.base, info.base + info.blocks);
    if (!freed.empty()) pending_[mailbox].add(UidSet(freed));
  }
  segments_.erase(std::remove(segments_.begin(), segments_.end(), segment), segments_.end());
  changed_ = true;
  tell_waiting();
}

// The newest segments when eight of them are of one level, what is smaller counted as one.
std::vector<TextIndex::SegmentPtr> TextIndex::to_merge() {
  std::lock_guard lock(mutex_);
  for (int level = 0; level <= level_max; ++level) {
    std::vector<SegmentPtr> run;
    uint64_t messages = 0;
    size_t alike = 0;
    for (auto at = segments_.rbegin(); at != segments_.rend(); ++at) {
      const SegmentInfo& info = (*at)->info;
      const bool follows = run.empty() || info.base + info.blocks == run.back()->info.base;
      messages += info.messages;
      const bool fits = messages <= options_.merged_messages_max && level_of(info) <= level;
      if (!follows || !fits) break;
      alike += level_of(info) == level;
      run.push_back(*at);
    }
    if (alike + (alike < run.size() ? 1 : 0) < merge_count || run.size() < merge_count) continue;
    std::reverse(run.begin(), run.end());
    return run;
  }
  return {};
}

Result<> TextIndex::merge(const std::vector<SegmentPtr>& parts) {
  SegmentInfo info;
  info.base = parts.front()->info.base;
  std::vector<std::string> paths;
  for (const SegmentPtr& part : parts) {
    std::lock_guard lock(part->mutex);
    TRY(ensure_open(*part));
    paths.push_back(part->path);
    info.blocks += part->info.blocks;
    info.text_bytes += part->info.text_bytes;
  }
  {
    std::lock_guard lock(mutex_);
    info.number = next_number_++;
    for (const SegmentPtr& part : parts) {
      info.messages += part->info.messages;
      info.live += part->info.live;
    }
  }
  const std::string made = path_of(info.number) + ".new";
  std::error_code ignored;
  std::filesystem::remove(made, ignored);
  TRY(merge_segments(paths, made));
  SegmentPtr merged = TRY(adopt(made, info));
  {
    std::lock_guard lock(mutex_);
    const auto at = std::find(segments_.begin(), segments_.end(), parts.front());
    const auto end = at + static_cast<std::ptrdiff_t>(parts.size());
    *at = std::move(merged);
    segments_.erase(at + 1, end);
    changed_ = true;
    tell_waiting();
  }
  TRY(save());
  for (const std::string& path : paths) std::filesystem::remove(path, ignored);
  return {};
}

Result<bool> TextIndex::tidy() {
  bool far = false;
  {
    std::lock_guard lock(mutex_);
    far = changed_ && cursor_.value - saved_cursor_.value >= cursor_steps;
  }
  const std::vector<SegmentPtr> parts = to_merge();
  if (!parts.empty()) {
    TRY(merge(parts));
    return true;
  }
  if (far) TRY(save());
  return false;
}

Result<> TextIndex::drop() {
  give_up();
  std::lock_guard opening(open_mutex_);
  std::lock_guard lock(mutex_);
  opened_ = false;
  changed_ = false;
  segments_.clear();
  placements_.clear();
  pending_.clear();
  tell_waiting();
  attachments_.close();
  std::error_code error;
  std::filesystem::remove_all(directory_, error);
  if (error) return fail(Code::io, directory_ + ": " + error.message());
  return {};
}

}  // namespace eilpost::search
