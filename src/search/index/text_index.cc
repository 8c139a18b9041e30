// Opening an account's index and asking it; what writes it is in text_index_update.cc.

#include "search/index/text_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "mime/charset.h"
#include "search/index/files.h"

namespace eilpost::search {

namespace {

const log::Source source{"index", ""};

// Rises whenever what a gram is, or what text of a message a search sees, changes.
constexpr int rules_version = 2;

// Messages by which an index is known to be of this account.
constexpr int samples_max = 4;

std::string manifest_path(const std::string& directory) {
  return directory + "/manifest";
}
std::string attachments_path(const std::string& directory) {
  return directory + "/attachments";
}

Result<IndexOrigin> origin_of(const store::Account& account) {
  const auto head = account.head();
  const store::FoldersPtr folders = account.folders();
  const auto counters = account.counters(store::inbox_id);
  if (!head || !folders || !counters) return fail(Code::unavailable, "the account is not loaded");
  IndexOrigin out;
  out.epoch = head->epoch;
  out.inbox_uid_validity = counters->uid_validity;
  const store::MailboxDef* inbox = folders->find(store::inbox_id);
  if (inbox != nullptr) out.inbox_created_seconds = inbox->created_seconds;
  out.rules = fmt::format("{} {}", rules_version, mime::charset_tables());
  return out;
}

// Of what the words of attachments were made, and by whom.
std::string words_origin(const IndexOrigin& origin, const Helpers& helpers) {
  return fmt::format("{} {} {} {}", origin.epoch, origin.inbox_uid_validity,
                     origin.inbox_created_seconds, helpers.rules());
}

}  // namespace

IndexMetrics::IndexMetrics(Metrics& metrics)
    : messages(metrics.counter("eilpost_index_messages_total", "messages that were indexed")),
      text_bytes(metrics.counter("eilpost_index_text_bytes_total", "octets of text in them")),
      rebuilt(metrics.counter("eilpost_index_rebuilt_total",
                              "indexes, or parts of one, that were lost and are made again")),
      failures(metrics.counter("eilpost_index_failures_total",
                               "attempts to write an index that the disk refused")),
      narrowed(
          metrics.counter("eilpost_index_searches_total", "search keys that an index narrowed")),
      waiting(metrics.gauge("eilpost_index_waiting_messages",
                            "messages of open indexes that are not indexed")),
      bytes(metrics.gauge("eilpost_index_bytes", "octets of the open indexes' segments")) {}

TextIndex::TextIndex(const IndexOptions& options, const Helpers& helpers, IndexMetrics& metrics,
                     PartitionId partition)
    : options_(options),
      helpers_(helpers),
      metrics_(metrics),
      directory_(fmt::format("{}/{}", options.directory, partition.value)),
      attachments_(attachments_path(directory_)) {}

TextIndex::~TextIndex() {
  give_up();
  if (opened_ && changed_) {
    const auto saved = save();
    // The next one reads more of the log.
    if (!saved) source.debug("directory={}: {}", directory_, saved.error().detail);
  }
  metrics_.waiting.add(-static_cast<double>(told_waiting_));
  metrics_.bytes.add(-static_cast<double>(told_bytes_));
}

std::string TextIndex::path_of(uint64_t number) const {
  return fmt::format("{}/{}.segment", directory_, number);
}

Result<> TextIndex::open(store::Account& account) {
  std::lock_guard opening(open_mutex_);
  const IndexOrigin origin = TRY(origin_of(account));
  const auto head = account.head();
  {
    std::lock_guard lock(mutex_);
    if (opened_ && origin_ == origin) return {};
    opened_ = false;
  }
  auto manifest = load(origin);
  if (manifest) {
    std::lock_guard lock(mutex_);
    origin_ = manifest->origin;
    cursor_ = manifest->cursor;
    next_number_ = manifest->next_number;
    next_block_ = manifest->next_block;
    segments_.clear();
    for (const SegmentInfo& info : manifest->segments) {
      auto segment = std::make_shared<OpenSegment>();  // shared with searches
      segment->info = info;
      segment->path = path_of(info.number);
      segments_.push_back(std::move(segment));
    }
    placements_.clear();
    for (auto& [mailbox, placement] : manifest->placements) {
      placements_[mailbox] = std::make_shared<Placement>(std::move(placement));
    }
    pending_ = std::move(manifest->pending);
    changed_ = false;
  } else if (manifest.error().code == Code::not_found || manifest.error().code == Code::corrupt) {
    if (manifest.error().code == Code::corrupt) {
      source.warn("directory={} is made again: {}", directory_, manifest.error().detail);
      metrics_.rebuilt.add();
    }
    start_anew(origin, head->last_modseq);
  } else {
    return tl::unexpected(manifest.error());
  }
  if (manifest && !TRY(is_of(account))) {
    source.warn("directory={} is of another account's mail and is made again", directory_);
    metrics_.rebuilt.add();
    start_anew(origin, head->last_modseq);
  }
  remove_strangers();
  if (!helpers_.empty()) TRY(attachments_.open(words_origin(origin, helpers_)));
  std::lock_guard lock(mutex_);
  opened_ = true;
  tell_waiting();
  return {};
}

Result<Manifest> TextIndex::load(const IndexOrigin& origin) {
  Manifest manifest = TRY(decode_manifest(TRY(read_file(manifest_path(directory_)))));
  if (manifest.origin != origin) {
    return fail(Code::corrupt, "it was made by other rules or of an earlier state of the account");
  }
  return manifest;
}

// The uids that the manifest places are those of the messages that were indexed: some are compared
// by their blobs, which are never used for another message.
Result<bool> TextIndex::is_of(store::Account& account) {
  int samples = 0;
  for (const auto& [mailbox, placement] : placements_) {
    if (samples == samples_max) break;
    if (placement->empty()) continue;
    const Placement::Run run = placement->runs().back();
    if (run.block == always_block) continue;
    const Uid uid(run.last);
    const uint32_t page = store::keys::page_of(uid);
    const auto data = TRY(account.read_page(mailbox, page, 0));
    const store::PageData::Message* message = data->find(store::keys::slot_of(uid));
    if (message == nullptr) continue;
    const auto block = block_of_blob(term_of_blob(message->cold.blob));
    // A segment that cannot be asked says nothing, and will not narrow a search either.
    if (!block) continue;
    if (*block != run.block) return false;
    ++samples;
  }
  return true;
}

void TextIndex::start_anew(const IndexOrigin& origin, ModSeq cursor) {
  std::lock_guard lock(mutex_);
  origin_ = origin;
  cursor_ = cursor;
  next_number_ = 1;
  next_block_ = 1;
  segments_.clear();
  placements_.clear();
  pending_.clear();
  changed_ = true;
}

Result<> TextIndex::save() {
  Manifest manifest;
  {
    std::lock_guard lock(mutex_);
    manifest.origin = origin_;
    manifest.cursor = cursor_;
    manifest.next_number = next_number_;
    manifest.next_block = next_block_;
    for (const SegmentPtr& segment : segments_) manifest.segments.push_back(segment->info);
    for (const auto& [mailbox, placement] : placements_) {
      if (!placement->empty()) manifest.placements[mailbox] = *placement;
    }
    manifest.pending = pending_;
    saved_cursor_ = cursor_;
    changed_ = false;
  }
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  if (error) return fail(Code::io, directory_ + ": " + error.message());
  const auto saved = replace_file(manifest_path(directory_), encode(manifest));
  if (!saved) {
    std::lock_guard lock(mutex_);
    changed_ = true;
  }
  return saved;
}

// What a crash left behind, and what a manifest that is gone has named.
void TextIndex::remove_strangers() {
  std::vector<std::string> known{manifest_path(directory_)};
  if (!helpers_.empty()) known.push_back(attachments_path(directory_));
  {
    std::lock_guard lock(mutex_);
    for (const SegmentPtr& segment : segments_) known.push_back(segment->path);
  }
  std::error_code error;
  std::vector<std::filesystem::path> strangers;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    const bool is_known = std::find(known.begin(), known.end(), entry.path()) != known.end();
    if (!is_known) strangers.push_back(entry.path());
  }
  for (const auto& path : strangers) std::filesystem::remove_all(path, error);
}

