// `eilpost abuse`, `eilpost log explain` and `eilpost trace`: who guesses, why a login was refused,
// and what a client and the server say to each other.

#include <algorithm>
#include <fstream>

#include "main/admin/admin.h"
#include "server/access/audit_log.h"
#include "server/access/traces.h"

namespace eilpost {

namespace {

constexpr size_t abuse_lines_max = 1000;
constexpr size_t explain_lines_max = 500;

bool is_id(std::string_view text) {
  return text.size() >= 12 && text.size() <= 19 &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); });
}

// Calls f(line) for the lines of a file that have `word`. False: the file cannot be read.
template <class F>
bool each_line_with(const std::string& file, const std::string& word, F f) {
  std::ifstream in(file);
  if (!in) return false;
  std::string line;
  for (size_t found = 0; found < explain_lines_max && std::getline(in, line);) {
    if (line.find(word) == std::string::npos) continue;
    f(line);
    ++found;
  }
  return true;
}

// An event of the audit log in words.
void print_event(Output& output, const std::string& line) {
  const auto field = [&](std::string_view name) { return server::audit_field(line, name); };
  const std::string tls = field("tls");
  output.print("{}  {}  {} by {} from {} on {}, TLS {}\n", field("time"), field("event"),
               field("name").empty() ? "nobody" : field("name"), field("mechanism"), field("from"),
               field("listener"), tls.empty() ? "none" : tls);
  if (const std::string code = field("code"); !code.empty()) output.print("    code    {}\n", code);
  if (const std::string why = field("reason"); !why.empty()) output.print("    reason  {}\n", why);
  if (const std::string actor = field("actor"); !actor.empty()) {
    output.print("    actor   {}\n", actor);
  }
  if (const std::string client = field("client"); !client.empty()) {
    output.print("    client  {}\n", client);
  }
}

std::vector<std::string> names_of(const directory::Account& account) {
  std::vector<std::string> out = account.aliases;
  out.push_back(account.login_name);
  out.push_back(account.primary_address);
  return out;
}

}  // namespace

int run_abuse_list(AdminContext& context) {
  const auto lines = context.node.delays().list(abuse_lines_max);
  context.output.print("{:<8} {:>8} {:>8}  {}\n", "KIND", "FAILURES", "WAIT", "OF");
  for (const auto& line : lines) {
    context.output.print("{:<8} {:>8} {:>7.1f}s  {}\n", line.kind, line.failures,
                         static_cast<double>(line.wait_micros) / 1e6, line.key);
  }
  return 0;
}

int run_abuse_forget(AdminContext& context, const AbuseForget& command) {
  std::string key = command.key;
  const auto who = context.resolve(command.key);
  bool found = context.node.delays().forget(key);
  if (who) found = context.node.delays().forget(who->login_name) || found;
  if (found) return 0;
  return context.failed(command.key, {Code::not_found, "no failed logins are counted for it"});
}

int run_log_explain(AdminContext& context, const LogExplain& command) {
  if (!is_id(command.id)) {
    return context.failed(command.id, {Code::invalid, "expected the id of a session"});
  }
  bool found = false;
  if (context.world().audit != nullptr) {
    for (const std::string& file : context.world().audit->files()) {
      each_line_with(file, fmt::format("\"id\":\"{}\"", command.id), [&](const std::string& line) {
        found = true;
        print_event(context.output, line);
      });
    }
  }
  const std::string& log = context.node.config().log.file;
  if (log.empty()) {
    context.output.error("the log goes to standard error: journalctl -u eilpost | grep {}\n",
                         command.id);
  } else {
    const bool read = each_line_with(log, command.id, [&](const std::string& line) {
      found = true;
      context.output.print("{}\n", line);
    });
    if (!read) return context.failed(log, {Code::io, "cannot be read"});
  }
  if (found) return 0;
  return context.failed(command.id, {Code::not_found, "nothing is written down about it"});
}

int run_trace(AdminContext& context, const TraceAccount& command) {
  const auto who = context.resolve(command.account);
  if (!who) return context.failed(command.account, who.error());
  server::Traces* traces = context.world().traces;
  const auto trace =
      std::make_shared<server::Trace>(who->id, names_of(*who), command.kilobytes * 1024);
  if (traces == nullptr || !traces->start(trace)) {
    return context.failed(command.account, {Code::limit, "too many traces are taken already"});
  }
  context.output.error(
      "tracing {} for {} s; sessions that are idle are seen with their next command\n",
      who->login_name, command.seconds);
  const server::ServerWorld& world = context.world();
  const int64_t end = world.clock.steady_micros() + command.seconds * 1'000'000;
  while (world.clock.steady_micros() < end && !trace->full() && !context.output.abandoned()) {
    const std::string text = trace->take(200);
    if (!text.empty()) context.output.put(Channel::out, text);
  }
  traces->stop(trace);
  context.output.put(Channel::out, trace->take(0));
  if (trace->full()) context.output.error("the trace ended at {} KiB\n", command.kilobytes);
  return 0;
}

}  // namespace eilpost
