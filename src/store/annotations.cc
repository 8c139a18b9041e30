#include "store/annotations.h"

#include <algorithm>

#include "base/limits.h"
#include "store/keys.h"

namespace eilpost::store {

namespace {

std::string folded(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

uint64_t owner_of(std::string_view folded_name) {
  return folded_name.substr(0, 8) == "/shared/" ? annotation_shared : annotation_owner;
}

uint64_t bytes_of(const AnnotationRow& row) {
  return row.name.size() + row.value.size();
}

Result<AnnotationUse> annotation_use(Tx& tx) {
  const auto row = TRY(tx.get(keys::annotation_use()));
  return row ? decode_annotation_use(*row) : AnnotationUse();
}

void put_use(Tx& tx, const AnnotationUse& use) {
  if (use.entries == 0) {
    tx.del(keys::annotation_use());
  } else {
    tx.put(keys::annotation_use(), encode(use));
  }
}

Result<> check_change(const SetAnnotations::Change& change) {
  if (change.name.size() > limits::annotation_name_bytes_max) {
    return fail(Code::limit, "an annotation's name is too long");
  }
  if (change.value && change.value->size() > limits::annotation_bytes_max) {
    return fail(Code::too_big, "an annotation is too long");
  }
  return {};
}

// What one request finds and leaves.
struct Changing {
  MailboxId mailbox;
  AnnotationUse use;            // of the account
  std::optional<size_t> count;  // of the mailbox; counted for the first that is added, then kept
};

// Room for one annotation more in its mailbox.
Result<> check_count(Tx& tx, Changing& changing) {
  if (!changing.count) changing.count = TRY(tx.scan(keys::all('N', changing.mailbox))).size();
  if (*changing.count < limits::annotations_per_mailbox_max) return {};
  return fail(Code::limit, "the mailbox has as many annotations as it may have");
}

// Whether it changed anything.
Result<bool> apply_change(Tx& tx, const SetAnnotations::Change& change, Changing& changing) {
  AnnotationUse& use = changing.use;
  TRY(check_change(change));
  const std::string name = folded(change.name);
  const std::string key = keys::annotation(changing.mailbox, owner_of(name), name);
  std::optional<AnnotationRow> before;
  if (const auto row = TRY(tx.get(key))) before = TRY(decode_annotation(*row));
  if (before && change.value && before->value == *change.value) return false;
  if (!before && !change.value) return false;
  if (!before) TRY(check_count(tx, changing));
  if (before) {
    use.entries -= std::min<uint64_t>(use.entries, 1);
    use.bytes -= std::min(use.bytes, bytes_of(*before));
  }
  if (!change.value) {
    tx.del(key);
    if (changing.count) --*changing.count;
    return true;
  }
  const AnnotationRow after{change.name, *change.value};
  use.entries += 1;
  use.bytes += bytes_of(after);
  const bool grown = !before || bytes_of(after) > bytes_of(*before);
  if (grown && (use.bytes > limits::annotations_bytes_max ||
                use.entries > limits::annotations_per_account_max)) {
    return fail(Code::limit, "the account has as many annotations as it may have");
  }
  tx.put(key, encode(after));
  if (!before && changing.count) ++*changing.count;
  return true;
}

}  // namespace

Result<> log_annotations(Tx& tx, MailboxId mailbox, std::vector<std::string> names) {
  if (mailbox) TRY(tx.counters(mailbox))->highest_modseq = tx.modseq();
  tx.log_annotations(mailbox, std::move(names));
  return {};
}

Result<std::vector<std::string>> set_annotations(Tx& tx, const SetAnnotations& request) {
  if (request.mailbox && !tx.folders().find(request.mailbox)) {
    return fail(Code::not_found, "no such mailbox");
  }
  Changing changing{request.mailbox, TRY(annotation_use(tx)), std::nullopt};
  std::vector<std::string> changed;
  for (const SetAnnotations::Change& change : request.changes) {
    if (TRY(apply_change(tx, change, changing))) changed.push_back(change.name);
  }
  if (changed.empty()) return changed;
  put_use(tx, changing.use);
  TRY(log_annotations(tx, request.mailbox, changed));
  return changed;
}

Result<> copy_annotations(Tx& tx, MailboxId from, MailboxId to) {
  SetAnnotations request{to, {}};
  for (const auto& row : TRY(tx.scan(keys::all('N', from)))) {
    AnnotationRow annotation = TRY(decode_annotation(row.value));
    request.changes.push_back({std::move(annotation.name), std::move(annotation.value)});
  }
  Changing changing{to, TRY(annotation_use(tx)), std::nullopt};
  std::vector<std::string> names;
  for (const SetAnnotations::Change& change : request.changes) {
    if (TRY(apply_change(tx, change, changing))) names.push_back(change.name);
  }
  if (names.empty()) return {};
  put_use(tx, changing.use);
  return log_annotations(tx, to, std::move(names));
}

Result<> drop_annotations(Tx& tx, MailboxId mailbox) {
  const auto rows = TRY(tx.scan(keys::all('N', mailbox)));
  if (rows.empty()) return {};
  AnnotationUse use = TRY(annotation_use(tx));
  for (const auto& row : rows) {
    const auto annotation = decode_annotation(row.value);
    use.entries -= std::min<uint64_t>(use.entries, 1);
    if (annotation) use.bytes -= std::min(use.bytes, bytes_of(*annotation));
    tx.del(row.key);
  }
  put_use(tx, use);
  return {};
}

namespace {

Result<std::map<MailboxId, std::vector<AnnotationRow>>> read_range(engine::Engine& engine,
                                                                   PartitionId partition,
                                                                   engine::Range range) {
  std::map<MailboxId, std::vector<AnnotationRow>> out;
  for (bool more = true; more;) {
    const auto read = TRY(engine.read(partition, range));
    for (const auto& row : read.rows) {
      out[keys::mailbox_of(row.key)].push_back(TRY(decode_annotation(row.value)));
    }
    more = read.more && !read.rows.empty();
    if (more) range.first = read.rows.back().key + '\0';
  }
  return out;
}

}  // namespace

Result<std::vector<AnnotationRow>> read_annotations(engine::Engine& engine, PartitionId partition,
                                                    MailboxId mailbox) {
  auto found = TRY(read_range(engine, partition, keys::all('N', mailbox)));
  return std::move(found[mailbox]);
}

Result<std::map<MailboxId, std::vector<AnnotationRow>>> read_all_annotations(
    engine::Engine& engine, PartitionId partition) {
  return read_range(engine, partition, keys::all('N'));
}

}  // namespace eilpost::store
