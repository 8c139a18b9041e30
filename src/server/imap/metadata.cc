// GETMETADATA, SETMETADATA (RFC 5464): stored in the account's partition.

#include "server/imap/metadata.h"

#include <algorithm>
#include <set>

#include "base/limits.h"
#include "server/imap/commands.h"
#include "server/imap/filters.h"
#include "server/imap/special_use.h"

namespace eilpost::server {

namespace {

constexpr std::string_view special_use_entry = "/private/specialuse";

std::string upper(std::string_view name) {
  return imap::upper_ascii(name);
}

// Levels below `top` that `name` is: 0 for itself, nothing when it is not below.
std::optional<size_t> levels_below(std::string_view top, std::string_view name) {
  if (name.substr(0, top.size()) != top) return std::nullopt;
  std::string_view rest = name.substr(top.size());
  if (!rest.empty() && rest.front() != '/') return std::nullopt;
  return static_cast<size_t>(std::count(rest.begin(), rest.end(), '/'));
}

size_t levels_wanted(imap::MetadataDepth depth) {
  switch (depth) {
    case imap::MetadataDepth::zero: return 0;
    case imap::MetadataDepth::one: return 1;
    case imap::MetadataDepth::infinity: break;
  }
  return SIZE_MAX;
}

// What the server says of itself to everybody.
std::vector<store::AnnotationRow> server_entries(const Settings& settings) {
  std::vector<store::AnnotationRow> out;
  const std::string& admin = settings.admin_contact;
  // RFC 5464 3.2.1.1: a URI. RFC 2142 has every domain know a postmaster.
  out.push_back(
      {"/shared/admin", admin.empty() ? "mailto:postmaster@" + settings.hostname : admin});
  if (!settings.server_comment.empty()) {
    out.push_back({"/shared/comment", settings.server_comment});
  }
  for (const NamedSearch& search : settings.filters) {
    out.push_back({std::string(shared_filters) + search.name, search.keys});
  }
  return out;
}

std::string special_use_text(uint16_t bits) {
  std::string out;
  for (const std::string& name : special_use_names(bits)) out += (out.empty() ? "" : " ") + name;
  return out;
}

// The bits of "\Drafts \Sent"; nothing when it names what cannot be given, as with CREATE.
std::optional<uint16_t> special_use_of(std::string_view text) {
  uint16_t bits = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    const uint16_t bit = special_use_bit(word);
    if (bit == 0 || bit == store::use_all || bit == store::use_flagged) return std::nullopt;
    bits |= bit;
  }
  return bits;
}

// RFC 5464 3.2: two components at least, in the vendors' namespaces four.
bool names_an_entry(std::string_view name) {
  const auto components = static_cast<size_t>(std::count(name.begin(), name.end(), '/'));
  const std::string folded = upper(name);
  const bool vendor =
      levels_below("/SHARED/VENDOR", folded) || levels_below("/PRIVATE/VENDOR", folded);
  return components >= (vendor ? 4U : 2U);
}

// One SETMETADATA, taken apart.
struct Change {
  store::SetAnnotations annotations;
  std::optional<uint16_t> special_use;
  std::string name;  // of the mailbox
};

// The reply that refuses the command, or nothing.
std::optional<Reply> sort_out(const imap::SetMetadata& command, Change& change) {
  for (const imap::MetadataEntry& entry : command.entries) {
    if (!names_an_entry(entry.name)) {
      return Reply::bad("\"" + entry.name + "\" is above the entries that have values");
    }
    if (entry.name.size() > limits::annotation_name_bytes_max) {
      return Reply::no(imap::CodeName::limit, "the entry's name is too long");
    }
    if (entry.value && entry.value->size() > limits::annotation_bytes_max) {
      return metadata_too_long();
    }
    const bool of_server = command.mailbox.empty();
    if (of_server && entry.value && !may_be_filter(entry.name, *entry.value)) {
      return Reply::no(imap::CodeName::cannot, "the value is not a search");
    }
    if (of_server && levels_below("/SHARED", upper(entry.name))) {
      return Reply::no(imap::CodeName::no_perm, "the server's shared entries are read-only");
    }
    if (!of_server && imap::equal_nocase(entry.name, special_use_entry)) {
      change.special_use = special_use_of(entry.value.value_or(""));
      if (!change.special_use) {
        return Reply::no(imap::CodeName::use_attr, "this special use cannot be given");
      }
      continue;
    }
    change.annotations.changes.push_back({entry.name, entry.value});
  }
  return std::nullopt;
}

Result<bool> apply(store::Tx& tx, const Change& change) {
  store::SetAnnotations annotations = change.annotations;
  if (!change.name.empty()) {
    const store::MailboxDef* def = tx.folders().find(change.name);
    if (!def) return fail(Code::not_found, "no such mailbox");
    annotations.mailbox = def->id;
  }
  TRY(store::set_annotations(tx, annotations));
  if (!change.special_use) return true;
  if (TRY(store::set_special_use(tx, change.name, *change.special_use))) {
    const std::string entry(special_use_entry);
    TRY(store::log_annotations(tx, annotations.mailbox, {entry}));
  }
  return true;
}

Reply refused(ImapSession& session, const Error& error) {
  Reply reply = reply_for(session, error);
  if (error.code == Code::limit) {
    reply.code = imap::ResponseCode(imap::CodeName::metadata_too_many);
  }
  return reply;
}

}  // namespace

