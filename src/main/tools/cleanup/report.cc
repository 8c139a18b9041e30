#include "main/tools/cleanup/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace eilpost {

namespace {

using client::Action;
using client::ChangeKind;

constexpr int64_t day_seconds = 86'400;
constexpr size_t from_columns = 30;

// What to do with a message, behind "12 messages".
std::string intent_words(const client::Plan& plan) {
  switch (plan.rule.action) {
    case Action::list: return "";
    case Action::undelete: return " to be undeleted";
    case Action::mark: return " to be marked \\Deleted";
    case Action::trash:
      return fmt::format(" to be moved to {}{}", plan.target,
                         plan.target_missing ? ", which will be made" : "");
    case Action::purge: return " to be removed for ever";
  }
  return "";
}

// The first `columns` characters, filled up with blanks; control characters become "?".
std::string cell(std::string_view utf8, size_t columns) {
  std::string out;
  size_t used = 0;
  for (size_t at = 0; at < utf8.size() && used < columns; ++used) {
    size_t end = at + 1;
    while (end < utf8.size() && (static_cast<unsigned char>(utf8[end]) & 0xc0) == 0x80) ++end;
    const std::string_view character = utf8.substr(at, end - at);
    const auto first = static_cast<unsigned char>(character.front());
    const bool c1 =
        first == 0xc2 && end - at == 2 && static_cast<unsigned char>(character[1]) < 0xa0;
    out += first < 0x20 || first == 0x7f || c1 ? "?" : character;
    at = end;
  }
  out.append(columns - used, ' ');
  return out;
}

std::string safe(std::string_view utf8) {
  std::string out = cell(utf8, utf8.size());
  out.erase(out.find_last_not_of(' ') + 1);
  return out;
}

Json number(uint64_t value) {
  return Json{static_cast<int64_t>(value)};
}
Json text(std::string value) {
  return Json{std::move(value)};
}

// Of a run in the journal.
struct RunSums {
  std::string run;
  int64_t at = 0;
  std::array<uint64_t, 4> messages{};  // by kind
  uint64_t octets = 0;
  uint64_t undoes = 0;
  uint64_t failed = 0;
  uint64_t open = 0;
  uint64_t undone = 0;
  uint64_t changes = 0;
};

std::vector<RunSums> sum_runs(const client::Journal& journal, const std::string& account) {
  std::vector<RunSums> out;
  for (const client::Journal::Entry& entry : journal.entries()) {
    if (entry.account != account) continue;
    if (out.empty() || out.back().run != entry.run) {
      out.emplace_back();
      out.back().run = entry.run;
      out.back().at = entry.at;
    }
    RunSums& sums = out.back();
    ++sums.changes;
    if (entry.undoes != 0) ++sums.undoes;
    if (entry.undone) ++sums.undone;
    if (entry.state == client::Journal::State::open) ++sums.open;
    if (entry.state == client::Journal::State::failed) ++sums.failed;
    if (entry.state != client::Journal::State::done) continue;
    sums.messages[static_cast<size_t>(entry.kind)] += entry.messages;
    sums.octets += entry.octets;
  }
  return out;
}

std::string run_state(const RunSums& sums) {
  if (sums.open > 0) return "interrupted";
  if (sums.undoes > 0) return "an undo";
  if (sums.undone == 0) return sums.failed == sums.changes ? "failed" : "";
  return sums.undone + sums.failed < sums.changes ? "partly taken back" : "taken back";
}

}  // namespace

std::string messages_text(uint64_t messages) {
  return messages == 1 ? "1 message" : fmt::format("{} messages", messages);
}

std::string size_text(uint64_t octets) {
  if (octets < 1024) return fmt::format("{} B", octets);
  constexpr std::array<const char*, 4> units{"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(octets) / 1024;
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, units[unit]);
}

std::string time_text(int64_t seconds) {
  const int64_t days = (seconds >= 0 ? seconds : seconds - day_seconds + 1) / day_seconds;
  const imap::Date date = imap::date_of_days(days);
  const int64_t rest = seconds - days * day_seconds;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", date.year, date.month, date.day,
                     rest / 3600, rest / 60 % 60, rest % 60);
}

