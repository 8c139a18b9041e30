// `eilpost config explain`: by which mechanisms an account may log in, and which rule says so.

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
               const directory::Circumstances& where, const std::vector<std::string>& names) {
  context.output.print("listener {}, from {}, {}\n", listener.called(), where.peer.host(),
                       where.is_private ? fmt::format("TLS 1.{}", where.tls_version - 10)
                                        : std::string("without TLS"));
  const auto& rules = context.world().settings.get()->policy;
  for (const std::string& line : directory::explain(rules, listener.auth(), where, names)) {
    context.output.print("  {}\n", line);
  }
}

}  // namespace

int run_config_explain(AdminContext& context, const ConfigExplain& command) {
  const auto who = context.resolve(command.account);
  if (!who) return context.failed(command.account, who.error());
  const auto peer = net::Address::parse(command.from, 0);
  if (!peer) return context.failed("--from", peer.error());
  const Config& config = context.node.config();
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
      print_one(context, listener, where, names_of(*who));
    }
  }
  if (found) return 0;
  return context.failed("--listener", {Code::not_found, "there is no such listener"});
}

}  // namespace eilpost
