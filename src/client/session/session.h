// A signed-in connection to any IMAP server: what it can do, what was enabled, the selected
// mailbox, and the commands that every tool needs, each using the best the server has and doing
// without what it lacks. Alerts reach the user through the hooks, always (RFC 9051 7.1). Errors of
// a refusal are made by error_of() (trouble.h) and leave the session usable; after Code::closed,
// timeout or io it is not: open another. It belongs to one executor and one coroutine at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "client/session/connection.h"
#include "client/session/endpoint.h"
#include "client/session/quirks.h"
#include "client/session/sign_in.h"
#include "client/session/trouble.h"
#include "net/tls.h"

namespace eilpost::client {

struct Hooks {
  // Text of an [ALERT], or of what servers use in its place, and where it came from
  // ("imap.example.org").
  std::function<void(std::string_view server, std::string_view text)> alert;
  std::function<void(ConnectionOptions::Way way, std::string_view line)> trace;
  // What the server does against the rules, once a session.
  std::function<void(std::string_view server, const QuirkInfo& quirk)> quirk;
};

// COMPRESS=DEFLATE (RFC 4978) once signed in, where the server has it.
enum class Compression {
  automatic,  // unless the server is on this machine
  always,     // also there: what listens here may be the end of a tunnel
  never,
};

struct SessionOptions {
  Endpoint endpoint;
  // For implicit TLS and STARTTLS; never null unless the endpoint's security is none.
  std::shared_ptr<net::TlsContext> tls;
  std::chrono::seconds silence{120};
  std::chrono::seconds connect{30};
  uint64_t held_literal_bytes_max = 1024 * 1024;
  // More than a command may bring in responses (connection.h).
  uint64_t response_bytes_max = ConnectionOptions().response_bytes_max;
  Compression compression = Compression::automatic;
  // ID (RFC 2971) once signed in, where the server has it.
  bool tell_id = true;
  Hooks hooks;
};

// A mailbox as SELECT has described it, kept up to date by what the server says since.
struct SelectedMailbox {
  std::string name;  // UTF-8
  bool read_only = false;
  uint32_t exists = 0;
  uint32_t uid_validity = 0;    // 0: the server does not say
  uint32_t uid_next = 0;        // 0: likewise
  uint64_t highest_modseq = 0;  // 0: no CONDSTORE here
  std::vector<std::string> flags;
  std::vector<std::string> permanent_flags;
  bool keywords_allowed = false;  // "\*" is among them
  std::string mailbox_id;         // OBJECTID; "" without
  // Of SELECT with QRESYNC.
  IntervalSet vanished;
  std::vector<imap::FetchData> changed;
};

struct MailboxInfo {
  std::string name;      // UTF-8
  char delimiter = '/';  // 0: no hierarchy
  std::vector<std::string> attributes;
  std::string special_use;  // "\Sent"; "" for none
  bool selectable = true;
  bool subscribed = false;
};

class Session {
 public:
  // Connected, greeted, under TLS where the endpoint asks for it, capabilities known.
  static Task<Result<std::unique_ptr<Session>>> open(SessionOptions options);

  // Signs in by the strongest way that server, credentials and connection allow (sign_in.h), asks
  // for CAPABILITY again, tells ID. Code::auth_failed, authz_failed, expired, privacy_required,
  // limit, unavailable as the server says; Code::cannot: no mechanism fits.
  Task<Result<>> sign_in(SignIn sign_in, Random& random);
  // open() and sign_in().
  static Task<Result<std::unique_ptr<Session>>> start(SessionOptions options, SignIn sign_in,
                                                      Random& random);

  bool has(std::string_view capability) const;
  // The value behind "APPENDLIMIT=", "THREAD=" (the first of them); nullopt: not listed.
  std::optional<std::string> capability_value(std::string_view name) const;
  const std::vector<std::string>& capabilities() const { return capabilities_; }
  // What of these the server confirms; the others are quietly left out. Before SELECT.
  Task<Result<std::vector<std::string>>> enable(std::vector<std::string> names);
  bool enabled(std::string_view name) const;

