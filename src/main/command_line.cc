#include "main/command_line.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "main/tools/tools.h"

#ifndef EILPOST_VERSION
#define EILPOST_VERSION "unknown"
#endif

namespace eilpost {

namespace {

MailFormat format_of(std::string_view name) {
  if (name == "mbox") return MailFormat::mbox;
  return name == "maildir" ? MailFormat::maildir : MailFormat::automatic;
}

// CLI11 fills in these while it parses; what was chosen is moved out at the end.
class Builder {
 public:
  Builder() : app_("Eilpost, an IMAP mail server.", "eilpost") {
    app_.require_subcommand(1);
    app_.set_help_flag("-h,--help", "Show this help");
    app_.set_version_flag("--version", "eilpost " EILPOST_VERSION, "Show the version");
    app_.footer("eilpost COMMAND --help tells more about each command.");
    serving();
    accounts();
    grants();
    mail();
    safety();
    cluster();
    index();
    access();
    alerts();
    tools();
    add_tools({app_, [this](ToolCommand run) { line_.command = ToolRun{std::move(run)}; }});
  }

  ParsedCommandLine parse(std::vector<std::string> arguments) {
    if (arguments.empty()) {
      ParsedCommandLine nothing;
      nothing.exit_code = 2;
      nothing.text = app_.help();
      return nothing;
    }
    if (arguments[0].substr(0, 1) != "-" && !knows(arguments[0])) {
      ParsedCommandLine unknown;
      unknown.exit_code = 2;
      unknown.text = "eilpost: there is no command \"" + arguments[0] +
                     "\"; eilpost --help shows those that are\n";
      return unknown;
    }
    // CLI11 takes them from the back.
    std::reverse(arguments.begin(), arguments.end());
    ParsedCommandLine out;
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::ParseError& e) {
      std::ostringstream shown, errors;
      const bool asked = app_.exit(e, shown, errors) == 0;
      out.exit_code = asked ? 0 : 2;
      out.text = shown.str() + errors.str();
      return out;
    }
    if (!usage_.empty()) {
      out.exit_code = 2;
      out.text = usage_;
      return out;
    }
    out.runs = true;
    out.line = std::move(line_);
    return out;
  }

 private:
  bool knows(const std::string& name) const {
    const auto all = app_.get_subcommands(nullptr);
    return std::any_of(all.begin(), all.end(),
                       [&](const CLI::App* command) { return command->get_name() == name; });
  }
  CLI::App* add(CLI::App* parent, const char* name, const char* help) {
    auto* command = parent->add_subcommand(name, help);
    command->set_help_flag("-h,--help", "Show this help");
    return command;
  }
  // A command that looks for the server or its data.
  CLI::App* add_located(CLI::App* parent, const char* name, const char* help) {
    auto* command = add(parent, name, help);
    command
        ->add_option("--config", line_.config_file,
                     "Configuration file (/etc/eilpost/eilpost.toml, if it exists)")
        ->type_name("FILE");
    command->add_option("--data", line_.data_dir, "Data directory; instead of the configuration's")
        ->type_name("DIR");
    return command;
  }
  // A command that the running server does.
  CLI::App* add_admin(CLI::App* parent, const char* name, const char* help) {
    auto* command = add_located(parent, name, help);
    command->footer("Done by the server when one runs on the data, else by this process.");
    return command;
  }
  template <class T>
  void runs(CLI::App* command, T& value) {
    command->callback([this, &value] { line_.command = value; });
  }
  template <class T>
  void runs_admin(CLI::App* command, T& value) {
    command->callback([this, &value] { line_.command = AdminCommand(value); });
  }

  void serving();
  void add_demo();
  void accounts();
  void account_changes(CLI::App* group);
  void app_passwords(CLI::App* group);
  void grants();
  void account_policy(CLI::App* group);
  void mail();
  void safety();
  void tools();
  void config_explain(CLI::App* config);
  void access();
  void alerts();
  void cluster();
  void index();

