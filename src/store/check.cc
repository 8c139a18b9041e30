#include "store/check.h"

#include <algorithm>

#include "store/digest.h"
#include "store/keys.h"
#include "store/load.h"
#include "store/store.h"

namespace eilpost::store {

namespace {

constexpr uint64_t piece_bytes = 256 * 1024;
const Author author{"check", "check"};

// Whether the row can be read as what its key says it is.
Result<> decode_row(const engine::Row& row) {
  if (row.key.size() < 2 || row.key[0] != static_cast<char>(keys::schema)) {
    return fail(Code::corrupt, "a row of an unknown schema");
  }
  switch (row.key[1]) {
    case 'H': TRY(decode_head(row.value)); return {};
    case 'D': TRY(decode_def(keys::mailbox_of(row.key), row.value)); return {};
    case 'K': TRY(decode_counters(row.value)); return {};
    case 'W': TRY(decode_keywords(row.value)); return {};
    case 'P': TRY(decode_hot_page(keys::page_in(row.key), row.value)); return {};
    case 'M':
      if (keys::slot_in(row.key) == keys::sealed_slot) {
        TRY(decode_sealed(row.value));
      } else {
        TRY(decode_message(row.value));
      }
      return {};
    case 'R': TRY(decode_gone(row.value)); return {};
    case 'B': TRY(decode_holders(row.value)); return {};
    case 'L': TRY(decode_log(row.value)); return {};
    case 'S':
    case 'T': TRY(decode_name(row.value)); return {};
    case 'N': TRY(decode_annotation(row.value)); return {};
    case 'Q': TRY(decode_annotation_use(row.value)); return {};
    default: return fail(Code::corrupt, "a row of an unknown kind");
  }
}

MailboxId mailbox_of_row(const std::string& key) {
  constexpr std::string_view with_mailbox = "DKWPMRN";
  if (key.size() < 10 || with_mailbox.find(key[1]) == std::string_view::npos) return MailboxId(0);
  return keys::mailbox_of(key);
}

// Counters that cannot be read keep the whole account from being loaded. What follows from the
// pages is counted anew; the identity is lost, so clients are told by a UIDVALIDITY never given
// before.
Result<bool> rebuild_counters(Account& account, MailboxId mailbox) {
  engine::Engine& engine = account.engine();
  const auto head_row =
      TRY(engine.read(account.partition(), std::vector<std::string>{keys::head()}));
  if (head_row.rows.empty()) return fail(Code::corrupt, "the account has no head");
  Head head = TRY(decode_head(head_row.rows[0].value));
  MailboxCounters counters;
  head.last_uid_validity += 1;
  counters.uid_validity = head.last_uid_validity;
  const Rows pages =
      TRY(read_all(engine, account.partition(), keys::all('P', mailbox), head_row.version));
  for (const auto& row : pages.rows) {
    const uint32_t last = keys::page_in(row.key) * keys::page_slots + keys::page_slots - 1;
    // Beyond every uid that was ever given: a page's last slot is its highest uid.
    counters.uid_next = std::max(counters.uid_next, Uid(last + 1));
  }
  for (const char kind : {'M', 'R'}) {
    const Rows rows =
        TRY(read_all(engine, account.partition(), keys::all(kind, mailbox), head_row.version));
    for (const auto& row : rows.rows) {
      const uint32_t last = keys::page_in(row.key) * keys::page_slots + keys::page_slots - 1;
      counters.uid_next = std::max(counters.uid_next, Uid(last + 1));
    }
  }
  counters.highest_modseq = std::max(counters.highest_modseq, head.last_modseq);
  engine::Batch batch;
  batch.puts.emplace_back(keys::head(), encode(head));
  batch.puts.emplace_back(keys::counters(mailbox), encode(counters));
  const auto result =
      engine::commit_wait(engine, account.partition(), head_row.version, std::move(batch));
  if (result.outcome != engine::Outcome::done) return fail(Code::conflict, "counters not rebuilt");
  return true;
}

// Every row by itself. Blocks of rows are read each at its own version, which is enough here.
Result<> check_rows(Account& account, const CheckOptions& options, CheckReport& report) {
  engine::Range range{std::string(1, static_cast<char>(keys::schema)), ""};
  for (bool more = true; more;) {
    const auto read = TRY(account.engine().read(account.partition(), range));
    if (read.version == 0) return fail(Code::not_found, "the account has no mail yet");
    for (const auto& row : read.rows) {
      report.rows += 1;
      const auto decoded = decode_row(row);
      if (decoded) continue;
      const MailboxId mailbox = mailbox_of_row(row.key);
      CheckFinding found{
          mailbox, Uid(0),
          "a damaged row of kind " + row.key.substr(1, 1) + ": " + decoded.error().detail, false};
      if (options.repair && row.key[1] == 'K') {
        const auto rebuilt = rebuild_counters(account, mailbox);
        found.repaired = rebuilt.has_value();
      }
      report.add(std::move(found));
    }
    more = read.more && !read.rows.empty();
    if (more) range.first = read.rows.back().key + '\0';
    if (options.stop && options.stop()) report.stopped = true;
    if (report.stopped) return {};
  }
  return {};
}

// One message's octets from begin to end.
Result<Digest> scan_message(Account& account, const Cold& cold) {
  mime::Scanner scanner;
  uint64_t at = 0;
  while (at < cold.size) {
    const std::string piece = TRY(account.engine().read_blob(cold.blob, at, piece_bytes));
    if (piece.empty()) return fail(Code::corrupt, "the octets end too early");
    scanner.feed(piece);
    at += piece.size();
  }
  if (at != cold.size) return fail(Code::corrupt, "there are more octets than the size says");
  if (!TRY(account.engine().read_blob(cold.blob, cold.size, 1)).empty()) {
    return fail(Code::corrupt, "there are more octets than the size says");
  }
  const mime::Message message = scanner.finish();
  return store::make_digest(message);
}

// Without reading it whole: the last octet is there, and none behind it.
Result<> probe_message(Account& account, const Cold& cold) {
  const uint64_t from = cold.size == 0 ? 0 : cold.size - 1;
  const std::string tail = TRY(account.engine().read_blob(cold.blob, from, 2));
  if (tail.size() != cold.size - from) {
    return fail(Code::corrupt, "the octets are not as many as the size says");
  }
  return {};
}

bool equal(const PageData::Message& message, const Digest& digest) {
  for (size_t c = 0; c < column_count; ++c) {
    if (message.digest[c] != column_of(digest, static_cast<Column>(c))) return false;
  }
  return true;
}

class PageCheck {
 public:
  PageCheck(Account& account, MailboxId mailbox, const CheckOptions& options, CheckReport& report)
      : account_(account), mailbox_(mailbox), options_(options), report_(report) {}