void CleanupReport::message(const client::Rule& rule, const std::string& mailbox,
                            const client::Message& message, const client::Place* original) {
  if (options_.summary) return;
  if (options_.json) {
    Json::Object out = {
        {"mailbox", text(mailbox)},
        {"uid", number(message.uid.value)},
        {"octets", number(message.size)},
        {"arrived", text(time_text(message.arrived))},
        {"sent", text(time_text(message.sent))},
        {"from", text(message.from)},
        {"subject", text(message.subject)},
        {"deleted", Json{message.marked}},
        {"seen", Json{message.seen}},
        {"flagged", Json{message.flagged}},
        {"rule", text(rule.name)},
        {"action", text(std::string(client::action_name(rule.action)))},
    };
    if (original != nullptr) {
      out.push_back({"duplicate_of", Json{Json::Object{{"mailbox", text(original->mailbox)},
                                                       {"uid", number(original->uid.value)}}}});
    }
    output_.print("{}\n", print_json(Json{std::move(out)}));
    return;
  }
  const std::string heading = rule.name.empty() ? mailbox : rule.name + ": " + mailbox;
  if (heading_ != heading) {
    heading_ = heading;
    output_.print("{}\n{:>10} {:>7} {:>10}  {:<{}}  subject\n", safe(heading), "uid", "age", "size",
                  "from", from_columns);
  }
  const int64_t time = rule.by_date_header ? message.sent : message.arrived;
  const int64_t days = std::max<int64_t>(0, (now_.seconds() - time) / day_seconds);
  const size_t used = 10 + 1 + 7 + 1 + 10 + 2 + from_columns + 2;
  const size_t left = static_cast<size_t>(std::max(output_.columns, 100)) - used;
  std::string subject = cell(message.subject, left);
  subject.erase(subject.find_last_not_of(' ') + 1);
  output_.print("{:>10} {:>5} d {:>10}  {}  {}\n", message.uid.value, days, size_text(message.size),
                cell(message.from, from_columns), subject);
  if (original != nullptr) {
    output_.print("{:>30}  the same as {} in {}\n", "", original->uid.value,
                  safe(original->mailbox));
  }
}

void CleanupReport::plan(const client::Plan& plan) {
  heading_.clear();
  const std::string prefix = plan.rule.name.empty() ? "" : safe(plan.rule.name) + ": ";
  for (const client::Share& share : plan.shares) {
    if (options_.json) {
      const Json::Object out = {
          {"rule", text(plan.rule.name)},
          {"action", text(std::string(client::action_name(plan.rule.action)))},
          {"mailbox", text(share.mailbox)},
          {"messages", number(share.uids.count())},
          {"octets", number(share.octets)},
          {"unclear", number(share.unclear)},
          {"trouble", text(share.trouble)},
      };
      output_.print("{}\n", print_json(Json{out}));
      continue;
    }
    if (!share.trouble.empty()) {
      output_.error("{}: {}\n", safe(share.mailbox), safe(share.trouble));
      continue;
    }
    output_.print("{}{}: {}, {}{}\n", prefix, safe(share.mailbox),
                  messages_text(share.uids.count()), size_text(share.octets),
                  safe(intent_words(plan)));
    if (share.unclear > 0) {
      output_.error("{}: {} cannot be judged: gone meanwhile, or the server does not tell enough\n",
                    safe(share.mailbox), messages_text(share.unclear));
    }
  }
  found_ += plan.messages();
  octets_ += plan.octets();
  purges_ = purges_ || (plan.rule.action == Action::purge && plan.messages() > 0);
}

