#include "search/index/text_indexes.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "store/store.h"

namespace eilpost::search {

namespace {

// Open at once: each takes some descriptors.
constexpr size_t open_max = 256;

bool is_text(const Program& key) {
  const bool text = key.op == Op::header || key.op == Op::body || key.op == Op::text;
  return text && !key.fuzzy && !key.text.empty();
}

}  // namespace

TextIndexes::TextIndexes(IndexOptions options, Metrics& metrics)
    : options_(std::move(options)),
      metrics_(metrics),
      helpers_(options_.helpers, options_.confinement, metrics) {}

TextIndexPtr TextIndexes::find(PartitionId partition) {
  std::lock_guard lock(mutex_);
  auto at = entries_.find(partition);
  if (at == entries_.end()) {
    order_.push_front(partition);
    auto index = std::make_shared<TextIndex>(options_, helpers_, metrics_, partition);
    at = entries_.emplace(partition, Entry{std::move(index), order_.begin()}).first;
  }
  order_.splice(order_.begin(), order_, at->second.place);
  return at->second.index;
}

void TextIndexes::want(PartitionId partition) {
  std::lock_guard lock(mutex_);
  wanted_.insert(partition);
}

std::set<PartitionId> TextIndexes::take_wanted() {
  std::lock_guard lock(mutex_);
  return std::exchange(wanted_, {});
}

std::vector<PartitionId> TextIndexes::on_disk() const {
  std::vector<PartitionId> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options_.directory, error)) {
    const std::string name = entry.path().filename();
    uint64_t number = 0;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), number);
    if (read.ec == std::errc() && read.ptr == name.data() + name.size()) {
      out.push_back(PartitionId(number));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

void TextIndexes::close_beyond(size_t count) {
  std::vector<TextIndexPtr> closed;  // without the mutex: they write what they know
  {
    std::lock_guard lock(mutex_);
    for (auto at = order_.end(); entries_.size() > count && at != order_.begin();) {
      --at;
      const auto entry = entries_.find(*at);
      if (entry->second.index.use_count() > 1) continue;
      closed.push_back(std::move(entry->second.index));
      entries_.erase(entry);
      at = order_.erase(at);
    }
  }
}

void TextIndexes::shed() {
  close_beyond(open_max);
}

void TextIndexes::close() {
  close_beyond(0);
}

namespace {

Result<> bring_up(TextIndex& index, const store::AccountPtr& account, const BringUp& options) {
  if (options.anew) TRY(index.drop());
  TRY(index.begin(*account));
  while (TRY(index.follow(*account))) {
  }
  for (const MailboxId mailbox : index.unequal(*account)) {
    const auto snapshot = store::open_wait(*account, mailbox);
    if (!snapshot && snapshot.error().code == Code::not_found) continue;
    index.compare(mailbox, TRY(snapshot)->tree);
  }
  while (TRY(index.index_some(*account, options.all))) {
    if (options.stop && options.stop(index.status())) return fail(Code::cancelled, "stopped");
  }
  TRY(index.publish());
  while (TRY(index.tidy())) {
  }
  return {};
}

}  // namespace

Result<> bring_up_to_date(TextIndex& index, const store::AccountPtr& account, BringUp options) {
  TRY(store::refresh_wait(*account));
  if (!index.take()) return fail(Code::in_use, "the index is being worked on");
  auto done = bring_up(index, account, options);
  if (!done) index.give_up();
  index.release();
  return done;
}

bool has_text(const Program& program) {
  return is_text(program) ||
         std::any_of(program.children.begin(), program.children.end(), has_text);
}

Program narrow(const Program& program, TextIndex& index, store::Account& account,
               MailboxId mailbox) {
  Program out = program;
  for (Program& child : out.children) child = narrow(child, index, account, mailbox);
  if (!is_text(program)) return out;
  auto uids = index.candidates(account, mailbox, program);
  if (!uids) return out;
  std::vector<Program> both;
  both.push_back(in_uids(std::move(*uids)));
  both.push_back(std::move(out));
  return all_of(std::move(both));
}

}  // namespace eilpost::search
