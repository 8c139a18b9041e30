#include "protocol/sasl/ntlm/server.h"

#include <array>
#include <numeric>
#include <utility>

#include "base/bytes.h"
#include "protocol/sasl/crypto.h"
#include "protocol/sasl/ntlm/message.h"

namespace eilpost::sasl {

namespace {
constexpr size_t key_octets = 16;

uint32_t flags_for(uint32_t wanted) {
  using namespace ntlm;
  constexpr uint32_t always = flag_unicode | flag_request_target | flag_ntlm | flag_target_domain |
                              flag_extended_security | flag_target_info;
  constexpr uint32_t if_wanted =
      flag_sign | flag_always_sign | flag_128 | flag_key_exchange | flag_56;
  return always | (wanted & if_wanted);
}

ntlm::AvPairs info_of(const NtlmTarget& target) {
  std::string time;
  put_u64le(time, target.time);
  ntlm::AvPairs out = {{ntlm::av_domain, ntlm::utf16(target.domain)},
                       {ntlm::av_computer, ntlm::utf16(target.computer)}};
  if (!target.dns_domain.empty()) {
    out.push_back({ntlm::av_dns_domain, ntlm::utf16(target.dns_domain)});
  }
  // With the time in it, clients send a MIC.
  out.push_back({ntlm::av_timestamp, time});
  return out;
}
}  // namespace

std::string rc4(std::string_view key, std::string_view data) {
  std::array<uint8_t, 256> s{};
  std::iota(s.begin(), s.end(), uint8_t{0});
  uint8_t j = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    j = static_cast<uint8_t>(j + s[i] + static_cast<uint8_t>(key[i % key.size()]));
    std::swap(s[i], s[j]);
  }
  std::string out(data);
  uint8_t i = 0;
  j = 0;
  for (char& c : out) {
    ++i;
    j = static_cast<uint8_t>(j + s[i]);
    std::swap(s[i], s[j]);
    c = static_cast<char>(c ^ static_cast<char>(s[static_cast<uint8_t>(s[i] + s[j])]));
  }
  return out;
}

std::string ntlm_channel_binding(std::string_view server_end_point) {
  const std::string data = "tls-server-end-point:" + std::string(server_end_point);
  std::string out(16, '\0');  // no addresses: two types, two lengths
  put_u32le(out, static_cast<uint32_t>(data.size()));
  return md5(out + data);
}

Step NtlmServer::start(std::optional<std::string> initial) {
  if (!initial) return Challenge{};
  return step(*initial);
}

Step NtlmServer::step(std::string_view octets) {
  if (state_ == State::negotiate) return negotiate(octets);
  if (state_ == State::authenticate) return authenticate(octets);
  return failure(Code::invalid, "NTLM: a message out of turn");
}

Step NtlmServer::negotiate(std::string_view octets) {
  state_ = State::over;
  const auto message = ntlm::parse_negotiate(octets);
  if (!message) return Failure{message.error()};
  if ((message->flags & ntlm::flag_unicode) == 0) {
    return failure(Code::invalid, "NTLM: texts in no Unicode");
  }
  negotiate_ = octets;
  challenge_ = ntlm::print_challenge({.flags = flags_for(message->flags),
                                      .target = options_.target.domain,
                                      .challenge = options_.challenge,
                                      .info = info_of(options_.target)});
  state_ = State::authenticate;
  return Challenge{challenge_};
}

Result<> NtlmServer::check_binding(bool has_mic,
                                   const std::optional<std::string_view>& binding) const {
  const auto& target = options_.target;
  if (!has_mic && target.require_mic) {
    return fail(Code::auth_failed, "NTLM: no message integrity code");
  }
  const bool bound = binding && *binding != std::string(key_octets, '\0');
  if (target.server_end_point.empty()) return {};
  if (bound && !equal_in_constant_time(*binding, ntlm_channel_binding(target.server_end_point))) {
    return fail(Code::auth_failed, "NTLM: bound to another channel; somebody may sit in between");
  }
  if (!bound && target.require_binding) return fail(Code::auth_failed, "NTLM: not bound to TLS");
  return {};
}

Step NtlmServer::authenticate(std::string_view octets) {
  state_ = State::over;
  auto message = ntlm::parse_authenticate(octets);
  if (!message) return Failure{std::move(message).error()};
  const auto attributes = ntlm::response_attributes(message->nt_response);
  if (!attributes) return failure(Code::auth_failed, attributes.error().detail);
  if (message->user.empty()) return failure(Code::auth_failed, "NTLM: nobody's name");
  const auto flags = ntlm::find_av(*attributes, ntlm::av_flags);
  has_mic_ = flags && flags->size() == 4 && (load_u32le(*flags) & ntlm::av_flag_mic) != 0;
  if (has_mic_ && message->mic.empty()) {
    return failure(Code::auth_failed, "NTLM: the message integrity code was taken out");
  }
  const auto checked =
      check_binding(has_mic_, ntlm::find_av(*attributes, ntlm::av_channel_bindings));
  if (!checked) return Failure{checked.error()};
  authenticate_ = octets;
  mic_ = std::move(message->mic);
  key_exchange_ = (message->flags & ntlm::flag_key_exchange) != 0;
  encrypted_key_ = std::move(message->session_key);
  state_ = State::lookup;
  return NeedLookup{CheckNtlm{.domain = std::move(message->domain),
                              .user = std::move(message->user),
                              .workstation = std::move(message->workstation),
                              .challenge = options_.challenge,
                              .nt_response = std::move(message->nt_response),
                              .lm_response = std::move(message->lm_response)}};
}

Result<> NtlmServer::check_mic(const NtlmReply& reply) const {
  if (!has_mic_) return {};
  if (reply.session_base_key.size() != key_octets) {
    return fail(Code::unavailable, "NTLM: winbind gives no session key: its pipe is privileged");
  }
  // MS-NLMP 3.4.5.1: with NTLMv2 the key exchange key is the session base key.
  std::string key = reply.session_base_key;
  if (key_exchange_) {
    if (encrypted_key_.size() != key_octets) {
      return fail(Code::invalid, "NTLM: a session key of a wrong length");
    }
    key = rc4(key, encrypted_key_);
  }
  std::string last = authenticate_;
  last.replace(ntlm::mic_offset, ntlm::mic_octets, ntlm::mic_octets, '\0');
  if (!equal_in_constant_time(hmac_md5(key, negotiate_ + challenge_ + last), mic_)) {
    return fail(Code::auth_failed, "NTLM: the messages were changed on their way");
  }
  return {};
}

Step NtlmServer::resume(Result<NtlmReply> answer) {
  if (state_ != State::lookup) return failure(Code::internal, "NTLM: an answer nobody asked for");
  state_ = State::over;
  if (!answer) return Failure{std::move(answer).error()};
  const auto whole = check_mic(*answer);
  wipe(answer->session_base_key);
  if (!whole) return Failure{whole.error()};
  return Success{.authcid = std::move(answer->name), .authzid = "", .final_octets = ""};
}

}  // namespace eilpost::sasl
