// Which folders there are, what they are for, and whether the server shows other ones to a program
// that tells its name.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "client/doctor/checks/checks.h"

namespace eilpost::client::checks {

namespace {

using Names = std::set<std::string>;

Names names_of(const std::vector<MailboxInfo>& folders) {
  Names out;
  for (const MailboxInfo& folder : folders) out.insert(folder.name);
  return out;
}

std::string difference(Examination& exam, const Names& left, const Names& right) {
  std::vector<std::string> only;
  std::set_difference(left.begin(), left.end(), right.begin(), right.end(),
                      std::back_inserter(only));
  return exam.heard(fmt::format("{}", fmt::join(only, ", ")));
}

void judge_special(Examination& exam, Section& section, const std::vector<MailboxInfo>& folders) {
  constexpr std::array<std::string_view, 4> wanted = {"\\Sent", "\\Drafts", "\\Junk", "\\Trash"};
  Table table{"", {"use", "folder"}, {}};
  std::string missing;
  for (const std::string_view use : wanted) {
    std::vector<std::string> having;
    for (const MailboxInfo& folder : folders) {
      if (folder.special_use == use) having.push_back(exam.heard(folder.name));
    }
    table.rows.push_back({std::string(use), having.empty()
                                                ? "none says so"
                                                : fmt::format("{}", fmt::join(having, ", "))});
    if (having.empty()) missing += fmt::format("{}{}", missing.empty() ? "" : ", ", use);
    if (having.size() < 2) continue;
    section.find(Grade::warning, "folders.double-use",
                 fmt::format("{} folders say that they are {}", having.size(), use),
                 "Programs choose one of them, not all the same.", "Leave the use to one folder.");
  }
  section.tables.push_back(std::move(table));
  if (missing.empty()) {
    section.find(Grade::good, "folders.special-use",
                 "Sent mail, drafts, junk and trash are told by the server");
    return;
  }
  section.find(Grade::warning, "folders.no-special-use",
               fmt::format("No folder says that it is {}", missing),
               "Programs guess by the name, which depends on the language; some make a second "
               "folder, and sent or deleted mail is not where people look for it.",
               "Give the folders their special use (RFC 6154), or choose them by hand in each "
               "program.");
}

// Folders of groupware that hold no mail; in the languages in which they were reported.
bool is_groupware(std::string_view name) {
  constexpr std::array<std::string_view, 18> names = {"calendar",
                                                      "kalender",
                                                      "contacts",
                                                      "kontakte",
                                                      "tasks",
                                                      "aufgaben",
                                                      "notes",
                                                      "notizen",
                                                      "journal",
                                                      "outbox",
                                                      "postausgang",
                                                      "sync issues",
                                                      "conversation history",
                                                      "rss feeds",
                                                      "calendrier",
                                                      "contactos",
                                                      "files",
                                                      "contatti"};
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view one) { return imap::equal_nocase(name, one); });
}