  Result<> run(uint32_t page) {
    fresh_.clear();
    auto data = account_.read_page(mailbox_, page, options_.octets ? read_all_columns : 0);
    const bool unreadable = !data;
    if (unreadable) {
      found(Uid(0), "page " + std::to_string(page) + ": " + data.error().detail,
            options_.repair && options_.octets);
      data = account_.read_page(mailbox_, page, 0);
      // Damaged rows were reported when every row was looked at.
      if (!data) return {};
    }
    for (const PageData::Message& message : (*data)->messages) {
      look_at(page, message, unreadable);
      report_.messages += 1;
      if (options_.progress) options_.progress(report_.messages);
      if (options_.stop && options_.stop()) report_.stopped = true;
      if (report_.stopped) return {};
    }
    if (fresh_.empty() || !options_.repair) return {};
    return repair(page);
  }

 private:
  void look_at(uint32_t page, const PageData::Message& message, bool unreadable) {
    const Uid uid = keys::uid_at(page, message.slot);
    if (!options_.octets) {
      const auto probed = probe_message(account_, message.cold);
      if (!probed && still_there(page, message)) found(uid, probed.error().detail, false);
      return;
    }
    const auto digest = scan_message(account_, message.cold);
    if (!digest) {
      if (still_there(page, message)) found(uid, digest.error().detail, false);
      return;
    }
    report_.octets += message.cold.size;
    if (unreadable) {
      fresh_[message.slot] = *digest;
    } else if (!equal(message, *digest)) {
      found(uid, "what is kept of the message's structure differs from its octets",
            options_.repair);
      fresh_[message.slot] = *digest;
    }
  }

