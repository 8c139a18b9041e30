#include "client/doctor/checks/probes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "protocol/imap/writer.h"

namespace eilpost::client::checks {

namespace {

using imap::CodeName;

std::string wants(bool there, std::string_view complaint) {
  return there ? std::string() : std::string(complaint);
}

template <class T>
std::string some(const Heard& heard, const Ground&) {
  return wants(heard.find<T>() != nullptr, "answers OK and sends no data");
}

std::string nothing_more(const Heard&, const Ground&) {
  return "";
}

bool has_attribute(const imap::ListData& data, std::string_view begin) {
  return std::any_of(data.attributes.begin(), data.attributes.end(), [&](const std::string& name) {
    return imap::equal_nocase(std::string_view(name).substr(0, begin.size()), begin);
  });
}

std::string children(const Heard& heard, const Ground&) {
  const auto names = heard.all<imap::ListData>();
  const bool all = std::all_of(names.begin(), names.end(), [](const imap::ListData* data) {
    // RFC 9051 7.3.1: \Noinferiors implies it.
    return has_attribute(*data, "\\HasChildren") || has_attribute(*data, "\\HasNoChildren") ||
           has_attribute(*data, "\\Noinferiors");
  });
  return wants(all, "lists names without \\HasChildren or \\HasNoChildren");
}

std::string all_subscribed(const Heard& heard, const Ground&) {
  const auto names = heard.all<imap::ListData>();
  const bool all = std::all_of(names.begin(), names.end(), [](const imap::ListData* data) {
    return has_attribute(*data, "\\Subscribed");
  });
  return wants(all, "does not mark what LIST (SUBSCRIBED) answers as \\Subscribed");
}

std::string all_special(const Heard& heard, const Ground&) {
  for (const imap::ListData* data : heard.all<imap::ListData>()) {
    bool special = false;
    for (const std::string_view use :
         {"\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash",
          "\\Important", "\\Memos", "\\Scheduled", "\\Snoozed"}) {
      special = special || has_attribute(*data, use);
    }
    if (!special) return "LIST (SPECIAL-USE) answers names that have none";
  }
  return "";
}

template <imap::StatusItem item>
std::string status_has(const Heard& heard, const Ground&) {
  for (const imap::StatusData* data : heard.all<imap::StatusData>()) {
    for (const imap::StatusValue& value : data->values) {
      if (value.item == item) return "";
    }
  }
  return fmt::format("STATUS does not tell {}", imap::status_item_name(item));
}

std::string count_found(const Heard& heard, const Ground& ground) {
  const auto* found = heard.find<imap::ESearchData>();
  if (found == nullptr || !found->count) return "answers OK and no ESEARCH with COUNT";
  return wants(*found->count == ground.exists,
               fmt::format("counts {} messages where there are {}", *found->count, ground.exists));
}

std::string partial_found(const Heard& heard, const Ground&) {
  const auto* found = heard.find<imap::ESearchData>();
  return wants(found != nullptr && found->partial, "answers OK and no PARTIAL");
}

// RFC 5267 4.3.1: NOUPDATE says that the server will not.
std::string kept_up_to_date(const Heard& heard, const Ground& ground) {
  for (const imap::StatusResponse* status : heard.all<imap::StatusResponse>()) {
    if (status->code.name == CodeName::no_update) return "keeps no search up to date (NOUPDATE)";
  }
  return count_found(heard, ground);
}

std::string sorted(const Heard& heard, const Ground& ground) {
  const auto* found = heard.find<imap::SortData>();
  if (found == nullptr) return "answers OK and no SORT";
  return wants(found->numbers.size() == ground.sampled(),
               fmt::format("sorts {} of {} messages", found->numbers.size(), ground.sampled()));
}

std::string threaded(const Heard& heard, const Ground& ground) {
  const auto* found = heard.find<imap::ThreadData>();
  if (found == nullptr) return "answers OK and no THREAD";
  const auto there =
      std::count_if(found->nodes.begin(), found->nodes.end(),
                    [](const imap::ThreadData::Node& node) { return node.number != 0; });
  return wants(there == ground.sampled(),
               fmt::format("threads {} of {} messages", there, ground.sampled()));
}

std::string fetched(const Heard& heard, bool (*there)(const imap::FetchData&),
                    std::string_view item) {
  for (const imap::FetchData* data : heard.all<imap::FetchData>()) {
    if (there(*data)) return "";
  }
  return fmt::format("answers OK and sends no {}", item);
}

std::string has_modseq(const Heard& heard, const Ground&) {
  return fetched(
      heard, [](const imap::FetchData& d) { return d.modseq && *d.modseq > 0; }, "MODSEQ");
}
std::string has_email_id(const Heard& heard, const Ground&) {
  return fetched(
      heard, [](const imap::FetchData& d) { return d.email_id && !d.email_id->empty(); },
      "EMAILID");
}
std::string has_save_date(const Heard& heard, const Ground&) {
  return fetched(
      heard, [](const imap::FetchData& d) { return d.save_date || d.save_date_nil; }, "SAVEDATE");
}
std::string has_preview(const Heard& heard, const Ground&) {
  return fetched(
      heard, [](const imap::FetchData& d) { return d.preview || d.preview_nil; }, "PREVIEW");
}
std::string has_binary_size(const Heard& heard, const Ground&) {
  return fetched(
      heard, [](const imap::FetchData& d) { return !d.binary_sizes.empty(); }, "BINARY.SIZE");
}
std::string has_fetch(const Heard& heard, const Ground&) {
  return fetched(
      heard, [](const imap::FetchData&) { return true; }, "FETCH");
}

// RFC 9590 3: an entry that has no value is told as NIL.
std::string metadata_listed(const Heard& heard, const Ground&) {
  return wants(heard.find<imap::MetadataData>() != nullptr,
               "LIST RETURN (METADATA ...) tells no METADATA");
}

std::string enables(const Heard& heard, std::string_view capability) {
  for (const imap::EnabledData* data : heard.all<imap::EnabledData>()) {
    for (const std::string& name : data->names) {
      if (imap::equal_nocase(name, capability)) return "";
    }
  }
  return "ENABLE answers OK and does not confirm it";
}
std::string enables_any(const Heard& heard, const Ground& ground) {
  return some<imap::EnabledData>(heard, ground);
}
std::string enables_utf8(const Heard& heard, const Ground&) {
  return enables(heard, "UTF8=ACCEPT");
}
std::string enables_rev2(const Heard& heard, const Ground&) {
  return enables(heard, "IMAP4rev2");
}

std::string tells_modseq(const Heard& heard, const Ground&) {
  for (const imap::StatusResponse* status : heard.all<imap::StatusResponse>()) {
    if (status->code.name == CodeName::highest_modseq && status->code.number > 0) return "";
  }
  return "opens the mailbox by QRESYNC and tells no HIGHESTMODSEQ";
}

using enum Where;
constexpr Probe table[] = {
    {"ID", anywhere, "", "ID NIL", "", some<imap::IdData>},
    {"NAMESPACE", anywhere, "", "NAMESPACE", "", some<imap::NamespaceData>},
    {"CHILDREN", anywhere, "", "LIST \"\" \"*\"", "", children},
    {"LIST-EXTENDED", anywhere, "", "LIST (SUBSCRIBED) \"\" \"*\" RETURN (CHILDREN)", "",
     all_subscribed},
    {"LIST-STATUS", anywhere, "", "LIST \"\" $BOX RETURN (STATUS (MESSAGES))", "",
     status_has<imap::StatusItem::messages>},
    {"SPECIAL-USE", anywhere, "", "LIST (SPECIAL-USE) \"\" \"*\"", "", all_special},
    {"STATUS=SIZE", anywhere, "", "STATUS $BOX (SIZE)", "", status_has<imap::StatusItem::size>},
    {"CONDSTORE", message, "STATUS $BOX (HIGHESTMODSEQ)", "UID FETCH $UID (MODSEQ)", "",
     has_modseq},
    {"ESEARCH", anywhere, "", "UID SEARCH RETURN (COUNT) ALL", "", count_found},
    {"SEARCHRES", message, "UID SEARCH RETURN (SAVE) UID $UID", "UID FETCH $ (UID)", "", has_fetch},
    {"PARTIAL", message, "", "UID SEARCH RETURN (PARTIAL -1:-5) ALL", "", partial_found},
    {"WITHIN", anywhere, "", "UID SEARCH YOUNGER 60", "", nothing_more},
    {"CONTEXT=SEARCH", anywhere, "", "UID SEARCH RETURN (UPDATE COUNT) ALL",
     "CANCELUPDATE \"$TAG\"", kept_up_to_date},
    {"CONTEXT=SORT", message, "", "UID SORT RETURN (UPDATE COUNT) (ARRIVAL) UTF-8 ALL",
     "CANCELUPDATE \"$TAG\"", kept_up_to_date},
    {"SEARCH=FUZZY", anywhere, "", "UID SEARCH RETURN (COUNT) FUZZY ALL", "", count_found},
    // RFC 5466 3.1: a filter that nobody has set.
    {"FILTERS", anywhere, "", "UID SEARCH FILTER eilpost-doctor-no-such-filter", "", nullptr,
     "UNDEFINED-FILTER"},
    {"UIDBATCHES", anywhere, "", "UIDBATCHES 1000", "", some<imap::UidBatchesData>},
    {"MULTISEARCH", anywhere, "", "ESEARCH IN (selected) RETURN (COUNT) ALL", "", count_found},
    {"SORT", message, "", "UID SORT (ARRIVAL) UTF-8 $SAMPLE", "", sorted},
    {"SORT=DISPLAY", message, "", "UID SORT (DISPLAYFROM) UTF-8 $SAMPLE", "", sorted},
    // Cyrus.
    {"SORT=MODSEQ", message, "", "UID SORT (MODSEQ) UTF-8 $SAMPLE", "", sorted},
    {"SORT=UID", message, "", "UID SORT (UID) UTF-8 $SAMPLE", "", sorted},
    {"ESORT", message, "", "UID SORT RETURN (COUNT) (ARRIVAL) UTF-8 ALL", "", count_found},
    {"THREAD=REFERENCES", message, "", "UID THREAD REFERENCES UTF-8 $SAMPLE", "", threaded},
    {"THREAD=REFS", message, "", "UID THREAD REFS UTF-8 $SAMPLE", "", threaded},
    {"THREAD=ORDEREDSUBJECT", message, "", "UID THREAD ORDEREDSUBJECT UTF-8 $SAMPLE", "", threaded},
    {"BINARY", message, "", "UID FETCH $UID (BINARY.SIZE[1])", "", has_binary_size},
    {"OBJECTID", message, "STATUS $BOX (MAILBOXID)", "UID FETCH $UID (EMAILID)", "", has_email_id},
    {"SAVEDATE", message, "", "UID FETCH $UID (SAVEDATE)", "", has_save_date},
    {"PREVIEW", message, "", "UID FETCH $UID (PREVIEW)", "", has_preview},
    {"PREVIEW=FUZZY", message, "", "UID FETCH $UID (PREVIEW (FUZZY))", "", has_fetch},
    {"SNIPPET=FUZZY", message, "", "UID FETCH $UID (SNIPPET (FUZZY))", "", has_fetch},
    {"DIGEST=SHA1", message, "", "UID FETCH $UID (DIGEST.SHA1)", "", has_fetch},
    {"X-GM-EXT-1", message, "", "UID FETCH $UID (X-GM-MSGID)", "", has_fetch},
    {"METADATA", anywhere, "", "GETMETADATA $BOX /shared/comment", "", nothing_more},
    {"METADATA-SERVER", anywhere, "", "GETMETADATA \"\" /shared/comment", "", nothing_more},
    {"LIST-METADATA", anywhere, "", "LIST \"\" $BOX RETURN (METADATA (/shared/comment))", "",
     metadata_listed},
    {"LIST-MYRIGHTS", anywhere, "", "LIST \"\" $BOX RETURN (MYRIGHTS)", "",
     some<imap::MyRightsData>},
    {"XLIST", anywhere, "", "XLIST \"\" \"*\"", "", some<imap::ListData>},
    // RFC 9208 4.1.4: with these resources STATUS has items for what is marked \Deleted.
    {"QUOTA=RES-STORAGE", anywhere, "", "STATUS $BOX (DELETED-STORAGE)", "",
     status_has<imap::StatusItem::deleted_storage>},
    {"QUOTA=RES-MESSAGE", anywhere, "", "STATUS $BOX (DELETED)", "",
     status_has<imap::StatusItem::deleted>},
    {"QUOTA", anywhere, "", "GETQUOTAROOT $BOX", "", some<imap::QuotaRootData>},
    {"ACL", anywhere, "", "MYRIGHTS $BOX", "", some<imap::MyRightsData>},
    {"LANGUAGE", anywhere, "", "LANGUAGE", "", some<imap::LanguageData>},
    {"I18NLEVEL=2", anywhere, "", "COMPARATOR", "", some<imap::ComparatorData>},
    {"NOTIFY", anywhere, "", "NOTIFY SET (selected (MessageNew MessageExpunge))", "NOTIFY NONE",
     nothing_more},
    {"ENABLE", apart, "", "ENABLE CONDSTORE", "", enables_any},
    {"UTF8=ACCEPT", apart, "", "ENABLE UTF8=ACCEPT", "", enables_utf8},
    {"IMAP4rev2", apart, "", "ENABLE IMAP4rev2", "", enables_rev2},
    {"QRESYNC", apart, "ENABLE QRESYNC", "EXAMINE $BOX (QRESYNC ($VALIDITY $MODSEQ))", "",
     tells_modseq},
    {"UNSELECT", apart, "EXAMINE $BOX", "UNSELECT", "", nothing_more},
    {"LITERAL+", apart, "", "STATUS {5+}\r\nINBOX (MESSAGES)", "",
     status_has<imap::StatusItem::messages>},
    {"LITERAL-", apart, "", "STATUS {5+}\r\nINBOX (MESSAGES)", "",
     status_has<imap::StatusItem::messages>},
};

}  // namespace

std::span<const Probe> probes() {
  return table;
}

std::string fill_in(std::string_view command, const Ground& ground, const Filling& filling) {
  std::string mailbox;
  imap::append_mailbox(mailbox, ground.mailbox, {filling.utf8});
  const std::string sample =
      ground.exists == ground.sampled()
          ? "ALL"
          : fmt::format("{}:{}", ground.exists - ground.sampled() + 1, ground.exists);
  const std::pair<std::string_view, std::string> words[] = {
      {"$BOX", mailbox},
      {"$UID", fmt::format("{}", ground.uid)},
      {"$SAMPLE", sample},
      {"$VALIDITY", fmt::format("{}", ground.uid_validity)},
      {"$MODSEQ", fmt::format("{}", std::max<uint64_t>(1, ground.modseq))},
      {"$TAG", filling.tag},
  };
  std::string out(command);
  for (const auto& [word, value] : words) {
    const size_t at = out.find(word);
    if (at != std::string::npos) out.replace(at, word.size(), value);
  }
  return out;
}

const std::vector<Missed>& worth_having() {
  static const std::vector<Missed> table = {
      {"IDLE", "new mail shows up only when a program asks"},
      {"UIDPLUS", "programs cannot remove their own messages only, nor know what became of a copy"},
      {"MOVE", "a move is a copy and a removal, and can leave both or none"},
      {"SPECIAL-USE",
       "programs guess which folders are sent mail, drafts, junk and trash, and make "
       "second ones"},
      {"CONDSTORE", "programs read the flags of all messages at every visit"},
      {"QRESYNC", "programs list all messages to learn which are gone"},
      {"ESEARCH", "a count of unread messages lists them all"},
      {"LIST-STATUS", "a program asks for each folder's count one by one"},
      {"SORT", "programs that show lists sorted read all headers first"},
      {"QUOTA", "nobody sees that the mailbox is getting full"},
      {"ID", "the help desk cannot see which program it is"},
      {"NAMESPACE", "shared folders are found by guessing"},
      {"NOTIFY", "a program that watches several folders takes a connection for each"},
      {"COMPRESS=DEFLATE", "slow lines stay slow"},
  };
  return table;
}

std::string_view instead_of_a_probe(std::string_view capability) {
  // By how they begin.
  const std::pair<std::string_view, std::string_view> table[] = {
      {"IDLE", "see Push"},
      {"APPENDLIMIT", "see Limits"},
      {"UIDPLUS", "see Writing"},
      {"MOVE", "see Writing"},
      {"MULTIAPPEND", "see Writing"},
      {"AUTH=", "see Signing in"},
      {"SASL-IR", "see Signing in"},
      {"STARTTLS", "see Ports"},
      {"LOGINDISABLED", "see Ports"},
      {"IMAP4rev1", "in use"},
      {"CREATE-SPECIAL-USE", "see Writing"},
      {"CATENATE", "see Writing"},
      {"URL-PARTIAL", "see Writing"},
      {"REPLACE", "see Writing"},
      {"I18NLEVEL=1", "see Writing"},
      {"RIGHTS=", "says which rights ACL has"},
      {"QUOTA=RES-", "see Limits"},
      {"QUOTASET", "not tested: it would change the quota"},
      {"URLAUTH", "not tested: it would give out a key to the mail"},
      {"INPROGRESS", "not tested: nothing here takes long enough"},
      {"LOGIN-REFERRALS", "not tested: there is nobody to be referred to"},
      {"MAILBOX-REFERRALS", "not tested: there is nobody to be referred to"},
      {"NO_ATOMIC_RENAME", "says what RENAME is not"},
      {"X-", "not tested: an extension of the server's own"},
      {"UIDONLY", "not tested: no tool here asks for it"},
      {"MESSAGELIMIT=", "says what one command may name"},
      {"SAVELIMIT=", "says what one command may name"},
  };
  for (const auto& [begin, result] : table) {
    if (imap::equal_nocase(capability.substr(0, begin.size()), begin)) return result;
  }
  return "";
}

}  // namespace eilpost::client::checks