void CleanupReport::totals(const client::ChangeTotals& totals, std::string_view words,
                           Json::Object json) {
  for (const std::string& trouble : totals.troubles) output_.error("{}\n", safe(trouble));
  if (options_.json) {
    Json::Array troubles;
    for (const std::string& trouble : totals.troubles) troubles.push_back(text(trouble));
    json.push_back({"changed", number(totals.messages)});
    json.push_back({"octets", number(totals.octets)});
    json.push_back({"unchanged", number(totals.unchanged)});
    json.push_back({"lost", number(totals.lost)});
    json.push_back({"troubles", Json{std::move(troubles)}});
    output_.print("{}\n", print_json(Json{std::move(json)}));
    return;
  }
  output_.print("{} {}, {}.\n", messages_text(totals.messages), words, size_text(totals.octets));
  if (totals.unchanged > 0) {
    output_.print("{} left alone: gone or changed meanwhile.\n", messages_text(totals.unchanged));
  }
  if (totals.lost > 0) {
    output_.print("{} had been removed for ever; nothing brings them back.\n",
                  messages_text(totals.lost));
  }
}

void CleanupReport::changed(const client::Plan& plan, const client::ChangeTotals& sums) {
  std::string_view words = "removed for ever";
  if (plan.rule.action == Action::undelete) words = "undeleted";
  if (plan.rule.action == Action::mark) words = "marked";
  if (plan.rule.action == Action::trash) words = "moved";
  totals(sums, words,
         {{"rule", text(plan.rule.name)},
          {"action", text(std::string(client::action_name(plan.rule.action)))}});
}

void CleanupReport::undone(const client::ChangeTotals& sums) {
  totals(sums, "put back as they were", {{"action", text("undo")}});
}

void CleanupReport::undoable(const client::Change& change, const client::Outcome& outcome) {
  const bool lost = change.kind == ChangeKind::purge;
  const uint64_t messages =
      change.kind == ChangeKind::move ? outcome.moved.size() : change.uids.count();
  if (!lost) found_ += messages;
  if (options_.json) {
    const Json::Object out = {
        {"change", number(change.number)},
        {"run", text(change.run)},
        {"mailbox", text(change.mailbox)},
        {"kind", text(std::string(client::change_name(change.kind)))},
        {"messages", number(messages)},
        {"octets", number(change.octets)},
        {"target", text(change.target)},
        {"lost", Json{lost}},
    };
    output_.print("{}\n", print_json(Json{out}));
    return;
  }
  output_.print("{}: {}, {} {}{}\n", safe(change.mailbox), messages_text(messages),
                size_text(change.octets), safe(client::change_words(change)),
                lost ? ": nothing brings them back" : "");
}

void CleanupReport::runs(const client::Journal& journal, const std::string& account) {
  for (const RunSums& sums : sum_runs(journal, account)) {
    const std::string state = run_state(sums);
    if (options_.json) {
      Json::Object out = {{"run", text(sums.run)}, {"at", text(time_text(sums.at))}};
      for (size_t kind = 0; kind < sums.messages.size(); ++kind) {
        const auto name = client::change_name(static_cast<ChangeKind>(kind));
        out.push_back({std::string(name), number(sums.messages[kind])});
      }
      out.push_back({"octets", number(sums.octets)});
      out.push_back({"state", text(state)});
      output_.print("{}\n", print_json(Json{std::move(out)}));
      continue;
    }
    std::string what;
    constexpr std::array<const char*, 4> words{"marked", "undeleted", "moved", "removed for ever"};
    for (size_t kind = 0; kind < words.size(); ++kind) {
      if (sums.messages[kind] == 0) continue;
      what += fmt::format("{}{} {}", what.empty() ? "" : ", ", sums.messages[kind], words[kind]);
    }
    output_.print("{}  {}  {}{}{}\n", sums.run, size_text(sums.octets),
                  what.empty() ? "nothing" : what, state.empty() ? "" : "; ", state);
  }
}

void CleanupReport::end(bool applied) {
  if (options_.json) {
    const Json::Object out = {
        {"found", number(found_)}, {"octets", number(octets_)}, {"applied", Json{applied}}};
    output_.print("{}\n", print_json(Json{out}));
    return;
  }
  if (applied) return;
  output_.print("{}, {}.", messages_text(found_), size_text(octets_));
  if (purges_) output_.print(" What is removed for ever cannot be brought back.");
  output_.print("\n");
}

}  // namespace eilpost
