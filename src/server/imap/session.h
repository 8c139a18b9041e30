// One IMAP connection: state, what was ENABLEd, the selected mailbox, what is about to be sent. The
// loop in session.cc reads commands and hands each to its run() (commands.h), one file per command.
// A session belongs to one executor and one coroutine; nothing here is thread safe. It holds no
// buffer while it waits: 10,000 idle sessions are to cost little.
//
// What a command does, in short:
//   appends untagged responses to out(), calling send_if_large() between batches of them;
//   changes the store with co_await mutate<R>(f), reads it on the disk pool with co_await read(f);
//   answers a Reply, which the loop prints after announcing what else has happened (sync).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "directory/authenticator.h"
#include "directory/client_masks.h"
#include "directory/policy/decide.h"
#include "mime/collation.h"
#include "net/stream.h"
#include "protocol/imap/command.h"
#include "protocol/imap/framer.h"
#include "protocol/imap/response.h"
#include "server/access/traces.h"
#include "server/imap/live_search.h"
#include "server/imap/texts.h"
#include "server/imap/view.h"
#include "server/world.h"

namespace eilpost::server {

struct AppendState;
struct NotifyState;

// The tagged answer of a command.
struct Reply {
  imap::Condition condition = imap::Condition::ok;
  imap::ResponseCode code;
  std::string text;
  bool printed = false;

  static Reply ok(std::string text) { return {imap::Condition::ok, {}, std::move(text)}; }
  static Reply ok(imap::ResponseCode code, std::string text) {
    return {imap::Condition::ok, std::move(code), std::move(text)};
  }
  static Reply no(imap::CodeName code, std::string text) {
    return {imap::Condition::no, imap::ResponseCode(code), std::move(text)};
  }
  // Nothing is printed: the command has answered for itself.
  static Reply silent() {
    Reply reply;
    reply.printed = true;
    return reply;
  }
  static Reply bad(std::string text) { return {imap::Condition::bad, {}, std::move(text)}; }
};

enum class SessionState { not_authenticated, authenticated, selected, logout };

struct Selected {
  MailboxId mailbox;
  std::string name;  // UTF-8
  bool read_only = false;
  View view;
  std::unique_ptr<store::Subscription> subscription;
  UidSet saved;  // "$" (RFC 5182)
  std::vector<LiveSearch> live;
};

// What a client that ENABLEd METADATA is to be told of (RFC 5464 4.4.2).
struct MetadataNews {
  bool mailboxes = false;                             // else of the server's entries only
  ModSeq seen;                                        // changes up to here were told
  std::unique_ptr<store::Subscription> subscription;  // null: nothing is told
};

class ImapSession {
 public:
  ImapSession(ServerWorld& world, ListenerPolicy policy, net::Stream stream);
  ~ImapSession();
  ImapSession(const ImapSession&) = delete;
  ImapSession& operator=(const ImapSession&) = delete;

  // From greeting to close.
  net::Task<> serve();

  // Surroundings.
  ServerWorld& world() { return world_; }
  const Settings& settings() const { return *settings_; }
  const ListenerPolicy& policy() const { return policy_; }
  net::Stream& stream() { return stream_; }
  imap::Framer& framer() { return framer_; }
  net::Signal& signal() { return signal_; }
  SessionTable::Entry& entry() { return entry_; }
  const log::Source& log() const { return log_; }

  // Who.
  SessionState state() const { return state_; }
  void set_state(SessionState state);
  const directory::Identity& identity() const { return *identity_; }
  // Login has succeeded: opens the account. The Error is to be answered (NO [LIMIT],
  // [UNAVAILABLE]).
  net::Task<Result<>> enter(directory::Identity identity);
  store::Account& account() { return *account_; }
  store::AccountPtr account_ptr() { return account_; }
  store::Author author() const;
  store::QuotaLimit quota() const;
  // Looks the account's own limits up again, unless that was done in the last five seconds: an
  // administrator may have changed them. Where the directory fails, those that are known hold.
  net::Task<> renew_quota();
  // The account's own limits have changed since the login.
  void set_quota(const directory::Quota& quota) { identity_->quota = quota; }
  // Undoes the login: the state of a connection that is new, but for TLS and failed logins.
  net::Task<> leave();
  // Whether this capability is hidden from the client: by an administrator, from the account or
  // from all, or because it was seen not to live with it (directory/client_masks.h).
  bool hides(std::string_view capability) const;
  // What it says of itself with ID.
  void set_client(std::string client);
  // It has shown that it cannot live with a capability: it does not see it at its next login.
  net::Task<> learn(std::string_view capability, std::string_view why);
  // Whether the account has one of those that have to be asked for, and sees it.
  bool opted_in(std::string_view capability) const;
  // Messages that one command may work on (RFC 9738); 0: the account has not asked for a limit.
  uint32_t message_limit() const;
  // Leaves in `uids`, on which a command is to work, as many as it may: the highest. The lowest of
  // them, where some had to go.
  std::optional<Uid> limit(UidSet& uids) const;
  std::vector<std::string> capabilities() const;
  directory::ConnectionSecurity security() const;