PickedMetadata pick_metadata(const std::vector<store::AnnotationRow>& there,
                             const imap::MetadataRequest& request) {
  PickedMetadata out;
  std::vector<std::string> names;  // of `there`, upper case
  names.reserve(there.size());
  for (const store::AnnotationRow& row : there) names.push_back(upper(row.name));
  std::set<std::string> told;  // upper case
  const size_t levels = levels_wanted(request.options.depth);
  for (const std::string& wanted : request.entries) {
    const std::string top = upper(wanted);
    bool found = false;
    for (size_t i = 0; i < there.size(); ++i) {
      const auto below = levels_below(top, names[i]);
      if (!below || *below > levels) continue;
      found = true;
      if (!told.insert(names[i]).second) continue;
      const std::string& value = there[i].value;
      if (request.options.max_size && value.size() > *request.options.max_size) {
        out.longest_left_out = std::max<uint64_t>(out.longest_left_out, value.size());
        continue;
      }
      out.entries.push_back({*below == 0 ? wanted : there[i].name, value});
    }
    if (!found && told.insert(top).second) out.entries.push_back({wanted, std::nullopt});
  }
  return out;
}

std::vector<store::AnnotationRow> with_computed(std::vector<store::AnnotationRow> stored,
                                                const store::MailboxDef& def) {
  if (def.special_use != 0) {
    stored.push_back({std::string(special_use_entry), special_use_text(def.special_use)});
  }
  return stored;
}

Reply too_many_entries() {
  return Reply::no(imap::CodeName::limit, "more entries than one command may name");
}

Reply metadata_too_long() {
  return {imap::Condition::no,
          imap::ResponseCode(imap::CodeName::metadata_max_size, limits::annotation_bytes_max),
          "the value is too long"};
}

Reply metadata_reply(uint64_t longest_left_out, std::string text) {
  if (longest_left_out == 0) return Reply::ok(std::move(text));
  return Reply::ok({imap::CodeName::metadata_long_entries, longest_left_out}, std::move(text));
}

