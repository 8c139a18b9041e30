// The commands that work on the mail and the accounts, as values: made from arguments by
// command_line.cc, run by admin.cc - in the server when one runs, else in the process of the
// command. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace eilpost {

struct AccountAdd {
  std::string name;
  std::vector<std::string> aliases;
  std::string display_name;
  uint64_t quota_bytes = 0;
  uint64_t quota_messages = 0;
  uint64_t quota_mailboxes = 0;
  bool no_password = false;
};
struct AccountList {
  bool json = false;
};
struct AccountShow {
  std::string name;
};
struct AccountResolve {
  std::string name;
};
struct GrantList {
  std::string account;  // empty: all
};
struct GrantAdd {
  std::string account;
  std::string to;
  std::string rights = "full";
  uint64_t days = 0;  // 0: for ever
};
struct GrantRemove {
  std::string account;
  std::string to;
};
struct AccountPasswd {
  std::string name;
};
struct AccountRemove {
  std::string name;
};
struct AccountAlias {
  std::string name;
  std::string alias;
  bool remove = false;
};
struct AccountSet {
  std::string name;
  std::optional<uint64_t> quota_bytes;
  std::optional<uint64_t> quota_messages;
  std::optional<uint64_t> quota_mailboxes;
  std::optional<bool> admin;
  std::vector<std::string> hide;  // capabilities
  std::vector<std::string> show;  // no longer hidden
  std::optional<bool> disabled;
  std::optional<std::string> display_name;
  std::optional<std::vector<std::string>> offered;  // capabilities that have to be asked for
};
struct AppPasswordAdd {
  std::string name;
  std::string label;
  std::vector<std::string> services;
  bool read_only = false;
};
struct AppPasswordList {
  std::string name;
  bool json = false;
};
struct AppPasswordRemove {
  std::string name;
  std::string label;  // or the id
};
struct MailboxList {
  std::string account;
  bool json = false;
};
struct Check {
  std::string account;  // empty: all
  bool repair = false;
  bool quick = false;  // do not read messages' octets
};
struct Backup {
  std::string directory;
  bool verify = false;  // only look whether the backup is whole
};
enum class MailFormat { automatic, maildir, mbox };
struct Import {
  std::string account;
  std::string path;
  MailFormat format = MailFormat::automatic;
  std::string mailbox;  // where an mbox file goes, or what stands above the folders; "": see help
  std::string ledger;   // "": beside the source
};
struct Export {
  std::string account;
  std::string path;
  MailFormat format = MailFormat::maildir;
  std::string mailbox;  // empty: all
};
// The sessions, as lines of tab-separated fields: what `eilpost top` draws.
struct Sessions {};
struct ClusterStatus {
  bool json = false;
  std::string account;  // not empty: only where this one lies
};
struct StoreCopy {
  std::string to;                     // the target's configuration file
  std::vector<std::string> accounts;  // empty: all
  bool final = false;                 // hand them over
};

struct IndexStatusCommand {
  std::string account;  // empty: all
  bool json = false;
};
struct IndexRebuild {
  std::string account;
};
struct IndexDrop {
  std::string account;
};
struct ConfigExplain {
  std::string account;
  std::string from = "127.0.0.1";
  std::string listener;  // empty: every one on which mail is read
  std::string tls;       // "none", "1.2", "1.3"; empty: as the listener begins
  std::string client;    // what ID says; empty: nothing
};

struct AbuseList {};
struct AbuseForget {
  std::string key;  // an account or an address
};
struct LogExplain {
  std::string id;  // of a session, as answers and log lines have it
};
struct TraceAccount {
  std::string account;
  int64_t seconds = 300;
  uint64_t kilobytes = 1024;
};

struct AccountPolicy {
  std::string name;
  std::optional<std::string> rules;  // nothing: show them; "": none
};
struct AlertSend {
  std::string text;
  std::string german;
  std::vector<std::string> accounts;  // empty: everybody
  std::string until;                  // a day; empty: 30 days
  bool maintenance = false;
  bool mail = false;
};
struct AlertList {};
struct AlertRemove {
  std::string id;
};
struct AlertRules {};

using AdminCommand =
    std::variant<AccountAdd, AccountList, AccountShow, AccountPasswd, AccountRemove, AccountAlias,
                 AccountSet, AccountResolve, AppPasswordAdd, AppPasswordList, AppPasswordRemove,
                 GrantList, GrantAdd, GrantRemove, MailboxList, Check, Backup, Import, Export,
                 Sessions, ClusterStatus, StoreCopy, IndexStatusCommand, IndexRebuild, IndexDrop,
                 ConfigExplain, AbuseList, AbuseForget, LogExplain, TraceAccount, AlertSend,
                 AlertList, AlertRemove, AlertRules, AccountPolicy>;

// Whether the command wants a password, which is asked for where the command is typed.
inline bool wants_password(const AdminCommand& command) {
  if (const auto* add = std::get_if<AccountAdd>(&command)) return !add->no_password;
  return std::holds_alternative<AccountPasswd>(command);
}

}  // namespace eilpost
