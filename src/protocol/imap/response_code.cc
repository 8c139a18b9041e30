#include "protocol/imap/response_code.h"

#include <algorithm>
#include <array>

#include "protocol/imap/writer.h"

namespace eilpost::imap {
namespace {

struct CodeEntry {
  std::string_view text;
  CodeName name;
};
// RFC 9051 7.1, RFC 5530, RFC 4315, RFC 7162, RFC 8474, RFC 7889, RFC 4978, RFC 9586, RFC 5464,
// RFC 4469, RFC 9585, RFC 9738, RFC 10022, RFC 5465. CodeName says what argument each has.
constexpr auto code_names = std::to_array<CodeEntry>({
    {"ALERT", CodeName::alert},
    {"ALREADYEXISTS", CodeName::already_exists},
    {"AUTHENTICATIONFAILED", CodeName::authentication_failed},
    {"AUTHORIZATIONFAILED", CodeName::authorization_failed},
    {"CANNOT", CodeName::cannot},
    {"CLIENTBUG", CodeName::client_bug},
    {"CLOSED", CodeName::closed},
    {"COMPRESSIONACTIVE", CodeName::compression_active},
    {"CONTACTADMIN", CodeName::contact_admin},
    {"CORRUPTION", CodeName::corruption},
    {"EXPIRED", CodeName::expired},
    {"EXPUNGEISSUED", CodeName::expunge_issued},
    {"HASCHILDREN", CodeName::has_children},
    {"INUSE", CodeName::in_use},
    {"LIMIT", CodeName::limit},
    {"NOMODSEQ", CodeName::no_modseq},
    {"NOPERM", CodeName::no_perm},
    {"NOTIFICATIONOVERFLOW", CodeName::notification_overflow},
    {"NONEXISTENT", CodeName::nonexistent},
    {"NOTSAVED", CodeName::not_saved},
    {"OVERQUOTA", CodeName::over_quota},
    {"PARSE", CodeName::parse},
    {"PRIVACYREQUIRED", CodeName::privacy_required},
    {"READ-ONLY", CodeName::read_only},
    {"READ-WRITE", CodeName::read_write},
    {"SERVERBUG", CodeName::server_bug},
    {"TOOBIG", CodeName::too_big},
    {"TOOFEW", CodeName::too_few},
    {"TOOMANY", CodeName::too_many},
    {"TRYCREATE", CodeName::try_create},
    {"UIDNOTSTICKY", CodeName::uid_not_sticky},
    {"UIDREQUIRED", CodeName::uid_required},
    {"UNAVAILABLE", CodeName::unavailable},
    {"UNKNOWN-CTE", CodeName::unknown_cte},
    {"USEATTR", CodeName::use_attr},
    {"APPENDLIMIT", CodeName::append_limit},
    {"HIGHESTMODSEQ", CodeName::highest_modseq},
    {"UIDNEXT", CodeName::uid_next},
    {"UIDVALIDITY", CodeName::uid_validity},
    {"UNSEEN", CodeName::unseen},
    {"BADCHARSET", CodeName::bad_charset},
    {"BADCOMPARATOR", CodeName::bad_comparator},
    {"BADEVENT", CodeName::bad_event},
    {"CAPABILITY", CodeName::capability},
    {"PERMANENTFLAGS", CodeName::permanent_flags},
    {"MODIFIED", CodeName::modified},
    {"APPENDUID", CodeName::append_uid},
    {"COPYUID", CodeName::copy_uid},
    {"INPROGRESS", CodeName::in_progress},
    {"MESSAGELIMIT", CodeName::message_limit},
    {"BADURL", CodeName::bad_url},
    {"MAILBOXID", CodeName::mailbox_id},
    {"REFERRAL", CodeName::referral},
    {"NOUPDATE", CodeName::no_update},
    {"UNDEFINED-FILTER", CodeName::undefined_filter},
    {"METADATA NOPRIVATE", CodeName::metadata_no_private},
    {"METADATA TOOMANY", CodeName::metadata_too_many},
    {"METADATA LONGENTRIES", CodeName::metadata_long_entries},
    {"METADATA MAXSIZE", CodeName::metadata_max_size},
});

std::string_view code_text(CodeName name) {
  for (const CodeEntry& entry : code_names) {
    if (entry.name == name) return entry.text;
  }
  return {};
}

bool has_number(CodeName name) {
  return name == CodeName::append_limit || name == CodeName::highest_modseq ||
         name == CodeName::metadata_long_entries || name == CodeName::metadata_max_size ||
         name == CodeName::uid_next || name == CodeName::uid_validity || name == CodeName::unseen;
}

void append_words(std::string& out, const std::vector<std::string>& words) {
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += ' ';
    out += words[i];
  }
}

// What append_astring() never turns into a literal, which a response code cannot hold.
bool is_short_text(std::string_view name) {
  constexpr size_t length_max = 64;
  return name.size() <= length_max &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

void append_number_or_nil(std::string& out, const std::optional<uint64_t>& number) {
  if (number) {
    append_number(out, *number);
  } else {
    out += "NIL";
  }
}

// RFC 9585: "INPROGRESS" [SP "(" (quoted / nil) SP (number / nil) SP (nz-number / nil) ")"]
void append_progress(std::string& out, const ResponseCode& code) {
  if (code.text.empty() && !code.done) return;
  out += " (";
  if (code.text.empty()) {
    out += "NIL";
  } else {
    append_string(out, code.text, WriteStyle{});
  }
  out += ' ';
  append_number_or_nil(out, code.done);
  out += ' ';
  append_number_or_nil(out, code.goal);
  out += ')';
}

void append_arguments(std::string& out, const ResponseCode& code) {
  switch (code.name) {
    case CodeName::in_progress: append_progress(out, code); return;
    case CodeName::message_limit:
      out += ' ';
      append_number(out, code.number);
      if (!code.done) return;
      out += ' ';
      append_number(out, *code.done);
      return;
    case CodeName::bad_charset:
      if (code.words.empty()) return;
      out += " (";
      for (size_t i = 0; i < code.words.size(); ++i) {
        if (i > 0) out += ' ';
        if (is_short_text(code.words[i])) append_astring(out, code.words[i], WriteStyle{});
      }
      out += ')';
      return;
    case CodeName::bad_event:
      out += " (";
      append_words(out, code.words);
      out += ')';
      return;
    case CodeName::capability:
      out += ' ';
      append_words(out, code.words);
      return;
    case CodeName::permanent_flags:
      out += ' ';
      append_flag_list(out, code.words);
      return;
    case CodeName::modified:
      out += ' ';
      append_sequence_set(out, code.set);
      return;
    case CodeName::append_uid:
    case CodeName::copy_uid:
      out += ' ';
      append_number(out, code.number);
      if (code.name == CodeName::copy_uid) {
        out += ' ';
        append_sequence_set(out, code.source);
      }
      out += ' ';
      append_sequence_set(out, code.set);
      return;
    case CodeName::mailbox_id:
      out += " (";
      out += code.text;
      out += ')';
      return;
    case CodeName::no_update:
      out += ' ';
      append_string(out, code.text, WriteStyle{});
      return;
    case CodeName::bad_url:
    case CodeName::undefined_filter:
    case CodeName::referral:
      out += ' ';
      out += code.text;
      return;
    default:
      if (!has_number(code.name)) return;
      out += ' ';
      append_number(out, code.number);
  }
}

Result<> parse_words(Cursor& cursor, ResponseCode& code) {
  if (code.name == CodeName::bad_charset) {
    if (cursor.peek() == ']') return {};
    TRY(cursor.space());
    TRY(cursor.enter());
    cursor.skip_spaces();
    while (cursor.peek() != ')') {
      code.words.push_back(TRY(cursor.astring("a charset")));
      if (!is_short_text(code.words.back())) return cursor.expected("a charset");
      cursor.skip_spaces();
    }
    return cursor.leave();
  }
  TRY(cursor.space());
  if (code.name == CodeName::bad_event) {
    return cursor.list_of_some([&]() -> Result<> {
      code.words.emplace_back(TRY(cursor.atom("an event")));
      return {};
    });
  }
  if (code.name == CodeName::permanent_flags) {
    code.words = TRY(cursor.flag_list());
    return {};
  }
  do {
    code.words.emplace_back(TRY(cursor.atom()));
    cursor.skip_spaces();
  } while (cursor.peek() != ']' && !cursor.at_end());
  return {};
}

Result<> parse_progress(Cursor& cursor, ResponseCode& code) {
  if (cursor.peek() == ']') return {};
  TRY(cursor.space());
  TRY(cursor.enter());
  code.text = TRY(cursor.nstring()).value_or("");
  if (!is_short_text(code.text)) return cursor.expected("a tag");
  TRY(cursor.space());
  if (!cursor.accept_word("NIL")) code.done = TRY(cursor.number64());
  TRY(cursor.space());
  if (!cursor.accept_word("NIL")) code.goal = TRY(cursor.nz_number64());
  if (code.goal && !code.done) return cursor.expected("how far it is");
  return cursor.leave();
}

Result<> parse_arguments(Cursor& cursor, ResponseCode& code) {
  switch (code.name) {
    case CodeName::bad_charset:
    case CodeName::bad_event:
    case CodeName::capability:
    case CodeName::permanent_flags: return parse_words(cursor, code);
    case CodeName::append_uid:
    case CodeName::copy_uid:
      TRY(cursor.space());
      code.number = TRY(cursor.nz_number());
      TRY(cursor.space());
      if (code.name == CodeName::copy_uid) {
        code.source = TRY(cursor.sequence_set());
        TRY(cursor.space());
      }
      code.set = TRY(cursor.sequence_set());
      return {};
    case CodeName::modified:
      TRY(cursor.space());
      code.set = TRY(cursor.sequence_set());
      return {};
    case CodeName::mailbox_id:
      TRY(cursor.space());
      TRY(cursor.expect('('));
      code.text = std::string(TRY(cursor.atom()));
      return cursor.expect(')');
    case CodeName::in_progress: return parse_progress(cursor, code);
    case CodeName::message_limit:
      TRY(cursor.space());
      code.number = TRY(cursor.nz_number());
      if (cursor.peek() == ']') return {};
      TRY(cursor.space());
      code.done = TRY(cursor.nz_number());
      return {};
    case CodeName::no_update:
      TRY(cursor.space());
      code.text = TRY(cursor.string("a tag"));
      if (!is_short_text(code.text)) return cursor.expected("a tag");
      return {};
    case CodeName::undefined_filter:
      TRY(cursor.space());
      code.text = std::string(TRY(cursor.atom("a filter's name")));
      return {};
    case CodeName::bad_url:
    case CodeName::referral: {
      TRY(cursor.space());
      std::string_view rest = cursor.rest();
      code.text = std::string(rest.substr(0, rest.find(']')));
      cursor.skip(code.text.size());
      return {};
    }
    default:
      if (!has_number(code.name)) return {};
      TRY(cursor.space());
      code.number = TRY(cursor.number64());
      return {};
  }
}

}  // namespace

ResponseCode ResponseCode::append_uid(uint32_t uid_validity, const UidSet& uids) {
  ResponseCode code(CodeName::append_uid, uid_validity);
  code.set = SequenceSet::of(uids.raw());
  return code;
}

ResponseCode ResponseCode::copy_uid(uint32_t uid_validity, const UidSet& from, const UidSet& to) {
  ResponseCode code(CodeName::copy_uid, uid_validity);
  code.source = SequenceSet::of(from.raw());
  code.set = SequenceSet::of(to.raw());
  return code;
}

ResponseCode ResponseCode::modified(const IntervalSet& set) {
  ResponseCode code(CodeName::modified);
  code.set = SequenceSet::of(set);
  return code;
}

ResponseCode ResponseCode::bad_url(std::string_view url) {
  constexpr size_t url_bytes_max = 1000;
  constexpr std::string_view digits = "0123456789ABCDEF";
  ResponseCode code(CodeName::bad_url);
  code.text = "\"";
  for (const char c : url.substr(0, url_bytes_max)) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet > ' ' && octet < 0x7f && c != ']' && c != '"' && c != '\\') {
      code.text += c;
    } else {
      code.text += {'%', digits[octet >> 4], digits[octet & 15]};
    }
  }
  code.text += '"';
  return code;
}

