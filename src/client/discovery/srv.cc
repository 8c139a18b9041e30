#include "client/discovery/srv.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "base/bytes.h"

namespace eilpost::client {

namespace {

constexpr size_t records_max = 32;
constexpr size_t answer_bytes_max = 16 * 1024;
// Priority, weight and port stand before the target (RFC 2782).
constexpr size_t target_offset = 6;

// RFC 1035 4.1.4: the target may be compressed, and point back into the message.
Result<SrvRecord> parse_record(const ns_msg& message, const ns_rr& record) {
  const std::string_view data(reinterpret_cast<const char*>(ns_rr_rdata(record)),
                              ns_rr_rdlen(record));
  Reader in(data);
  SrvRecord out;
  out.priority = TRY(in.u16be());
  out.weight = TRY(in.u16be());
  out.port = TRY(in.u16be());
  std::array<char, NS_MAXDNAME> name{};
  const int length =
      ns_name_uncompress(ns_msg_base(message), ns_msg_end(message),
                         ns_rr_rdata(record) + target_offset, name.data(), name.size());
  if (length < 0) return fail(Code::invalid, "an SRV record without a target");
  out.target = name.data();
  if (out.target == ".") out.target.clear();
  return out;
}

}  // namespace

Result<std::vector<SrvRecord>> parse_srv_answer(std::string_view message) {
  ns_msg parsed;
  const auto* octets = reinterpret_cast<const unsigned char*>(message.data());
  if (message.size() > answer_bytes_max ||
      ns_initparse(octets, static_cast<int>(message.size()), &parsed) != 0) {
    return fail(Code::invalid, "no DNS message");
  }
  std::vector<SrvRecord> out;
  for (int i = 0; i < ns_msg_count(parsed, ns_s_an) && out.size() < records_max; ++i) {
    ns_rr record;
    if (ns_parserr(&parsed, ns_s_an, i, &record) != 0) {
      return fail(Code::invalid, "a DNS message that is cut short");
    }
    if (ns_rr_type(record) != ns_t_srv) continue;
    out.push_back(TRY(parse_record(parsed, record)));
  }
  std::stable_sort(out.begin(), out.end(), [](const SrvRecord& a, const SrvRecord& b) {
    return std::make_tuple(a.priority, -int{a.weight}) <
           std::make_tuple(b.priority, -int{b.weight});
  });
  return out;
}

Result<std::vector<SrvRecord>> query_srv(const std::string& name) {
  struct __res_state state {};
  if (res_ninit(&state) != 0) return fail(Code::unavailable, "the resolver has no configuration");
  std::array<unsigned char, answer_bytes_max> answer{};
  const int size = res_nquery(&state, name.c_str(), ns_c_in, ns_t_srv, answer.data(),
                              static_cast<int>(answer.size()));
  const int error = state.res_h_errno;
  res_nclose(&state);
  if (size < 0) {
    if (error == HOST_NOT_FOUND || error == NO_DATA) return std::vector<SrvRecord>();
    return fail(Code::unavailable, "no DNS server answers");
  }
  const size_t got = std::min(static_cast<size_t>(size), answer.size());
  return parse_srv_answer({reinterpret_cast<const char*>(answer.data()), got});
}

}  // namespace eilpost::client