void judge_names(Examination& exam, Section& section, const std::vector<MailboxInfo>& folders) {
  std::multiset<std::string> folded;
  std::string odd, groupware;
  const auto add = [&](std::string& list, const std::string& name) {
    list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", exam.heard(name));
  };
  for (const MailboxInfo& folder : folders) {
    folded.insert(imap::upper_ascii(folder.name));
    const std::string& name = folder.name;
    const bool control = std::any_of(name.begin(), name.end(), [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    if (name.empty() || name.front() == ' ' || name.back() == ' ' || control) add(odd, name);
    if (is_groupware(name)) add(groupware, name);
  }
  if (!odd.empty()) {
    section.find(
        Grade::warning, "folders.odd-names",
        "Folders with blanks at the ends of their names, or with control characters: " + odd,
        "Some programs crash on them, others cannot open them.", "Rename them.");
  }
  if (!groupware.empty()) {
    section.find(Grade::note, "folders.groupware", "Folders that hold no mail: " + groupware,
                 "Programs show them like others; their contents come as placeholders or not at "
                 "all.",
                 "Unsubscribe them, or leave them out when mail is moved elsewhere.");
  }
  std::string alike;
  for (auto at = folded.begin(); at != folded.end(); at = folded.upper_bound(*at)) {
    if (folded.count(*at) > 1) add(alike, *at);
  }
  if (!alike.empty()) {
    section.find(Grade::note, "folders.alike", "Names that differ in case only: " + alike,
                 "Servers that do not distinguish them take one folder only; a move there has to "
                 "rename the other.");
  }
}

Task<Result<Names>> list_names(Session& session) {
  auto folders = co_await session.list();
  CO_TRY(folders);
  co_return names_of(*folders);
}

void judge_difference(Examination& exam, Section& section, const Names& without, const Names& with,
                      std::string_view who) {
  if (without == with) return;
  const std::string more = difference(exam, with, without);
  const std::string less = difference(exam, without, with);
  section.find(Grade::warning, "folders.by-id",
               fmt::format("The folders depend on ID: {} sees{}{}{}{}", who,
                           more.empty() ? "" : " besides " + more,
                           !more.empty() && !less.empty() ? ", and" : "",
                           less.empty() ? "" : " no " + less, ""),
               "Two programs show different folders for the same account. RFC 2971 forbids to "
               "decide by ID.",
               "Switch that off where the server lets you.");
}

// Once without a word of who is asking, then as Outlook, against what Eilpost was shown.
Task<Result<>> compare_by_id(Examination& exam, Section& section, const Names& ours) {
  Examination::Attempt silent = exam.usual_attempt();
  silent.tell_id = false;
  auto session = co_await exam.sign_in(std::move(silent));
  CO_TRY(session);
  auto without = co_await list_names(**session);
  CO_TRY(without);
  judge_difference(exam, section, *without, ours, "a program that tells its name");
  bool same = *without == ours;
  if ((*session)->has("ID")) {
    auto told = co_await ask(**session, "ID (\"name\" \"Microsoft Outlook\" \"version\" \"16.0\")");
    CO_TRY(told);
    auto outlook = co_await list_names(**session);
    CO_TRY(outlook);
    judge_difference(exam, section, *without, *outlook, "Outlook");
    same = same && *without == *outlook;
  }
  if (same) {
    section.find(Grade::good, "folders.same-for-all",
                 "The same folders without ID, with ID, and for Outlook");
  }
  co_await (*session)->logout();
  co_return Result<>();
}

std::string spaces_text(Examination& exam, const std::vector<imap::NamespaceEntry>& entries) {
  std::string out;
  for (const imap::NamespaceEntry& entry : entries) {
    out += fmt::format("{}\"{}\"", out.empty() ? "" : ", ", exam.heard(entry.prefix));
  }
  return out.empty() ? "none" : out;
}

}  // namespace

Task<Result<>> folders(Examination& exam, Section& section) {
  auto session = co_await exam.session();
  CO_TRY(session);
  auto listed = co_await (*session)->list();
  CO_TRY(listed);
  auto spaces = co_await (*session)->name_space();
  CO_TRY(spaces);
  auto delimiter = co_await (*session)->delimiter();
  CO_TRY(delimiter);
  const auto subscribed = std::count_if(listed->begin(), listed->end(),
                                        [](const MailboxInfo& one) { return one.subscribed; });
  Table table{"", {"what", "value"}, {}};
  table.rows.push_back({"folders", fmt::format("{}, {} subscribed", listed->size(), subscribed)});
  table.rows.push_back({"delimiter", *delimiter == 0 ? "none" : std::string(1, *delimiter)});
  table.rows.push_back({"own namespace", spaces_text(exam, spaces->personal)});
  table.rows.push_back({"other users", spaces_text(exam, spaces->other_users)});
  table.rows.push_back({"shared", spaces_text(exam, spaces->shared)});
  const imap::IdParameters& id = (*session)->server_id();
  std::string who;
  for (const auto& [name, value] : id) {
    who += fmt::format("{}{} {}", who.empty() ? "" : ", ", name, value.value_or("NIL"));
  }
  table.rows.push_back({"the server's ID", who.empty() ? "none" : exam.heard(who)});
  section.tables.push_back(std::move(table));
  judge_special(exam, section, *listed);
  judge_names(exam, section, *listed);
  if (listed->size() > 250) {
    section.find(Grade::note, "folders.many", fmt::format("{} folders", listed->size()),
                 "Exchange 2010 fails when a program looks at more than 250 in one session.");
  }
  const Names ours = names_of(*listed);
  auto compared = co_await compare_by_id(exam, section, ours);
  co_return compared;
}

}  // namespace eilpost::client::checks
