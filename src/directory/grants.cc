#include "directory/grants.h"

#include "base/bytes.h"
#include "base/limits.h"

namespace eilpost::directory {

namespace {

constexpr uint8_t grant_format = 1;

std::string row_id(AccountId to) {
  std::string out;
  put_u64be(out, to.value);
  return out;
}

Result<Grant> grant_of(const AccountRow& row) {
  if (row.format != grant_format) return fail(Code::corrupt, "a grant of a newer release");
  return parse_grant(row.payload);
}

}  // namespace

std::string_view rights_name(GrantRights rights) {
  return rights == GrantRights::full ? "full" : "read-only";
}

std::optional<GrantRights> rights_named(std::string_view name) {
  if (name == "full") return GrantRights::full;
  if (name == "read-only") return GrantRights::read_only;
  return std::nullopt;
}

std::string print_grant(const Grant& grant) {
  std::string out;
  put_varint(out, grant.to.value);
  put_u8(out, static_cast<uint8_t>(grant.rights));
  put_u8(out, grant.expires ? 1 : 0);
  if (grant.expires) put_svarint(out, grant.expires->micros);
  put_svarint(out, grant.given.micros);
  put_bytes(out, grant.by);
  return out;
}

Result<Grant> parse_grant(std::string_view payload) {
  Reader in(payload);
  Grant out;
  out.to = AccountId(TRY(in.varint()));
  const auto rights = TRY(in.u8());
  if (rights != 1 && rights != 2) return fail(Code::corrupt, "a grant of unknown rights");
  out.rights = static_cast<GrantRights>(rights);
  if (TRY(in.u8()) != 0) out.expires = Timestamp{TRY(in.svarint())};
  out.given.micros = TRY(in.svarint());
  out.by = std::string(TRY(in.bytes()));
  if (!in.done()) return fail(Code::corrupt, "a grant with octets behind its end");
  return out;
}

Result<std::vector<Grant>> Grants::list(AccountId account) {
  std::vector<Grant> out;
  for (const auto& [id, row] : TRY(rows_.read(account, RowKind::grant))) {
    out.push_back(TRY(grant_of(row)));
  }
  return out;
}

Result<> Grants::add(AccountId account, const Grant& grant) {
  if (account == grant.to) return fail(Code::invalid, "an account needs no grant on itself");
  return rows_.edit(account, RowKind::grant, [&](RowMap& rows) -> Result<> {
    rows[row_id(grant.to)] = {.format = grant_format, .payload = print_grant(grant)};
    if (rows.size() > limits::grants_per_account_max) {
      return fail(Code::limit, "too many grants on one account");
    }
    return {};
  });
}

Result<> Grants::remove(AccountId account, AccountId to) {
  return rows_.edit(account, RowKind::grant, [&](RowMap& rows) -> Result<> {
    if (rows.erase(row_id(to)) == 0) return fail(Code::not_found, "there is no such grant");
    return {};
  });
}

Result<std::optional<Grant>> Grants::find(const Asked& asked) {
  const auto rows = TRY(rows_.read(asked.account, RowKind::grant));
  const auto row = rows.find(row_id(asked.by));
  if (row == rows.end()) return std::optional<Grant>();
  Grant grant = TRY(grant_of(row->second));
  if (!grant.holds(asked.now)) return std::optional<Grant>();
  return std::optional<Grant>(std::move(grant));
}

}  // namespace eilpost::directory