CommandTask run(ImapSession& session, const imap::GetMetadata& command, RunOptions) {
  if (command.entries.size() > limits::metadata_entries_max) co_return too_many_entries();
  auto fresh = co_await session.refresh();
  if (!fresh) co_return reply_for(session, fresh.error());
  const store::FoldersPtr tree = session.folders();
  const bool of_server = command.mailbox.empty();
  // RFC 5464 4.1: names without messages have annotations too.
  const store::MailboxDef* def = of_server ? nullptr : tree->find(command.mailbox);
  if (!of_server && !def) {
    co_return Reply::no(imap::CodeName::nonexistent, "no such mailbox");
  }
  const MailboxId id = def ? def->id : MailboxId(0);
  auto job = [account = session.account_ptr(), id] {
    return store::read_annotations(account->engine(), account->partition(), id);
  };
  auto stored = co_await session.read(std::move(job));
  if (!stored) co_return reply_for(session, stored.error());
  std::vector<store::AnnotationRow> there = std::move(*stored);
  if (def) {
    there = with_computed(std::move(there), *def);
  } else {
    for (store::AnnotationRow& row : server_entries(session.settings())) {
      there.push_back(std::move(row));
    }
  }
  imap::MetadataData data;
  data.mailbox = def ? tree->name(id) : std::string();
  PickedMetadata picked = pick_metadata(there, {command.options, command.entries});
  data.entries = std::move(picked.entries);
  if (!data.entries.empty()) imap::append_metadata(session.out(), data, session.style());
  co_return metadata_reply(picked.longest_left_out, "these are the entries");
}

CommandTask run(ImapSession& session, const imap::SetMetadata& command, RunOptions) {
  Change change;
  change.name = command.mailbox;
  if (auto refusal = sort_out(command, change)) co_return std::move(*refusal);
  std::function<Result<bool>(store::Tx&)> f = [change = std::move(change)](store::Tx& tx) {
    return apply(tx, change);
  };
  auto set = co_await session.mutate<bool>(std::move(f));
  if (!set) co_return refused(session, set.error());
  co_return Reply::ok("set");
}

net::Task<Result<AnnotationNames>> all_annotation_names(ImapSession& session) {
  auto everything = [account = session.account_ptr()] {
    return store::read_all_annotations(account->engine(), account->partition());
  };
  auto stored = co_await session.read(std::move(everything));
  CO_TRY(stored);
  AnnotationNames out;
  for (const auto& [mailbox, rows] : *stored) {
    for (const store::AnnotationRow& row : rows) out[mailbox].insert(row.name);
  }
  co_return out;
}

void append_annotation_names(ImapSession& session, const AnnotationNames& names) {
  const store::FoldersPtr tree = session.folders();
  for (const auto& [mailbox, entries] : names) {
    const bool of_server = !mailbox;
    if (entries.empty() || (!of_server && !tree->find(mailbox))) continue;
    imap::MetadataData data;
    data.values = false;
    if (!of_server) data.mailbox = tree->name(mailbox);
    for (const std::string& name : entries) data.entries.push_back({name, std::nullopt});
    imap::append_metadata(session.out(), data, session.style());
  }
}

net::Task<> announce_metadata(ImapSession& session) {
  MetadataNews& news = session.metadata_news;
  const ModSeq newest = session.account().annotations_modseq();
  if (!news.subscription || newest <= news.seen) co_return;
  auto job = [account = session.account_ptr(), since = news.seen, id = session.entry().id()] {
    return account->annotations_since(since, id);
  };
  auto changes = co_await session.read(std::move(job));
  if (!changes) {
    session.log().warn("metadata: {}", changes.error().detail);
    co_return;
  }
  if (!changes->complete) {
    // The log was cut above what this client knows: anything may have changed.
    auto everything = co_await all_annotation_names(session);
    if (!everything) {
      session.log().warn("metadata: {}", everything.error().detail);
      co_return;
    }
    for (auto& [mailbox, names] : *everything) changes->names[mailbox].merge(names);
  }
  news.seen = newest;
  if (!news.mailboxes) std::erase_if(changes->names, [](const auto& one) { return !!one.first; });
  append_annotation_names(session, changes->names);
}

}  // namespace eilpost::server