  CLI::App app_;
  CommandLine line_;
  std::string usage_;  // what is wrong in a way that CLI11 cannot say
  ServeCommand serve_;
  DemoOptions demo_;
  std::string demo_engine_ = "rocksdb";
  AccountAdd account_add_;
  AccountList account_list_;
  AccountShow account_show_;
  AccountResolve account_resolve_;
  GrantList grant_list_;
  GrantAdd grant_add_;
  GrantRemove grant_remove_;
  AccountPasswd account_passwd_;
  AccountRemove account_remove_;
  AccountAlias account_alias_;
  AccountSet account_set_;
  AppPasswordAdd app_password_add_;
  AppPasswordList app_password_list_;
  AppPasswordRemove app_password_remove_;
  uint64_t set_bytes_ = 0;
  uint64_t set_messages_ = 0;
  uint64_t set_mailboxes_ = 0;
  bool admin_ = false;
  bool no_admin_ = false;
  std::string set_display_name_;
  std::vector<std::string> set_offered_;
  bool disable_ = false;
  bool enable_ = false;
  MailboxList mailbox_list_;
  Check check_;
  bool check_all_ = false;
  Backup backup_;
  RestoreOptions restore_;
  Import import_;
  std::string import_format_ = "auto";
  Export export_;
  std::string export_format_ = "maildir";
  Sessions sessions_;
  TopOptions top_;
  ClusterStatus cluster_status_;
  StoreCopy store_copy_;
  IndexStatusCommand index_status_;
  IndexRebuild index_rebuild_;
  IndexDrop index_drop_;
  ConfigCheckCommand config_check_;
  ConfigKeysCommand config_keys_;
  ConfigExplain config_explain_;
  AbuseList abuse_list_;
  AbuseForget abuse_forget_;
  LogExplain log_explain_;
  TraceAccount trace_;
  AlertSend alert_send_;
  AccountPolicy account_policy_;
  std::string policy_rules_;
  bool policy_clear_ = false;
  AlertList alert_list_;
  AlertRemove alert_remove_;
  AlertRules alert_rules_;
  VersionCommand version_;
};

void Builder::serving() {
  auto* serve = add_located(&app_, "serve", "Run the server in the foreground");
  serve->footer(
      "SIGTERM ends it when its sessions have ended; what has not after 10 s is cut off.\n"
      "SIGHUP reads the certificates again, and of the configuration [limits], [store], [abuse],\n"
      "[alerts], [[policy]], [auth], [oauth], [kerberos], [ntlm], quotas, [[accounts.mailbox]],\n"
      "subaddress_folder and hostname. Listeners, engine, memory, threads and log need a restart.");
  runs(serve, serve_);
  add_demo();
}

void Builder::add_demo() {
  auto* demo = add(&app_, "demo", "Serve made-up accounts on loopback, to try things out");
  demo->add_option("--data", demo_.data_dir, "Directory that keeps everything")
      ->required()
      ->type_name("DIR");
  demo->add_option("--config", demo_.config_file,
                   "Configuration for the rest: policy, limits, log; read again at SIGHUP")
      ->type_name("FILE");
  demo->add_option("--base-port", demo_.base_port,
                   "IMAP is on this plus 143, IMAPS 993, LMTP 24, HTTP 80")
      ->check(CLI::Range(0, 64000))
      ->capture_default_str();
  demo->add_option("--accounts", demo_.accounts, "How many: user1@example.org, ...")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  demo->add_option("--engine", demo_engine_,
                   "rocksdb keeps the data, memory forgets it, rados has it in a Ceph cluster")
      ->check(CLI::IsMember({"rocksdb", "memory", "rados"}))
      ->capture_default_str();
  demo->add_option("--ceph-conf", demo_.ceph_conf, "For rados; the other keys as by default")
      ->type_name("FILE")
      ->capture_default_str();
  demo->add_option("--namespace", demo_.name_space, "For rados: the store's RADOS namespace");
  demo->add_option("--node", demo_.node, "For rados: this node's name among several demos");
  demo->add_flag("--empty", demo_.empty, "Accounts have nothing but an empty INBOX");
  demo->add_option("--log", demo_.log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  demo->footer("Every account has the password \"pass\". Prints \"ready\" when it serves.");
  demo->callback([this] {
    demo_.engine = EngineKind::rocksdb;
    if (demo_engine_ == "memory") demo_.engine = EngineKind::memory;
    if (demo_engine_ == "rados") demo_.engine = EngineKind::rados;
    line_.command = demo_;
  });
}

void Builder::accounts() {
  auto* group = add(&app_, "account",
                    "Accounts: add, list, show, resolve, passwd, remove, alias, set, app-password, "
                    "policy");
  group->require_subcommand(1);
  auto* added = add_admin(group, "add", "Make an account");
  added->add_option("NAME", account_add_.name, "Its address, such as anna@example.org")->required();
  added->add_option("--alias", account_add_.aliases, "A further address; may be repeated");
  added->add_option("--display-name", account_add_.display_name, "Whom it belongs to");
  added->add_option("--quota-bytes", account_add_.quota_bytes, "0: the configuration's");
  added->add_option("--quota-messages", account_add_.quota_messages, "0: the configuration's");
  added->add_option("--quota-mailboxes", account_add_.quota_mailboxes, "0: the configuration's");
  added->add_flag("--no-password", account_add_.no_password, "Nobody can log in for the present");
  added->footer("The password is asked for on a terminal, else it is the first line of the input.");
  runs_admin(added, account_add_);
  auto* listed = add_admin(group, "list", "Show all accounts");
  listed->add_flag("--json", account_list_.json, "One JSON object a line");
  runs_admin(listed, account_list_);
  auto* shown = add_admin(group, "show", "Show what is set for an account, and what it uses");
  shown->add_option("NAME", account_show_.name, "The account")->required();
  runs_admin(shown, account_show_);
  auto* resolved = add_admin(group, "resolve", "Show step by step whom a login name means");
  resolved->add_option("NAME", account_resolve_.name, "As somebody types it")->required();
  runs_admin(resolved, account_resolve_);
  auto* passwd = add_admin(group, "passwd", "Change an account's password");
  passwd->add_option("NAME", account_passwd_.name, "The account")->required();
  passwd->footer(
      "The password is asked for on a terminal, else it is the first line of the input.");
  runs_admin(passwd, account_passwd_);
  auto* removed = add_admin(group, "remove", "Remove an account and all its mail, for good");
  removed->add_option("NAME", account_remove_.name, "The account")->required();
  runs_admin(removed, account_remove_);
  account_changes(group);
  app_passwords(group);
}

void Builder::app_passwords(CLI::App* accounts) {
  auto* group =
      add(accounts, "app-password", "Passwords for one program or device each: add, list, remove");
  group->require_subcommand(1);
  auto* added = add_admin(group, "add", "Make one, and show it this once");
  added->add_option("NAME", app_password_add_.name, "The account")->required();
  added->add_option("LABEL", app_password_add_.label, "What it is for, such as phone")->required();
  added->add_option("--service", app_password_add_.services, "Only for this; may be repeated")
      ->check(CLI::IsMember({"imap"}));
  added->add_flag("--read-only", app_password_add_.read_only, "Nothing can be changed with it");
  runs_admin(added, app_password_add_);
  auto* listed = add_admin(group, "list", "Show them, with their last use");
  listed->add_option("NAME", app_password_list_.name, "The account")->required();
  listed->add_flag("--json", app_password_list_.json, "One JSON object a line");
  runs_admin(listed, app_password_list_);
  auto* removed = add_admin(group, "remove", "Take one away; it logs in no more");
  removed->add_option("NAME", app_password_remove_.name, "The account")->required();
  removed->add_option("LABEL", app_password_remove_.label, "Its label or id")->required();
  runs_admin(removed, app_password_remove_);
}

void Builder::account_policy(CLI::App* group) {
  auto* policy = add_admin(group, "policy", "Show or set the rules on how this account may log in");
  policy->add_option("NAME", account_policy_.name, "The account")->required();
  auto* rules = policy->add_option("--set", policy_rules_,
                                   "Such as \"tls=required mechanisms=SCRAM-SHA-256; allow=no "
                                   "listeners=imap\"");
  rules->type_name("RULES");
  auto* clear = policy->add_flag("--clear", policy_clear_, "None of its own")->excludes(rules);
  policy->footer("The words of [[policy]] in eilpost.toml, without accounts; they only take away.");
  policy->callback([this, rules, clear] {
    if (rules->count() > 0) account_policy_.rules = policy_rules_;
    if (clear->count() > 0) account_policy_.rules = "";
    line_.command = AdminCommand(account_policy_);
  });
}

void Builder::account_changes(CLI::App* group) {
  account_policy(group);
  auto* alias = add_admin(group, "alias", "Give an account a further address, or take it away");
  alias->add_option("NAME", account_alias_.name, "The account")->required();
  alias->add_option("ADDRESS", account_alias_.alias, "The address")->required();
  alias->add_flag("--remove", account_alias_.remove, "Take it away");
  runs_admin(alias, account_alias_);
  auto* set = add_admin(group, "set",
                        "Change an account's quota, name, capabilities or whether it is enabled");
  set->add_option("NAME", account_set_.name, "The account")->required();
  auto* bytes = set->add_option("--quota-bytes", set_bytes_, "0: the configuration's");
  auto* messages = set->add_option("--quota-messages", set_messages_, "0: the configuration's");
  auto* mailboxes = set->add_option("--quota-mailboxes", set_mailboxes_, "0: the configuration's");
  auto* name = set->add_option("--display-name", set_display_name_, "Whom it belongs to");
  auto* offer = set->add_option("--offer", set_offered_,
                                "Capabilities shown to those alone who ask for them: UIDONLY,\n"
                                "MESSAGELIMIT; none takes them away")
                    ->delimiter(',')
                    ->check(CLI::IsMember({"UIDONLY", "MESSAGELIMIT", "none"}, CLI::ignore_case));
  auto* disable = set->add_flag("--disable", disable_, "Nobody can log in, mail is refused");
  set->add_flag("--enable", enable_, "The opposite")->excludes(disable);
  auto* admin = set->add_flag("--admin", admin_, "Sees and sets the quotas of all, over IMAP");
  set->add_flag("--no-admin", no_admin_, "The opposite")->excludes(admin);
  set->add_option("--hide", account_set_.hide,
                  "A capability that its clients do not get to see; may be repeated")
      ->allow_extra_args(false);
  set->add_option("--show", account_set_.show,
                  "A capability that is hidden no longer, nor from single clients")
      ->allow_extra_args(false);
  set->callback([this, bytes, messages, mailboxes, name, offer] {
    if (bytes->count() > 0) account_set_.quota_bytes = set_bytes_;
    if (messages->count() > 0) account_set_.quota_messages = set_messages_;
    if (mailboxes->count() > 0) account_set_.quota_mailboxes = set_mailboxes_;
    if (admin_) account_set_.admin = true;
    if (no_admin_) account_set_.admin = false;
    if (name->count() > 0) account_set_.display_name = set_display_name_;
    if (offer->count() > 0) {
      const bool none = set_offered_ == std::vector<std::string>{"none"};
      account_set_.offered = none ? std::vector<std::string>() : set_offered_;
    }
    if (disable_) account_set_.disabled = true;
    if (enable_) account_set_.disabled = false;
    line_.command = AdminCommand(account_set_);
  });
}

void Builder::grants() {
  auto* group = add(&app_, "grant", "Who may open another account's mail: list, add, remove");
  group->require_subcommand(1);
  auto* listed = add_admin(group, "list", "Show the grants on an account, or all");
  listed->add_option("ACCOUNT", grant_list_.account, "Whose mail");
  runs_admin(listed, grant_list_);
  auto* added = add_admin(group, "add", "Let somebody open an account's mail");
  added->add_option("ACCOUNT", grant_add_.account, "Whose mail")->required();
  added->add_option("TO", grant_add_.to, "Who may open it")->required();
  added->add_option("--rights", grant_add_.rights, "full, or read-only")
      ->check(CLI::IsMember({"full", "read-only"}))
      ->capture_default_str();
  added->add_option("--days", grant_add_.days, "How long it holds; 0: for ever")
      ->check(CLI::Range(0, 36500))
      ->capture_default_str();
  added->footer(
      "TO logs in with the own password as DOMAIN\\TO\\ACCOUNT, TO@DOMAIN/ACCOUNT, or with\n"
      "ACCOUNT as SASL authorization identity. An earlier grant to TO is replaced.");
  runs_admin(added, grant_add_);
  auto* removed = add_admin(group, "remove", "Take a grant away and end the account's sessions");
  removed->add_option("ACCOUNT", grant_remove_.account, "Whose mail")->required();
  removed->add_option("TO", grant_remove_.to, "Who may no longer open it")->required();
  runs_admin(removed, grant_remove_);
}

void Builder::mail() {
  auto* group = add(&app_, "mailbox", "Mailboxes: list");
  group->require_subcommand(1);
  auto* listed = add_admin(group, "list", "Show an account's mailboxes with what they hold");
  listed->add_option("ACCOUNT", mailbox_list_.account, "The account")->required();
  listed->add_flag("--json", mailbox_list_.json, "One JSON object a line");
  runs_admin(listed, mailbox_list_);

  auto* imported = add_admin(&app_, "import", "Read Maildir or mbox into an account");
  imported->add_option("ACCOUNT", import_.account, "The account")->required();
  imported->add_option("PATH", import_.path, "Maildir, mbox file, or directory of mbox files")
      ->required();
  imported->add_option("--format", import_format_, "auto, maildir or mbox")
      ->check(CLI::IsMember({"auto", "maildir", "mbox"}))
      ->capture_default_str();
  imported->add_option("--mailbox", import_.mailbox,
                       "Where an mbox file goes (INBOX), or what all folders are put beneath");
  imported->add_option("--ledger", import_.ledger,
                       "File that remembers what was imported (PATH.eilpost-import)");
  imported->footer(
      "A further run imports only what is new. Flags, Dovecot's keywords and dates are kept;\n"
      "Sent, Drafts, Junk, Trash and Archive are known by their usual names. Bare LF becomes\n"
      "CRLF. The account's quota is counted, not enforced. The server reads the files: it must\n"
      "be able to.");
  imported->callback([this] {
    import_.format = format_of(import_format_);
    line_.command = AdminCommand(import_);
  });

  auto* exported = add_admin(&app_, "export", "Write an account as Maildir or mbox");
  exported->add_option("ACCOUNT", export_.account, "The account")->required();
  exported->add_option("PATH", export_.path, "Directory to write into")->required();
  exported->add_option("--format", export_format_, "maildir (Maildir++) or mbox")
      ->check(CLI::IsMember({"maildir", "mbox"}))
      ->capture_default_str();
  exported->add_option("--mailbox", export_.mailbox, "Only this mailbox");
  exported->footer(
      "CRLF becomes LF. A Maildir that is there is completed; mbox files are written anew.\n"
      "The server writes the files: it must be able to.");
  exported->callback([this] {
    export_.format = format_of(export_format_);
    line_.command = AdminCommand(export_);
  });
}

void Builder::safety() {
  auto* check = add_admin(&app_, "check", "Look whether accounts hold together, and repair");
  auto* name = check->add_option("ACCOUNT", check_.account, "The account");
  auto* all = check->add_flag("--all", check_all_, "Every account")->excludes(name);
  check->add_flag("--repair", check_.repair, "Rebuild what follows from the rest");
  check->add_flag("--quick", check_.quick, "Do not read the messages themselves");
  check->callback([this, name, all] {
    usage_ = name->count() + all->count() == 1 ? "" : "check: give an ACCOUNT or --all\n";
    line_.command = AdminCommand(check_);
  });

  auto* backup = add_admin(&app_, "backup", "Copy what is new into a backup directory");
  backup->add_option("DIR", backup_.directory, "The backup, made at the first time")->required();
  backup->add_flag("--verify", backup_.verify, "Copy nothing, look whether the backup is whole");
  backup->footer(
      "The server goes on serving. A backup that is interrupted leaves the one before. Keep older\n"
      "states by copying or snapshotting the directory between two runs.");
  runs_admin(backup, backup_);

  auto* restore = add(&app_, "restore", "Make a data directory of a backup");
  restore->add_option("DIR", restore_.backup, "The backup")->required();
  restore->add_option("--to", restore_.data_dir, "The data directory; must hold no mail yet")
      ->required()
      ->type_name("DATA");
  restore->footer(
      "Every mailbox gets a new UIDVALIDITY, so that clients fetch anew and show nothing stale.");
  runs(restore, restore_);
}

void Builder::cluster() {
  auto* group = add(&app_, "cluster", "Nodes that share a store: status");
  group->require_subcommand(1);
  auto* status =
      add_admin(group, "status", "Show nodes, leases of jobs, and where an account lies");
  status->add_flag("--json", cluster_status_.json, "As one JSON object");
  status->add_option("--account", cluster_status_.account,
                     "Only this account: partition, node by affinity, version, rows and octets");
  runs_admin(status, cluster_status_);

  auto* store = add(&app_, "store", "The store as a whole: copy");
  store->require_subcommand(1);
  auto* copied = add(store, "copy", "Copy accounts into another store, on disk or in a cluster");
  copied->add_option("--from", line_.config_file, "The source's configuration")
      ->required()
      ->type_name("FILE");
  copied->add_option("--to", store_copy_.to, "The target's configuration")
      ->required()
      ->type_name("FILE");
  copied->add_option("--account", store_copy_.accounts, "Only this one; may be repeated");
  copied->add_flag("--final", store_copy_.final, "Hand the accounts over");
  copied->footer(
      "Uids, modification sequences, ids, flags, passwords and what can be recovered stay as they\n"
      "are; every row is compared and every message is read back. The server of the source goes "
      "on\n"
      "serving and does the work. A further run copies what has changed, also after a crash. With\n"
      "--final each account is closed for writing at the source before it is compared for the "
      "last\n"
      "time (mail is read, LMTP answers 451), then it appears in the target; nothing else may "
      "serve\n"
      "the source. Afterwards stop the source's server: when it is started again it takes mail.");
  runs_admin(copied, store_copy_);
}

void Builder::index() {
  auto* group = add(&app_, "index", "Text indexes: status, rebuild, drop");
  group->require_subcommand(1);
  auto* status = add_admin(group, "status", "Show what the text indexes hold and how far they are");
  status->add_option("ACCOUNT", index_status_.account, "Only this account");
  status->add_flag("--json", index_status_.json, "One JSON object a line");
  runs_admin(status, index_status_);
  auto* rebuild = add_admin(group, "rebuild", "Make an account's text index anew");
  rebuild->add_option("ACCOUNT", index_rebuild_.account, "The account")->required();
  runs_admin(rebuild, index_rebuild_);
  auto* drop = add_admin(group, "drop", "Remove an account's text index");
  drop->add_option("ACCOUNT", index_drop_.account, "The account")->required();
  drop->footer(
      "Searches find the same without it. A running server makes it again after the next change;\n"
      "search.index = false keeps it from doing so.");
  runs_admin(drop, index_drop_);
}

void Builder::access() {
  auto* abuse = add(&app_, "abuse", "Wrong passwords: list, forget");
  abuse->require_subcommand(1);
  auto* listed =
      add_admin(abuse, "list", "Show accounts, addresses and devices with failed logins");
  runs_admin(listed, abuse_list_);
  auto* forgotten = add_admin(abuse, "forget", "Let an account or an address begin anew");
  forgotten->add_option("NAME", abuse_forget_.key, "The account or the address")->required();
  runs_admin(forgotten, abuse_forget_);

  auto* log = add(&app_, "log", "What is written down: explain");
  log->require_subcommand(1);
  auto* explained =
      add_admin(log, "explain", "Show why a login was refused, by the id in the answer");
  explained->add_option("ID", log_explain_.id, "As in \"(id 0k3v9qz1x2c4)\"")->required();
  runs_admin(explained, log_explain_);

  auto* trace = add_admin(&app_, "trace", "Show what an account's clients and the server say");
  trace->add_option("ACCOUNT", trace_.account, "The account")->required();
  trace->add_option("--seconds", trace_.seconds, "For so long")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  trace->add_option("--kilobytes", trace_.kilobytes, "Up to so much")
      ->check(CLI::Range(1, 1048576))
      ->capture_default_str();
  trace->footer(
      "Passwords, tokens and the octets of messages are not shown. Only a running server has\n"
      "sessions to trace.");
  runs_admin(trace, trace_);
}

void Builder::alerts() {
  auto* group = add(&app_, "alert", "What users are told at login: send, list, remove, rules");
  group->require_subcommand(1);
  auto* sent = add_admin(group, "send", "Tell users something, once each; prints its id");
  sent->add_option("TEXT", alert_send_.text, "In English, or in the language of all")->required();
  sent->add_option("--german", alert_send_.german, "For those who read German")->type_name("TEXT");
  sent->add_option("--account", alert_send_.accounts,
                   "Only this one, or \"*@example.org\"; may be repeated")
      ->allow_extra_args(false);
  sent->add_option("--until", alert_send_.until, "The last day, such as 2027-03-01 (30 days)")
      ->type_name("DAY");
  sent->add_flag("--maintenance", alert_send_.maintenance, "At each login until then");
  sent->add_flag("--mail", alert_send_.mail, "Into INBOX as well");
  runs_admin(sent, alert_send_);
  runs_admin(add_admin(group, "list", "Show what is being told"), alert_list_);
  auto* removed = add_admin(group, "remove", "Tell it to nobody any more");
  removed->add_option("ID", alert_remove_.id, "As alert list shows it")->required();
  runs_admin(removed, alert_remove_);
  runs_admin(add_admin(group, "rules", "Show what users are told by themselves, and how often"),
             alert_rules_);
}

void Builder::config_explain(CLI::App* config) {
  auto* explain = add_admin(
      config, "explain", "Show by which mechanisms an account may log in, and which rule says so");
  explain->add_option("ACCOUNT", config_explain_.account, "The account")->required();
  explain->add_option("--from", config_explain_.from, "The client's address")
      ->type_name("ADDRESS")
      ->capture_default_str();
  explain->add_option("--listener", config_explain_.listener, "Only on this listener")
      ->type_name("NAME");
  explain
      ->add_option("--tls", config_explain_.tls,
                   "none, 1.2 or 1.3; else 1.3, and without TLS where that begins")
      ->check(CLI::IsMember({"none", "1.2", "1.3"}));
  explain->add_option("--client", config_explain_.client, "What the mail program says in ID");
  runs_admin(explain, config_explain_);
}

void Builder::tools() {
  auto* top = add_located(&app_, "top", "Show who is connected and what they do");
  top->add_flag("--once", top_.once, "Print once and end, as without a terminal");
  runs(top, top_);
  auto* sessions = add_located(&app_, "sessions", "What top draws");
  sessions->group("");
  runs_admin(sessions, sessions_);

  auto* config = add(&app_, "config", "Configuration: check, keys, explain");
  config->require_subcommand(1);
  auto* check = add(config, "check", "Read a configuration file and show what is wrong in it");
  check->add_option("FILE", config_check_.file, "The file")->required();
  runs(check, config_check_);
  auto* keys = add(config, "keys", "Show every key with its type, default and meaning");
  runs(keys, config_keys_);
  config_explain(config);
  runs(add(&app_, "version", "Show the version"), version_);
}

}  // namespace

ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments) {
  return Builder().parse(arguments);
}

}  // namespace eilpost
