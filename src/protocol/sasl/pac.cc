#include "protocol/sasl/pac.h"

#include <fmt/format.h>

#include <vector>

#include "base/bytes.h"

namespace eilpost::sasl {

namespace {
constexpr size_t header_octets = 20;  // type serialization headers and the referent (MS-RPCE 2.2.6)
constexpr size_t times_octets = 6 * 8;  // LogonTime to PasswordMustChange
constexpr size_t strings_before = 6;    // EffectiveName to HomeDirectoryDrive
constexpr uint32_t characters_max = 65536;
constexpr size_t sub_authorities_max = 15;

// Takes NDR values off the front of the octets; alignment counts from their
// beginning.
class Ndr {
 public:
  explicit Ndr(std::string_view octets) : all_(octets), in_(octets) {}

  Result<uint32_t> u32() {
    TRY(align());
    return in_.u32le();
  }
  Result<std::string_view> take(size_t octets) { return in_.take(octets); }
  Result<> align() {
    const size_t odd = (all_.size() - in_.rest().size()) % 4;
    if (odd != 0) TRY(in_.take(4 - odd));
    return {};
  }
  // RPC_UNICODE_STRING: Length, MaximumLength and a pointer; whether there is
  // something behind it.
  Result<bool> string_head() {
    TRY(take(4));
    return TRY(u32()) != 0;
  }
  // The conformant varying array that such a pointer leads to.
  Result<> skip_characters() {
    TRY(u32());
    TRY(u32());
    const auto count = TRY(u32());
    if (count > characters_max) return fail(Code::invalid, "PAC: an endless name");
    TRY(take(2ULL * count));
    return {};
  }

 private:
  std::string_view all_;
  Reader in_;
};

struct Fixed {
  std::vector<bool> strings;  // which of them follow
  uint32_t user = 0;
  bool groups = false;
  bool server = false;
  bool domain = false;
  bool domain_id = false;
};

// The fields of fixed length up to LogonDomainId.
Result<Fixed> take_fixed(Ndr& in) {
  Fixed out;
  TRY(in.take(header_octets + times_octets));
  for (size_t i = 0; i < strings_before; ++i) out.strings.push_back(TRY(in.string_head()));
  TRY(in.take(4));  // LogonCount, BadPasswordCount
  out.user = TRY(in.u32());
  TRY(in.u32());  // PrimaryGroupId
  TRY(in.u32());  // GroupCount
  out.groups = TRY(in.u32()) != 0;
  TRY(in.u32());     // UserFlags
  TRY(in.take(16));  // UserSessionKey
  out.server = TRY(in.string_head());
  out.domain = TRY(in.string_head());
  out.domain_id = TRY(in.u32()) != 0;
  // Reserved1, UserAccountControl, SubAuthStatus, two times, FailedILogonCount,
  // Reserved3.
  TRY(in.take(8 + 4 + 4 + 8 + 8 + 4 + 4));
  TRY(in.take(8 + 12));  // SidCount, ExtraSids, and the resource groups' three fields
  return out;
}

Result<std::string> take_domain(Ndr& in, const Fixed& fixed) {
  for (const bool there : fixed.strings) {
    if (there) TRY(in.skip_characters());
  }
  if (fixed.groups) {
    const auto count = TRY(in.u32());
    if (count > characters_max) return fail(Code::invalid, "PAC: an endless list of groups");
    TRY(in.take(8ULL * count));
  }
  if (fixed.server) TRY(in.skip_characters());
  if (fixed.domain) TRY(in.skip_characters());
  if (!fixed.domain_id) return fail(Code::invalid, "PAC: no domain");
  const auto count = TRY(in.u32());
  if (count > sub_authorities_max) return fail(Code::invalid, "PAC: a SID that is too long");
  return print_sid(TRY(in.take(8 + 4ULL * count)));
}

Result<std::string> read_sid(std::string_view logon_info) {
  Ndr in(logon_info);
  const auto fixed = TRY(take_fixed(in));
  return TRY(take_domain(in, fixed)) + "-" + std::to_string(fixed.user);
}
}  // namespace

Result<std::string> account_sid(std::string_view logon_info) {
  auto out = read_sid(logon_info);
  if (!out) return fail(Code::invalid, "PAC: " + out.error().detail);
  return out;
}

Result<std::string> print_sid(std::string_view octets) {
  const bool fits = octets.size() >= 8 && octets[0] == 1 &&
                    octets.size() == 8 + 4 * static_cast<size_t>(static_cast<uint8_t>(octets[1]));
  if (!fits) return fail(Code::invalid, "not a SID");
  uint64_t authority = 0;
  for (size_t i = 2; i < 8; ++i) authority = authority << 8 | static_cast<uint8_t>(octets[i]);
  std::string out = fmt::format("S-1-{}", authority);
  for (size_t at = 8; at < octets.size(); at += 4) {
    out += fmt::format("-{}", load_u32le(octets.substr(at)));
  }
  return out;
}

}  // namespace eilpost::sasl