Result<> TextIndex::ensure_open(OpenSegment& segment) {
  if (segment.file) return {};
  if (segment.damaged) return fail(Code::corrupt, segment.path + " is damaged");
  const auto opened = [&]() -> Result<> {
    const FileSum sum = TRY(sum_file(segment.path));
    if (sum != FileSum{segment.info.bytes, segment.info.checksum}) {
      return fail(Code::corrupt, segment.path + ": the checksum is wrong");
    }
    auto file = TRY(Segment::open(segment.path));
    if (TRY(file->documents()) != segment.info.blocks) {
      return fail(Code::corrupt, segment.path + ": blocks are missing");
    }
    segment.file = std::move(file);
    return {};
  }();
  if (opened) return {};
  const Code code = opened.error().code;
  // What a full table of files or a disk that hangs says is true only for the moment.
  if (code == Code::corrupt || code == Code::not_found) {
    source.warn("a part of an index is made again: {}", opened.error().detail);
    metrics_.rebuilt.add();
    segment.damaged = true;
  }
  return opened;
}

Result<std::vector<uint32_t>> TextIndex::ask(OpenSegment& segment,
                                             const std::vector<std::string>& terms) {
  {
    std::lock_guard lock(segment.mutex);
    TRY(ensure_open(segment));
  }
  auto found = segment.file->matching(terms);
  if (!found && found.error().code == Code::corrupt) segment.damaged = true;
  return found;
}

