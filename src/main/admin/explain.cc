// `eilpost config explain`: by which mechanisms an account may log in, and which rule says so.

#include "directory/policy/account_rules.h"
#include "directory/policy/decide.h"
#include "main/admin/admin.h"

namespace eilpost {

namespace {

std::vector<std::string> names_of(const directory::Account& account) {
  std::vector<std::string> out{account.login_name};
  if (account.primary_address != account.login_name) out.push_back(account.primary_address);
  return out;
}

// The states of TLS that the command is to tell of.
std::vector<int> tls_states(const ListenerConfig& listener, const std::string& asked) {
  if (asked == "none") return {0};
  if (!asked.empty()) return {asked == "1.2" ? 12 : 13};
  if (listener.protocol == Protocol::imaps) return {13};
  return {0, 13};
}

void print_one(AdminContext& context, const ListenerConfig& listener,
               const directory::Circumstances& where, const std::vector<std::string>& names,
               const directory::PolicyRules& rules) {
  context.output.print("listener {}, from {}, {}\n", listener.called(), where.peer.host(),
                       where.is_private ? fmt::format("TLS 1.{}", where.tls_version - 10)
                                        : std::string("without TLS"));
  for (const std::string& line : directory::explain(rules, listener.auth(), where, names)) {
    context.output.print("  {}\n", line);
  }
}

}  // namespace

int run_account_policy(AdminContext& context, const AccountPolicy& command) {
  const auto who = context.resolve(command.name);
  if (!who) return context.failed(command.name, who.error());
  directory::AccountRows& rows = context.world().account_rows;
  if (!command.rules) {
    const auto text = directory::account_rule_text(rows, who->id);
    if (!text) return context.failed(command.name, text.error());
    context.output.print("{}\n", text->empty() ? "none" : *text);
    return 0;
  }
  const auto written = directory::write_account_rules(rows, who->id, *command.rules);
  if (!written) return context.failed(command.name, written.error());
  // Its sessions here look at once whether they may still be; on other nodes their next login does.
  context.world().sessions.recheck_policy();
  return 0;
}

int run_config_explain(AdminContext& context, const ConfigExplain& command) {
  const auto who = context.resolve(command.account);
  if (!who) return context.failed(command.account, who.error());
  const auto peer = net::Address::parse(command.from, 0);
  if (!peer) return context.failed("--from", peer.error());
  const Config& config = context.node.config();
  const auto own =
      directory::read_account_rules(context.world().account_rows, who->id, who->login_name);
  if (!own) return context.failed(command.account, own.error());
  directory::PolicyRules rules = context.world().settings.get()->policy;
  rules.rules.insert(rules.rules.end(), own->begin(), own->end());
  bool found = false;
  for (const ListenerConfig& listener :
       config.listeners.empty() ? default_listeners(config) : config.listeners) {
    const bool mail = listener.protocol == Protocol::imap || listener.protocol == Protocol::imaps;
    if (!mail || (!command.listener.empty() && command.listener != listener.called())) continue;
    found = true;
    for (const int version : tls_states(listener, command.tls)) {
      const std::string name = listener.called();
      directory::Circumstances where;
      where.listener = name;
      where.peer = *peer;
      where.tls_version = version;
      where.is_private = version != 0;
      if (!command.client.empty()) where.client = command.client;
      where.now = context.world().clock.now();
      print_one(context, listener, where, names_of(*who), rules);
    }
  }
  if (found) return 0;
  return context.failed("--listener", {Code::not_found, "there is no such listener"});
}

}  // namespace eilpost
