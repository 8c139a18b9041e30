// `eilpost alert`: what administrators tell users at their logins, and the rules on what users are
// told by themselves.

#include <algorithm>

#include "directory/policy/rules.h"
#include "main/admin/admin.h"
#include "server/access/alerts.h"

namespace eilpost {

namespace {

constexpr size_t text_octets_max = 900;  // fits a response's line
constexpr int64_t day_micros = 86'400LL * 1'000'000;

// One line of UTF-8 without control characters.
Result<> check_text(std::string_view text) {
  const bool control = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (text.empty() || control) return fail(Code::invalid, "expected a text of one line");
  if (text.size() > text_octets_max) return fail(Code::too_big, "the text is too long");
  return {};
}

Result<std::vector<std::string>> folded_accounts(AdminContext& context,
                                                 const std::vector<std::string>& given) {
  std::vector<std::string> out;
  for (const std::string& name : given) {
    if (name.substr(0, 2) == "*@") {
      out.push_back(
          "*" + TRY(directory::fold_name("x" + name.substr(1), context.world().names)).substr(1));
    } else {
      const auto who = context.resolve(name);
      if (!who) return wrap(who.error(), name);
      out.push_back(who->login_name);
    }
  }
  return out;
}

Result<server::Broadcast> broadcast_of(AdminContext& context, const AlertSend& command) {
  server::Broadcast out;
  TRY(check_text(command.text));
  if (!command.german.empty()) TRY(check_text(command.german));
  out.english = command.text;
  out.german = command.german;
  out.kind = command.maintenance ? server::AlertKind::maintenance : server::AlertKind::broadcast;
  out.mail = command.mail;
  out.accounts = TRY(folded_accounts(context, command.accounts));
  const Timestamp now = context.world().clock.now();
  out.until = Timestamp{now.micros + 30 * day_micros};
  if (!command.until.empty()) {
    // To the end of the day.
    out.until = Timestamp{TRY(directory::parse_day(command.until)).micros + day_micros};
    if (out.until <= now) return fail(Code::invalid, command.until + " is over");
  }
  return out;
}

std::string list(const std::vector<std::string>& all) {
  std::string out;
  for (const std::string& one : all) out += (out.empty() ? "" : ", ") + one;
  return out.empty() ? "everybody" : out;
}

}  // namespace

int run_alert_send(AdminContext& context, const AlertSend& command) {
  auto broadcast = broadcast_of(context, command);
  if (!broadcast) return context.failed("alert", broadcast.error());
  const std::string id = fmt::format("{:08x}", context.world().random.next() >> 32);
  const auto sent = context.world().alerts->send(std::move(*broadcast), id);
  if (!sent) return context.failed("alert", sent.error());
  context.output.print("{}\n", id);
  return 0;
}

int run_alert_list(AdminContext& context) {
  const auto all = context.world().alerts->broadcasts();
  if (!all) return context.failed("alert", all.error());
  const Timestamp now = context.world().clock.now();
  for (const server::Broadcast& one : *all) {
    if (one.until <= now) continue;
    context.output.print("{}  {}  until {}  to {}{}\n    {}\n", one.id,
                         server::alert_name(one.kind), directory::print_day(one.until),
                         list(one.accounts), one.mail ? ", mailed" : "", one.english);
    if (!one.german.empty()) context.output.print("    {}\n", one.german);
  }
  return 0;
}

int run_alert_remove(AdminContext& context, const AlertRemove& command) {
  const auto removed = context.world().alerts->remove(command.id);
  return removed ? 0 : context.failed(command.id, removed.error());
}

int run_alert_rules(AdminContext& context) {
  const server::SettingsPtr settings = context.world().settings.get();
  const auto print = [&](const server::AlertRule& rule, std::string_view from) {
    context.output.print("{:<12} {:<7} {:<5} {:<8} {}\n", server::alert_name(rule.kind),
                         server::frequency_name(rule.frequency), rule.mail ? "mail" : "", from,
                         list(rule.accounts));
  };
  context.output.print("{:<12} {:<7} {:<5} {:<8} {}\n", "EVENT", "HOW", "", "FROM", "TO");
  for (size_t i = 0; i < server::alert_kind_count; ++i) {
    const auto kind = static_cast<server::AlertKind>(i);
    print(server::default_rule(kind), "default");
    for (const server::AlertRule& rule : settings->alerts.rules) {
      if (rule.kind == kind) print(rule, "file");
    }
  }
  return 0;
}

}  // namespace eilpost