Result<std::optional<BlockId>> TextIndex::block_of_blob(const std::string& term) {
  std::vector<SegmentPtr> segments;
  {
    std::lock_guard lock(mutex_);
    segments = segments_;
  }
  for (const SegmentPtr& segment : segments) {
    if (segment->damaged) continue;
    const auto found = TRY(ask(*segment, {term}));
    if (!found.empty()) return segment->info.base + found.front() - 1;
  }
  return std::nullopt;
}

std::string TextIndex::term_of_blob(engine::BlobId blob) {
  std::string out = "\xff";  // no gram begins so
  put_u64be(out, blob.hi);
  put_u64be(out, blob.lo);
  return out;
}

std::optional<UidSet> TextIndex::candidates(store::Account& account, MailboxId mailbox,
                                            const Program& key) {
  const std::vector<std::string> terms = terms_of_needle(key.text);
  if (terms.empty() || !open(account)) return std::nullopt;
  std::vector<SegmentPtr> segments;
  PlacementPtr placement;
  BlockId end = 0;
  {
    std::lock_guard lock(mutex_);
    const auto at = placements_.find(mailbox);
    if (at == placements_.end() || at->second->empty()) return std::nullopt;
    placement = at->second;
    segments = segments_;
    end = next_block_;
  }
  // What no segment answers for may match.
  std::vector<bool> may(end, true);
  for (const SegmentPtr& segment : segments) {
    const auto found = ask(*segment, terms);
    if (!found) continue;
    const auto first = may.begin() + segment->info.base;
    std::fill(first, first + segment->info.blocks, false);
    for (const uint32_t document : *found) *(first + document - 1) = true;
  }
  const IntervalSet denied =
      placement->denied([&](BlockId block) { return block >= end || may[block]; });
  if (denied.empty()) return std::nullopt;
  IntervalSet all;
  all.add(1, UINT32_MAX);
  metrics_.narrowed.add();
  return UidSet(all.subtract(denied));
}

std::string TextIndex::attachment_words(store::Account& account, engine::BlobId blob) {
  if (helpers_.empty() || !open(account)) return {};
  auto words = attachments_.words(blob);
  if (words) return std::move(*words);
  source.warn("directory={}: {}", directory_, words.error().detail);
  return {};
}

std::map<MailboxId, IntervalSet> TextIndex::known() {
  std::lock_guard lock(mutex_);
  std::map<MailboxId, IntervalSet> out;
  for (const auto& [mailbox, placement] : placements_) out[mailbox] = placement->uids();
  for (const auto& [mailbox, uids] : pending_) out[mailbox].add(uids.raw());
  return out;
}

IndexStatus TextIndex::status() {
  std::lock_guard lock(mutex_);
  IndexStatus out;
  out.attachments = attachments_.messages();
  for (const auto& [mailbox, placement] : placements_) {
    for (const Placement::Run& run : placement->runs()) {
      const uint64_t count = uint64_t{run.last} - run.first + 1;
      (run.block == always_block ? out.always : out.indexed) += count;
    }
  }
  for (const SegmentPtr& segment : segments_) {
    out.blocks += segment->info.blocks;
    out.bytes += segment->info.bytes;
    out.text_bytes += segment->info.text_bytes;
  }
  out.segments = segments_.size();
  out.waiting = waiting_unlocked();
  out.cursor = cursor_;
  return out;
}

}  // namespace eilpost::search