ResponseCode ResponseCode::in_progress(std::string tag, std::optional<uint64_t> done,
                                       std::optional<uint64_t> goal) {
  ResponseCode code(CodeName::in_progress);
  code.text = std::move(tag);
  code.done = done;
  code.goal = goal;
  return code;
}

ResponseCode ResponseCode::message_limit(uint32_t limit, std::optional<Uid> lowest_uid) {
  ResponseCode code(CodeName::message_limit, limit);
  if (lowest_uid) code.done = lowest_uid->value;
  return code;
}

ResponseCode ResponseCode::mailbox_id(std::string id) {
  ResponseCode code(CodeName::mailbox_id);
  code.text = std::move(id);
  return code;
}

ResponseCode ResponseCode::no_update(std::string tag) {
  ResponseCode code(CodeName::no_update);
  code.text = std::move(tag);
  return code;
}

ResponseCode ResponseCode::undefined_filter(std::string name) {
  ResponseCode code(CodeName::undefined_filter);
  code.text = std::move(name);
  return code;
}

// RFC 9051 9: resp-text = ["[" resp-text-code "]" SP] [text]
void append_response_code(std::string& out, const ResponseCode& code) {
  if (code.name == CodeName::none) return;
  out += '[';
  if (code.name == CodeName::other) {
    out += code.text;
  } else {
    out += code_text(code.name);
    append_arguments(out, code);
  }
  out += "] ";
}

