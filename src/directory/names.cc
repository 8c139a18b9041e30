#include "directory/names.h"

#include <algorithm>

#include "protocol/sasl/saslprep.h"

namespace eilpost::directory {

namespace {
bool has_space_or_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
}

Result<std::string> fold_domain(std::string_view domain) {
  if (domain.front() == '[') return sasl::fold_case(domain);
  auto folded = TRY(sasl::domain_to_ascii(domain));
  if (!folded.empty() && folded.back() == '.') folded.pop_back();
  const bool good = !folded.empty() && std::all_of(folded.begin(), folded.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
  const bool empty_label =
      folded.find("..") != std::string::npos || (!folded.empty() && folded.front() == '.');
  if (!good || empty_label) return fail(Code::invalid, "not a domain");
  return folded;
}
}  // namespace

Result<std::string> fold_name(std::string_view name, const NameRules& rules) {
  const size_t at = name.rfind('@');
  const bool bare = at == std::string_view::npos;
  const auto domain = bare ? std::string_view(rules.default_domain) : name.substr(at + 1);
  if (name.empty() || (!bare && (at == 0 || domain.empty()))) {
    return fail(Code::invalid, "a name with an empty part");
  }
  auto out = TRY(sasl::fold_case(name.substr(0, at)));
  // After folding: compatibility spaces have become plain ones, invisible characters have gone.
  if (out.empty() || has_space_or_control(out)) {
    return fail(Code::invalid, "a name with a space or a control character");
  }
  if (!domain.empty()) out += "@" + TRY(fold_domain(domain));
  if (out.size() > name_octets_max) return fail(Code::too_big, "a name of more than 240 octets");
  return out;
}

Subaddress split_subaddress(std::string_view address, const NameRules& rules) {
  const size_t at = std::min(address.rfind('@'), address.size());
  const auto local = address.substr(0, at);
  const size_t delimiter = local.find_first_of(rules.subaddress_delimiters, 1);
  if (delimiter == std::string_view::npos) return {std::string(address), ""};
  return {std::string(local.substr(0, delimiter)) + std::string(address.substr(at)),
          std::string(local.substr(delimiter + 1))};
}

Result<Recipient> resolve_recipient(Directory& directory, std::string_view address,
                                    const NameRules& rules) {
  auto whole = directory.resolve_address(address);
  if (whole) return Recipient{.account = std::move(*whole), .detail = ""};
  if (whole.error().code != Code::not_found) return tl::unexpected(std::move(whole).error());
  auto split = split_subaddress(address, rules);
  if (split.address == address) return tl::unexpected(std::move(whole).error());
  auto account = TRY(directory.resolve_address(split.address));
  return Recipient{.account = std::move(account), .detail = std::move(split.detail)};
}

}  // namespace eilpost::directory
