// eilpost account app-password ...

#include <fmt/format.h>

#include <ctime>

#include "main/admin/admin.h"

namespace eilpost {

namespace {

std::string shown(Timestamp time) {
  const std::time_t seconds = time.seconds();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min);
}

std::string scope_of(const directory::AppPassword& entry) {
  std::string out;
  for (const auto& service : entry.services) out += (out.empty() ? "" : ",") + service;
  if (out.empty()) out = "all";
  return entry.read_only ? out + " read-only" : out;
}

}  // namespace

int run_app_password_add(AdminContext& context, const AppPasswordAdd& command) {
  const auto who = context.resolve(command.name);
  if (!who) return context.failed(command.name, who.error());
  const auto made = context.node.app_passwords().add(
      who->id,
      {.label = command.label, .services = command.services, .read_only = command.read_only});
  if (!made) return context.failed(command.label, made.error());
  context.output.print("{}\n", made->secret);
  return 0;
}

int run_app_password_list(AdminContext& context, const AppPasswordList& command) {
  const auto who = context.resolve(command.name);
  if (!who) return context.failed(command.name, who.error());
  const auto all = context.node.app_passwords().list(who->id);
  if (!all) return context.failed(command.name, all.error());
  for (const auto& entry : *all) {
    if (command.json) {
      context.output.print(
          "{{\"id\":{},\"label\":{},\"scope\":{},\"read_only\":{},\"created\":{},"
          "\"last_used\":{},\"last_source\":{}}}\n",
          json_string(entry.id), json_string(entry.label), json_string(scope_of(entry)),
          entry.read_only, entry.created.seconds(),
          entry.last_used ? entry.last_used->seconds() : 0, json_string(entry.last_source));
      continue;
    }
    const auto used =
        entry.last_used ? fmt::format("used {} from {}", shown(*entry.last_used), entry.last_source)
                        : std::string("never used");
    context.output.print("{}  {:<20}  {:<16}  made {}  {}\n", entry.id, entry.label,
                         scope_of(entry), shown(entry.created), used);
  }
  return 0;
}

int run_app_password_remove(AdminContext& context, const AppPasswordRemove& command) {
  const auto who = context.resolve(command.name);
  if (!who) return context.failed(command.name, who.error());
  const auto removed = context.node.app_passwords().remove(who->id, command.label);
  return removed ? 0 : context.failed(command.label, removed.error());
}

}  // namespace eilpost