  struct SelectHow {
    bool read_only = false;
    bool condstore = false;
    std::optional<imap::QResync> qresync;  // only when QRESYNC is enabled
  };
  Task<Result<>> select(std::string name, SelectHow how);
  Task<Result<>> unselect();
  // Null when none is selected.
  const SelectedMailbox* selected() const { return selected_ ? &*selected_ : nullptr; }

  // Runs a command; NO and BAD are Errors.
  Task<Result<imap::StatusResponse>> command(imap::CommandBody body);
  Task<Result<imap::StatusResponse>> command(imap::CommandBody body, Expect expect);
  // The same as UID FETCH, UID STORE ...
  Task<Result<imap::StatusResponse>> uid_command(imap::CommandBody body, Expect expect);
  Task<Result<imap::StatusResponse>> text_command(std::string text, Expect expect);
  // For pipelines: send through connection(), then this.
  Task<Result<imap::StatusResponse>> finish(Connection::Ticket ticket);

  // Every mailbox that `pattern` matches, with special uses and subscriptions however the server
  // tells them.
  Task<Result<std::vector<MailboxInfo>>> list(std::string pattern = "*");
  Task<Result<imap::StatusData>> status(std::string mailbox, std::vector<imap::StatusItem> items);
  // Empty where the server does not know NAMESPACE.
  Task<Result<imap::NamespaceData>> name_space();
  // The delimiter of the personal namespace, 0 for none.
  Task<Result<char>> delimiter();
  // Makes it and those above it that are missing; nothing when it exists.
  Task<Result<>> create(std::string mailbox, std::vector<std::string> special_use = {});
  // UIDs that match; `criteria` as SEARCH has them ("DELETED SINCE 1-Jan-2020").
  Task<Result<UidSet>> search(std::string criteria);

  Task<> logout();

  // False when the connection is of no more use: what failed was no refusal.
  bool is_alive() {
    return connection_.stream() && !connection_.is_broken() && connection_.bye().empty();
  }

  Connection& connection() { return connection_; }
  // Told to the hook when it is the first of its kind in this session.
  void note(Quirk quirk);
  const QuirkLog& quirks() const { return quirks_; }
  const Endpoint& endpoint() const { return options_.endpoint; }
  // As the server told; "" fields without ID.
  const imap::IdParameters& server_id() const { return server_id_; }
  const std::string& greeting() const { return greeting_; }
  const std::string& mechanism() const { return mechanism_; }
  std::optional<net::TlsInfo> tls_info() { return connection_.stream().tls_info(); }
  const std::vector<std::string>& alerts() const { return alerts_; }

 private:
  Session(SessionOptions options, net::Stream stream);
  Task<Result<>> greet();
  Task<Result<>> begin_tls();
  Task<Result<>> ask_capability();
  Task<Result<>> tell_id();
  Task<Result<>> begin_compress();
  Task<Result<>> try_sign_in(const SignIn& sign_in, Random& random);
  Task<Result<>> authenticate(sasl::Mechanism mechanism, const SignIn& sign_in, Random& random,
                              bool initial_response);
  Task<Result<>> login_command(const SignIn& sign_in);
  Task<Result<>> complete_mailbox(std::string name);
  ConnectionOptions connection_options();
  void observe(const imap::Response& response);
  void observe_status(const imap::StatusResponse& status);
  void observe_mailbox(const imap::Response& response);

  SessionOptions options_;
  Connection connection_;
  std::vector<std::string> capabilities_;
  bool capability_told_ = false;
  bool in_clear_ = false;  // STARTTLS has yet to come: anybody may say what is heard
  std::vector<std::string> enabled_;
  std::optional<SelectedMailbox> selected_;
  QuirkLog quirks_;
  imap::IdParameters server_id_;
  std::string greeting_;
  std::string mechanism_;
  std::vector<std::string> alerts_;
};

}  // namespace eilpost::client
