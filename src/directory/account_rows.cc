#include "directory/account_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "base/bytes.h"
#include "base/limits.h"

namespace eilpost::directory {

namespace {

// Not the schema of mail (store/keys.h) nor that of the directory: a row that is met in the wrong
// partition is taken for nothing else.
constexpr char schema = '\x02';
constexpr char head_kind = 'h';
constexpr uint8_t head_format = 1;
constexpr size_t row_id_octets_max = 200;
constexpr size_t commit_id_octets = 16;
// How far back an Unknown outcome can be settled, in commits.
constexpr size_t commit_ids_kept = 16;
constexpr int commit_attempts_max = 100;
constexpr int unknown_outcomes_max = 8;
constexpr int read_attempts_max = 20;

using CommitIds = std::deque<std::string>;

std::string head_key() {
  return {schema, head_kind};
}

std::string row_key(RowKind kind, std::string_view id) {
  std::string out = {schema, static_cast<char>(kind)};
  out += id;
  return out;
}

std::string print_head(const CommitIds& ids) {
  std::string out;
  put_varint(out, ids.size());
  for (const auto& id : ids) put_bytes(out, id);
  return seal_value(head_format, out);
}

Result<CommitIds> parse_head(std::string_view value) {
  const auto unsealed = TRY(unseal_value(value));
  if (unsealed.format != head_format) {
    return fail(Code::corrupt, fmt::format("account rows: a head of format {}", unsealed.format));
  }
  Reader in(unsealed.payload);
  CommitIds out;
  for (uint64_t left = TRY(in.varint()); left > 0; --left) {
    out.emplace_back(TRY(in.bytes()));
  }
  if (!in.done()) return fail(Code::corrupt, "account rows: octets behind the head's end");
  return out;
}

tl::unexpected<Error> trouble(const Error& error) {
  if (error.code == Code::corrupt) return tl::unexpected(error);
  return fail(Code::unavailable, "account rows: " + error.detail);
}

Result<> check_rows(const RowMap& rows) {
  if (rows.size() > limits::account_rows_max) {
    return fail(Code::limit, fmt::format("more than {} rows", limits::account_rows_max));
  }
  for (const auto& [id, row] : rows) {
    if (id.empty() || id.size() > row_id_octets_max) {
      return fail(Code::invalid, "a row's id has 1 to 200 octets");
    }
    if (row.payload.size() > limits::account_row_bytes_max) {
      return fail(Code::too_big, "a row of more than 64 KiB");
    }
  }
  return {};
}

// What turns `before` into `after`.
engine::Batch difference(RowKind kind, const RowMap& before, const RowMap& after) {
  engine::Batch out;
  for (const auto& [id, row] : before) {
    if (after.count(id) == 0) out.deletes.push_back(row_key(kind, id));
  }
  for (const auto& [id, row] : after) {
    const auto old = before.find(id);
    if (old != before.end() && old->second == row) continue;
    out.puts.emplace_back(row_key(kind, id), seal_value(row.format, row.payload));
  }
  return out;
}

struct Raw {
  engine::Version version = 0;
  std::vector<engine::Row> rows;
};

// All of a range at one version, however many reads that takes.
Result<Raw> read_all(engine::Engine& engine, PartitionId partition, const engine::Range& range) {
  for (int attempt = 0; attempt < read_attempts_max; ++attempt) {
    Raw out;
    engine::Range rest = range;
    bool more = true;
    bool torn = false;
    while (more && !torn) {
      auto read = engine.read(partition, rest);
      if (!read) return trouble(read.error());
      torn = !out.rows.empty() && read->version != out.version;
      out.version = read->version;
      more = read->more && !read->rows.empty();
      if (more) rest.first = read->rows.back().key + '\0';
      std::move(read->rows.begin(), read->rows.end(), std::back_inserter(out.rows));
    }
    if (!torn) return out;
  }
  return fail(Code::unavailable, "account rows: they change all the time");
}

engine::Range whole_partition() {
  return {.first = std::string(1, '\0'), .last = ""};
}

// All rows of one kind.
engine::Range rows_of(RowKind kind) {
  const std::string first = row_key(kind, "");
  std::string last = first;
  ++last.back();
  return {.first = first, .last = last};
}

// By kind and id, without the head.
Result<std::map<RowKind, RowMap>> parse_rows(const Raw& raw) {
  std::map<RowKind, RowMap> out;
  for (const auto& row : raw.rows) {
    if (row.key.size() < 2 || row.key == head_key()) continue;
    const auto unsealed = TRY(unseal_value(row.value));
    out[static_cast<RowKind>(row.key[1])][row.key.substr(2)] = {unsealed.format,
                                                                std::string(unsealed.payload)};
  }
  return out;
}

}  // namespace

struct AccountRows::Snapshot {
  engine::Version version = 0;
  CommitIds commit_ids;
  RowMap rows;
};

Result<AccountRows::Snapshot> AccountRows::snapshot(AccountId id, RowKind kind) {
  const auto partition = account_rows_partition(id);
  for (int attempt = 0; attempt < read_attempts_max; ++attempt) {
    auto head = engine_.read(partition, std::vector<std::string>{head_key()});
    if (!head) return trouble(head.error());
    Snapshot out;
    out.version = head->version;
    // Every commit writes the head.
    if (head->rows.empty()) return out;
    out.commit_ids = TRY(parse_head(head->rows.front().value));
    const auto raw = TRY(read_all(engine_, partition, rows_of(kind)));
    if (raw.version != out.version) continue;
    out.rows = std::move(TRY(parse_rows(raw))[kind]);
    return out;
  }
  return fail(Code::unavailable, "account rows: they change all the time");
}

Result<RowMap> AccountRows::read(AccountId id, RowKind kind) {
  return std::move(
      TRY(parse_rows(TRY(read_all(engine_, account_rows_partition(id), rows_of(kind)))))[kind]);
}

Result<std::map<RowKind, RowMap>> AccountRows::read(AccountId id) {
  return parse_rows(TRY(read_all(engine_, account_rows_partition(id), whole_partition())));
}

// The commit id is the same in every round, so that a round after a lost answer finds out whether
// it happened (see BuiltinDirectory::mutate).
Result<> AccountRows::edit(AccountId id, RowKind kind, const Change& change) {
  const auto partition = account_rows_partition(id);
  const auto commit_id = random_.octets(commit_id_octets);
  int unknown = 0;
  engine::Version first_unknown = 0;
  for (int attempt = 0; attempt < commit_attempts_max; ++attempt) {
    auto state = snapshot(id, kind);
    // After a lost answer it is no longer certain that nothing was written.
    if (!state && unknown == 0) return tl::unexpected(std::move(state).error());
    if (!state && ++unknown > unknown_outcomes_max) break;
    if (!state) continue;
    auto& ids = state->commit_ids;
    if (unknown > 0) {
      if (std::find(ids.begin(), ids.end(), commit_id) != ids.end()) return {};
      const bool out_of_sight = state->version - first_unknown > commit_ids_kept;
      if (out_of_sight || unknown > unknown_outcomes_max) break;
    }
    RowMap after = state->rows;
    TRY(change(after));
    TRY(check_rows(after));
    auto batch = difference(kind, state->rows, after);
    if (batch.puts.empty() && batch.deletes.empty()) return {};
    ids.push_back(commit_id);
    while (ids.size() > commit_ids_kept) ids.pop_front();
    batch.puts.emplace_back(head_key(), print_head(ids));
    const auto result = engine::commit_wait(engine_, partition, state->version, std::move(batch));
    if (result.outcome == engine::Outcome::done) return {};
    if (result.outcome == engine::Outcome::conflict) continue;
    const Code code = result.error.code;
    if (code == Code::too_big || code == Code::io || code == Code::limit) {
      return tl::unexpected(result.error);
    }
    if (unknown++ == 0) first_unknown = state->version;
  }
  if (unknown > 0) return fail(Code::unknown, "account rows: nobody knows whether it was written");
  return fail(Code::unavailable, "account rows: too many others are writing");
}

Result<> AccountRows::remove(AccountId id) {
  return engine_.remove_partition(account_rows_partition(id));
}

Result<std::vector<std::string>> check_account_rows(engine::Engine& engine, AccountId id) {
  const auto raw = TRY(read_all(engine, account_rows_partition(id), whole_partition()));
  std::vector<std::string> out;
  bool head = false;
  for (const auto& row : raw.rows) {
    const bool known = row.key.size() >= 2 && row.key[0] == schema;
    if (!known) {
      out.emplace_back("a row about its login with a key that no release wrote");
      continue;
    }
    const char kind = row.key[1];
    head = head || kind == head_kind;
    Result<> good;
    if (kind == head_kind) {
      const auto parsed = parse_head(row.value);
      if (!parsed) good = tl::unexpected(parsed.error());
    } else if (const auto unsealed = unseal_value(row.value); !unsealed) {
      good = tl::unexpected(unsealed.error());
    }
    if (!good) {
      out.push_back(fmt::format("a row about its login, kind '{}': {}", kind, good.error().detail));
    }
  }
  if (!head && !raw.rows.empty()) out.emplace_back("the head of the rows about its login is gone");
  return out;
}

Result<> copy_account_rows(engine::Engine& from, engine::Engine& to, AccountId id) {
  const auto partition = account_rows_partition(id);
  for (int attempt = 0; attempt < commit_attempts_max; ++attempt) {
    const auto source = TRY(read_all(from, partition, whole_partition()));
    const auto target = TRY(read_all(to, partition, whole_partition()));
    const auto same = [](const engine::Row& a, const engine::Row& b) {
      return a.key == b.key && a.value == b.value;
    };
    if (std::equal(source.rows.begin(), source.rows.end(), target.rows.begin(), target.rows.end(),
                   same)) {
      return {};
    }
    // In pieces, since all rows together may be larger than a batch.
    engine::Batch batch;
    size_t octets = 0;
    std::map<std::string_view, std::string_view> there;
    for (const auto& row : target.rows) there[row.key] = row.value;
    for (const auto& row : source.rows) {
      const auto at = there.find(row.key);
      const bool equal = at != there.end() && at->second == row.value;
      if (at != there.end()) there.erase(at);
      if (equal || octets > limits::batch_bytes_max / 2) continue;
      octets += row.key.size() + row.value.size();
      batch.puts.emplace_back(row.key, row.value);
    }
    for (const auto& [key, value] : there) batch.deletes.emplace_back(key);
    const auto result = engine::commit_wait(to, partition, target.version, std::move(batch));
    if (result.outcome == engine::Outcome::unknown && result.error.code != Code::unknown) {
      return tl::unexpected(result.error);
    }
  }
  return fail(Code::unavailable, "account rows: the target changes all the time");
}

}  // namespace eilpost::directory
