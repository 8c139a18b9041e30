// The capabilities as one table: each name with the states in which it is offered. An extension
// adds its line in capability.cc. RFC 9051 6.1.1. Values only; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eilpost::imap {

// What a session is at the moment that it lists its capabilities.
struct CapabilityState {
  bool authenticated = false;
  bool tls = false;
  // STARTTLS would work here and TLS is not on.
  bool starttls_offered = false;
  // LOGIN and PLAIN are allowed on this connection as it is; else LOGINDISABLED is listed.
  bool plaintext_allowed = false;
  // SASL names that would work here, in the order to list them. The caller leaves out what needs
  // TLS.
  std::vector<std::string> mechanisms;
  uint64_t append_limit_bytes = 0;
  bool admin = false;          // may do SETQUOTA
  bool uid_only = false;       // the account has opted in to UIDONLY
  uint32_t message_limit = 0;  // MESSAGELIMIT, of an account that has opted in; else 0
  // Names (as in the list) that this account's clients do not get to see.
  std::vector<std::string> hidden;
};

// In the order to print.
std::vector<std::string> capabilities(const CapabilityState& state);

// What ENABLE may switch on.
enum class Enableable : uint8_t {
  imap4rev2,
  condstore,
  qresync,
  metadata,
  metadata_server,
  utf8_accept,
  uid_only
};
// nullopt: not something that can be enabled here (ENABLE leaves it out of ENABLED). `name` in
// upper case.
std::optional<Enableable> enableable(std::string_view name);
std::string_view enableable_name(Enableable what);

}  // namespace eilpost::imap