  // An administrator's rules (session_policy.cc).
  // What may be tried here at this moment.
  directory::AuthPolicy offered() const;
  directory::Decision decide(const directory::Claimant* who) const;
  // Before a password is looked at, by the name as it was given; and when the account is known.
  // Code::privacy_required or permission, with refusal_text for the user.
  Result<> admit_by_policy(std::string_view name, sasl::Mechanism mechanism);
  Result<> admit_by_policy(const directory::Identity& identity);
  // Reads what is kept of the account beside its mail, for what follows: its own rules, and what
  // was learned about its clients.
  net::Task<Result<>> load_rules(const directory::Identity& identity);
  // Who was refused leaves none behind.
  void forget_rules() {
    own_rules_.clear();
    masks_.clear();
  }
  // Reads them again and says BYE if the rules no longer allow this session.
  net::Task<> renew_policy();
  // Says BYE if the rules no longer allow this session.
  void recheck_policy();
  // Nothing for a mechanism that no rule can name.
  static std::optional<directory::Claimant> claimant_of(const directory::Identity& identity);
  // The one who acts, where that is somebody else than whose mail it is.
  static std::optional<directory::Claimant> actor_of(const directory::Identity& identity);
  std::string refusal_text;
  bool alerts_told = false;                // those of each login
  bool secret_exchange = false;            // a SASL exchange is under way
  std::optional<std::string> client_name;  // what ID said, when it was said

  // What was ENABLEd.
  bool rev2 = false;
  bool condstore = false;
  bool qresync = false;
  bool utf8 = false;      // UTF8=ACCEPT; rev2 implies UTF-8 names too
  bool uid_only = false;  // UIDONLY (RFC 9586): no message number in either direction
  bool utf8_on() const { return rev2 || utf8; }
  imap::WriteStyle style() const { return {utf8_on()}; }
  imap::ParseOptions parse_options() const;
  mime::Collation collation = mime::Collation::unicode_casemap;  // COMPARATOR (RFC 5255)
  Language language = Language::international;                   // LANGUAGE (RFC 5255)
  // An English text as the client's user is to read it (texts.h).
  std::string_view text(std::string_view english) const { return text_in(language, english); }
  MetadataNews metadata_news;
  // Tells of annotations from here on; with `mailboxes`, not only of the server's.
  struct MetadataScope {
    bool mailboxes = false;
  };
  void follow_metadata(MetadataScope scope);
  // What NOTIFY asked for (notify.h); null: it was never used.
  std::unique_ptr<NotifyState> notify;
  bool quota_warned = false;  // the client knows that little is left
  // Switches CONDSTORE on by use (RFC 7162 3.1), announcing HIGHESTMODSEQ of the selected mailbox.
  void use_condstore();

  // The selected mailbox; null unless state() is selected.
  Selected* selected() { return selected_ ? &*selected_ : nullptr; }
  void select(Selected selected);
  // Leaves the mailbox without expunging; takes its arrivals as seen \Recent.
  net::Task<> deselect();
  // A command's set as uids of the view; "$" too. Code::invalid: answer BAD.
  Result<UidSet> resolve(const imap::SequenceSet& set, bool uid) const;

  // The store.
  template <class R>
  net::Task<Result<R>> mutate(std::function<Result<R>(store::Tx&)> f) {
    if (identity_->read_only) co_return fail(Code::permission, "this login only reads");
    auto start = [this, &f](std::function<void(Result<R>)> done) {
      account_->mutate<R>(author(), std::move(f), std::move(done));
    };
    auto result = co_await net::await_callback<Result<R>>(start);
    if (result) fresh_ = changed_ = true;  // the runner has compared versions
    co_return result;
  }
  // The running command has changed the account by another way than mutate().
  void note_change() { changed_ = true; }
  // f() on the disk pool; it must own what it uses. Result<T> of what f returns.
  template <class F>
  net::Task<typename net::detail::JobResult<std::invoke_result_t<F&>>::type> read(F f) {
    auto result = co_await net::run_on(world_.disk, std::move(f));
    co_return result;
  }
  // Sees to it that the account is as new as the running command. Where other nodes write too, that
  // is one comparison of versions for a command, however often it asks.
  net::Task<Result<>> refresh();
  // The mailbox as it stands in memory, never older than the last refresh() or mutate().
  net::Task<Result<store::SnapshotPtr>> open(MailboxId mailbox);
  // The mailbox of that name, or Code::not_found. After refresh().
  Result<MailboxId> find_mailbox(const std::string& name);
  store::FoldersPtr folders() { return account_->folders(); }