Result<ResponseCode> parse_response_code(Cursor& cursor) {
  TRY(cursor.expect('['));
  std::string_view inside = cursor.rest();
  Cursor attempt = cursor;
  ResponseCode code(CodeName::other);
  for (const CodeEntry& entry : code_names) {
    if (attempt.accept_word(entry.text)) {
      code.name = entry.name;
      break;
    }
  }
  if (code.name != CodeName::other && parse_arguments(attempt, code)) {
    attempt.skip_spaces();
    if (attempt.accept(']')) {
      cursor = attempt;
      return code;
    }
  }
  size_t close = inside.find(']');
  if (close == std::string_view::npos) return cursor.expected("a closing bracket");
  code = ResponseCode(CodeName::other);
  code.text = std::string(inside.substr(0, close));
  cursor.skip(close + 1);
  return code;
}

std::string_view condition_name(Condition condition) {
  switch (condition) {
    case Condition::ok: return "OK";
    case Condition::no: return "NO";
    case Condition::bad: return "BAD";
    case Condition::bye: return "BYE";
    case Condition::preauth: return "PREAUTH";
  }
  return "BAD";
}

ErrorReply error_reply(Code code) {
  constexpr Condition no = Condition::no;
  switch (code) {
    case Code::invalid: return {Condition::bad, CodeName::none, "The command is not valid."};
    case Code::not_found: return {no, CodeName::nonexistent, "There is no such thing."};
    case Code::already_exists: return {no, CodeName::already_exists, "It exists already."};
    case Code::permission: return {no, CodeName::no_perm, "You may not do that."};
    case Code::auth_failed:
      return {no, CodeName::authentication_failed, "The name or the password is wrong."};
    case Code::authz_failed:
      return {no, CodeName::authorization_failed, "You may not act for that user."};
    case Code::privacy_required: return {no, CodeName::privacy_required, "Use TLS for that."};
    case Code::expired: return {no, CodeName::expired, "The password has expired."};
    case Code::limit: return {no, CodeName::limit, "A limit of this server is reached."};
    case Code::too_big: return {no, CodeName::too_big, "It is too big for this server."};
    case Code::over_quota: return {no, CodeName::over_quota, "The account's quota is used up."};
    case Code::in_use: return {no, CodeName::in_use, "It is in use; try again later."};
    case Code::cannot: return {no, CodeName::cannot, "That cannot be done."};
    case Code::expunge_issued: return {no, CodeName::expunge_issued, "Some messages are gone."};
    case Code::has_children: return {no, CodeName::has_children, "The mailbox has children."};
    case Code::try_create: return {no, CodeName::try_create, "There is no such mailbox."};
    case Code::bad_charset: return {no, CodeName::bad_charset, "The charset is not known."};
    case Code::bad_url: return {no, CodeName::cannot, "The URL cannot be used."};
    case Code::unknown_cte: return {no, CodeName::unknown_cte, "The part cannot be decoded."};
    case Code::uid_not_sticky: return {no, CodeName::uid_not_sticky, "UIDs do not last here."};
    case Code::not_saved: return {no, CodeName::not_saved, "The result could not be saved."};
    case Code::modified: return {no, CodeName::none, "Some messages were changed meanwhile."};
    case Code::corrupt: return {no, CodeName::corruption, "Stored data is damaged."};
    case Code::conflict:
    case Code::unknown:
    case Code::io:
    case Code::unavailable:
    case Code::timeout:
    case Code::closed:
    case Code::cancelled: return {no, CodeName::unavailable, "Not possible now; try again later."};
    case Code::internal: break;
  }
  return {no, CodeName::server_bug, "The server made a mistake; it has been logged."};
}

}  // namespace eilpost::imap
