#include "protocol/imap/response.h"

#include <algorithm>
#include <array>

namespace eilpost::imap {
namespace {

// Text for people: no line may end early, nothing may look like another response.
void append_text(std::string& out, std::string_view text) {
  size_t start = out.size();
  for (char c : text) {
    if (c == '\r' || c == '\n') break;
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  if (out.size() == start) out += "done";
  out += "\r\n";
}

void append_names(std::string& out, std::string_view start, const std::vector<std::string>& names) {
  out += start;
  for (const std::string& name : names) {
    out += ' ';
    out += name;
  }
  out += "\r\n";
}

void append_delimiter(std::string& out, char delimiter) {
  if (delimiter == 0) {
    out += "NIL";
    return;
  }
  out += '"';
  if (delimiter == '"' || delimiter == '\\') out += '\\';
  out += delimiter;
  out += '"';
}

void append_counted(std::string& out, uint32_t count, std::string_view what) {
  out += "* ";
  append_number(out, count);
  out += what;
}

// mbox-list-extended = "(" [mbox-list-extended-item *(SP mbox-list-extended-item)] ")"
void append_list_extended(std::string& out, const ListData& data, WriteStyle style) {
  if (data.child_info.empty() && !data.old_name) return;
  out += " (";
  if (!data.child_info.empty()) {
    out += "\"CHILDINFO\" (";
    for (size_t i = 0; i < data.child_info.size(); ++i) {
      if (i > 0) out += ' ';
      append_string(out, data.child_info[i], style);
    }
    out += ')';
  }
  if (data.old_name) {
    out += data.child_info.empty() ? "\"OLDNAME\" (" : " \"OLDNAME\" (";
    append_mailbox(out, *data.old_name, style);
    out += ')';
  }
  out += ')';
}

void append_namespace_list(std::string& out, const std::vector<NamespaceEntry>& entries,
                           WriteStyle style) {
  if (entries.empty()) {
    out += " NIL";
    return;
  }
  out += " (";
  for (const NamespaceEntry& entry : entries) {
    out += '(';
    append_mailbox_string(out, entry.prefix, style);
    out += ' ';
    append_delimiter(out, entry.delimiter);
    out += ')';
  }
  out += ')';
}

void append_status_value(std::string& out, const StatusValue& value) {
  out += status_item_name(value.item);
  out += ' ';
  if (value.nil) {
    out += "NIL";
  } else if (value.item == StatusItem::mailbox_id) {
    out += '(';
    out += value.text;
    out += ')';
  } else {
    append_number(out, value.number);
  }
}

// "SEARCH" *(SP nz-number) [SP "(" "MODSEQ" SP mod-sequence-value ")"]
void finish_search(std::string& out, std::optional<uint64_t> modseq) {
  if (modseq) {
    out += " (MODSEQ ";
    append_number(out, *modseq);
    out += ')';
  }
  out += "\r\n";
}

}  // namespace

void append_tagged(std::string& out, std::string_view tag, Condition condition,
                   const ResponseCode& code, std::string_view text) {
  out += tag;
  out += ' ';
  out += condition_name(condition);
  out += ' ';
  append_response_code(out, code);
  append_text(out, text);
}

void append_untagged(std::string& out, Condition condition, const ResponseCode& code,
                     std::string_view text) {
  append_tagged(out, "*", condition, code, text);
}

void append_continuation(std::string& out, std::string_view text) {
  out += "+ ";
  out += text;
  out += "\r\n";
}

void append_capability(std::string& out, const CapabilityData& data) {
  append_names(out, "* CAPABILITY", data.names);
}

void append_enabled(std::string& out, const EnabledData& data) {
  append_names(out, "* ENABLED", data.names);
}

void append_flags(std::string& out, const FlagsData& data) {
  out += "* FLAGS ";
  append_flag_list(out, data.flags);
  out += "\r\n";
}

// mailbox-list = "(" [mbx-list-flags] ")" SP (DQUOTE QUOTED-CHAR DQUOTE / nil) SP mailbox
//                [SP mbox-list-extended]
void append_list(std::string& out, const ListData& data, WriteStyle style) {
  out += data.lsub ? "* LSUB " : data.xlist ? "* XLIST " : "* LIST ";
  append_flag_list(out, data.attributes);
  out += ' ';
  append_delimiter(out, data.delimiter);
  out += ' ';
  append_mailbox(out, data.mailbox, style);
  append_list_extended(out, data, style);
  out += "\r\n";
}

void append_status(std::string& out, const StatusData& data, WriteStyle style) {
  out += "* STATUS ";
  append_mailbox(out, data.mailbox, style);
  out += " (";
  for (size_t i = 0; i < data.values.size(); ++i) {
    if (i > 0) out += ' ';
    append_status_value(out, data.values[i]);
  }
  out += ")\r\n";
}

void append_search(std::string& out, const SearchData& data) {
  out += "* SEARCH";
  for (uint32_t number : data.numbers) {
    out += ' ';
    append_number(out, number);
  }
  finish_search(out, data.modseq);
}

void append_search(std::string& out, const IntervalSet& numbers, std::optional<uint64_t> modseq) {
  out += "* SEARCH";
  numbers.for_each([&](uint32_t number) {
    out += ' ';
    append_number(out, number);
  });
  finish_search(out, modseq);
}

// "SORT" *(SP nz-number)
void append_sort(std::string& out, const SortData& data) {
  out += "* SORT";
  for (uint32_t number : data.numbers) {
    out += ' ';
    append_number(out, number);
  }
  finish_search(out, data.modseq);
}

void append_exists(std::string& out, uint32_t count) {
  append_counted(out, count, " EXISTS\r\n");
}
void append_recent(std::string& out, uint32_t count) {
  append_counted(out, count, " RECENT\r\n");
}
void append_expunge(std::string& out, Seq seq) {
  append_counted(out, seq.value, " EXPUNGE\r\n");
}

// expunged-resp = "VANISHED" [SP "(EARLIER)"] SP known-uids
void append_vanished(std::string& out, const VanishedData& data) {
  out += data.earlier ? "* VANISHED (EARLIER) " : "* VANISHED ";
  append_sequence_set(out, SequenceSet::of(data.uids));
  out += "\r\n";
}

void append_uid_batches(std::string& out, const UidBatchesData& data) {
  out += "* UIDBATCHES (TAG ";
  append_string(out, data.tag, WriteStyle{});
  out += ')';
  char before = ' ';
  for (const UidBatchesData::Batch& batch : data.batches) {
    out += before;
    append_number(out, batch.high);
    out += ':';
    append_number(out, batch.low);
    before = ',';
  }
  out += "\r\n";
}

void append_id(std::string& out, const IdData& data, WriteStyle style) {
  if (data.parameters.empty()) {
    out += "* ID NIL\r\n";
    return;
  }
  out += "* ID (";
  bool first = true;
  for (const auto& [name, value] : data.parameters) {
    if (!first) out += ' ';
    first = false;
    append_string(out, name, style);
    out += ' ';
    append_nstring(out, value, style);
  }
  out += ")\r\n";
}

// namespace-response = "NAMESPACE" SP namespace SP namespace SP namespace
void append_namespace(std::string& out, const NamespaceData& data, WriteStyle style) {
  out += "* NAMESPACE";
  append_namespace_list(out, data.personal, style);
  append_namespace_list(out, data.other_users, style);
  append_namespace_list(out, data.shared, style);
  out += "\r\n";
}

}  // namespace eilpost::imap