  // Sending. What is appended to out() goes when the command ends, or earlier through these.
  std::string& out() { return out_; }
  net::Task<Result<>> send();
  // Sends out() and `octets` behind it, without copying them together.
  net::Task<Result<>> send_with(std::string_view octets);
  // Sends when out() holds more than 64 KiB.
  net::Task<Result<>> send_if_large();
  // Enough waits to be sent: what send_if_large() asks, for loops that seldom need to wait.
  bool wants_send() const;
  // Announces what has happened to the selected mailbox. With `expunges` false only what may be
  // said while message numbers are in use (RFC 9051 7.5.1).
  net::Task<Result<>> sync(bool expunges);
  // Whether expunges may be told when the running command ends: RFC 9051 7.5.1 forbids it also
  // while a command that uses message numbers waits in the pipeline.
  bool pipeline_allows_expunge() const;
  // When a wait for the client is given up.
  net::Deadline deadline() const;
  // The peer has gone or the session was asked to end: long commands look between two steps.
  bool ending() const;
  // A FETCH response's FLAGS (and UID, MODSEQ where enabled) for one message of the view.
  void append_flags_response(Seq seq, Uid uid, bool with_flags);
  // Begins a FETCH response, or a UIDFETCH response where UIDONLY is enabled.
  imap::FetchWriter fetch_writer(Seq seq, Uid uid);

  // "* BYE text", then the end.
  void bye(imap::CodeName code, std::string_view text);

  // Of the running command.
  AppendState& append_state();

 private:
  // False when the session ends. A session that waits holds the frames of all coroutines above it:
  // those of every command are short and few.
  net::Task<bool> greeted();
  net::Task<bool> next_event();
  net::Task<bool> need_more();
  net::Task<bool> handle_event(imap::FramerEvent event);
  net::Task<bool> fill();
  net::Task<bool> push();
  net::Task<Result<>> leave_out_own(UidSet& added, ModSeq since);
  net::Task<bool> handle_frame(imap::Frame frame);
  net::Task<> end();
  net::Task<Reply> dispatch(const imap::Command& command);
  net::Task<> finish(std::string tag, Reply reply, bool expunges);
  net::Task<> drop_append();
  net::Task<> handle_literal(imap::LiteralAnnounced literal);
  void greet();
  // Begins and ends with the traces that somebody takes.
  void follow_traces();
  Result<> refuse_by(const directory::Decision& decision, const directory::Claimant& who);
  void bad_command(std::string_view tag, std::string_view why, imap::CodeName code);
  net::Task<Result<>> print(Announcement news);
  net::Task<Result<>> take(store::SnapshotPtr now, bool expunges);
  void log_end();

  ServerWorld& world_;
  SettingsPtr settings_;
  ListenerPolicy policy_;
  net::Stream stream_;
  net::Signal signal_;
  imap::Framer framer_;
  net::Deadline login_by_;
  SessionTable::Entry entry_;
  log::Source log_;
  SessionState state_ = SessionState::not_authenticated;
  std::optional<directory::Identity> identity_;
  std::optional<int64_t> quota_read_at_;      // by the steady clock; nothing: as the login found it
  std::vector<directory::ClientMask> masks_;  // of the account, as the login found them
  store::AccountPtr account_;
  std::optional<Selected> selected_;
  std::unique_ptr<AppendState> append_;
  std::unique_ptr<SessionTrace> trace_;           // null: nobody has traced since the session began
  std::vector<directory::PolicyRule> own_rules_;  // the account's
  std::string out_;
  int bad_commands_ = 0;
  bool uid_command_ = false;  // the running command came as UID
  bool fresh_ = false;        // the account is as new as the running command
  bool changed_ = false;      // the running command has changed the account
  bool broken_ = false;       // the connection no longer takes octets

 public:
  int failed_logins = 0;
};

// Reasons of the session's Signal.
inline constexpr uint32_t wake_mailbox = 1;
inline constexpr uint32_t wake_stop = 2;    // the server drains
inline constexpr uint32_t wake_end = 4;     // an administrator or a limit ends this session
inline constexpr uint32_t wake_policy = 8;  // the rules on who may be here have changed

// The store's flag bits as the protocol's: the same values, by the RFC's order of both.
uint8_t wire_flags(uint8_t store_flags);

// The handler of an IMAP listener.
net::Task<> imap_session(ServerWorld& world, ListenerPolicy policy, net::Stream stream);

}  // namespace eilpost::server