  // A purge may have removed the message since its page was read.
  bool still_there(uint32_t page, const PageData::Message& message) {
    const auto again = account_.read_page(mailbox_, page, 0);
    return again && (*again)->find(message.slot) != nullptr;
  }

  Result<> repair(uint32_t page) {
    const auto replace = [this, page](Tx& tx) {
      return replace_digests(tx, account_.engine(), mailbox_, page, fresh_);
    };
    TRY(mutate_wait<bool>(account_, author, replace));
    return {};
  }

  void found(Uid uid, std::string what, bool repaired) {
    report_.add({mailbox_, uid, std::move(what), repaired});
  }

  Account& account_;
  MailboxId mailbox_;
  const CheckOptions& options_;
  CheckReport& report_;
  std::map<uint8_t, Digest> fresh_;
};

void take(CheckReport& report, Findings findings) {
  for (CheckFinding& f : findings) report.add(std::move(f));
}

// Pages with cold entries, one after the other.
Result<std::optional<uint32_t>> next_page(Account& account, MailboxId mailbox, uint32_t from) {
  engine::Range range{keys::message(mailbox, from, 0), keys::all('M', mailbox).last, 1};
  const auto read = TRY(account.engine().read(account.partition(), range));
  if (read.rows.empty()) return std::optional<uint32_t>();
  return std::optional<uint32_t>(keys::page_in(read.rows[0].key));
}

Result<> check_messages(Account& account, MailboxId mailbox, const CheckOptions& options,
                        CheckReport& report) {
  PageCheck pages(account, mailbox, options, report);
  for (uint32_t from = 0;;) {
    const auto page = TRY(next_page(account, mailbox, from));
    if (!page || report.stopped) return {};
    TRY(pages.run(*page));
    from = *page + 1;
  }
}

}  // namespace

void CheckReport::add(CheckFinding finding) {
  found += 1;
  repaired += finding.repaired ? 1 : 0;
  if (findings.size() < findings_kept) findings.push_back(std::move(finding));
}

Result<CheckReport> check_account(Account& account, const CheckOptions& options) {
  CheckReport report;
  TRY(check_rows(account, options, report));
  if (report.stopped) return report;
  auto loaded = refresh_wait(account);
  if (!loaded) {
    report.add(
        {MailboxId(0), Uid(0), "the account cannot be loaded: " + loaded.error().detail, false});
    return report;
  }
  engine::Engine& engine = account.engine();
  const StepOptions step{options.repair};
  const FoldersPtr folders = account.folders();
  for (const FolderTree::Entry& entry : folders->entries()) {
    const MailboxId id = entry.def->id;
    if (!account.counters(id)) continue;
    report.mailboxes += 1;
    auto checked = mutate_wait<Findings>(account, author, [&engine, id, step](Tx& tx) {
      return check_mailbox(tx, engine, id, step);
    });
    if (checked) {
      take(report, std::move(*checked));
    } else if (checked.error().code != Code::not_found) {
      report.add({id, Uid(0), checked.error().detail, false});
    }
    TRY(check_messages(account, id, options, report));
    if (report.stopped) return report;
  }
  for (const auto& one : {check_quota_use, check_holders, check_annotations}) {
    auto checked =
        mutate_wait<Findings>(account, author, [one, step](Tx& tx) { return one(tx, step); });
    if (!checked) {
      report.add({MailboxId(0), Uid(0), checked.error().detail, false});
      continue;
    }
    take(report, std::move(*checked));
  }
  return report;
}

}  // namespace eilpost::store
