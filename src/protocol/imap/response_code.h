// Response codes ("[TRYCREATE]", "[COPYUID 1 2 3]") as values, and the one table that turns an
// Error into what an IMAP peer reads. RFC 9051 7.1, RFC 5530, RFC 4315, RFC 7162, RFC 8474, RFC
// 5465, RFC 5466. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/interval_set.h"
#include "base/result.h"
#include "protocol/imap/cursor.h"
#include "protocol/imap/values.h"

namespace eilpost::imap {

enum class CodeName : uint8_t {
  none,
  // Without argument.
  alert,
  already_exists,
  authentication_failed,
  authorization_failed,
  cannot,
  client_bug,
  closed,
  compression_active,
  contact_admin,
  corruption,
  expired,
  expunge_issued,
  has_children,
  in_use,
  limit,
  no_modseq,
  no_perm,
  notification_overflow,
  nonexistent,
  not_saved,
  over_quota,
  parse,
  privacy_required,
  read_only,
  read_write,
  server_bug,
  too_big,
  too_few,
  too_many,
  try_create,
  uid_not_sticky,
  uid_required,
  unavailable,
  unknown_cte,
  use_attr,
  metadata_no_private,
  metadata_too_many,
  // `number`
  append_limit,
  highest_modseq,
  metadata_long_entries,
  metadata_max_size,
  uid_next,
  uid_validity,
  unseen,
  // `words`: flags, capabilities, charsets, events
  bad_charset,
  bad_comparator,
  bad_event,
  capability,
  permanent_flags,
  // `set`
  modified,
  // `number` (uid validity) and `set`
  append_uid,
  // `number`, `source`, `set`
  copy_uid,
  // `text`, `done` and `goal`
  in_progress,
  // `number` and, where some were worked on, `done`
  message_limit,
  // `text`
  bad_url,
  mailbox_id,
  referral,
  undefined_filter,
  no_update,
  // Anything else: `text` is all between the brackets.
  other,
};

struct ResponseCode {
  CodeName name = CodeName::none;
  uint64_t number = 0;
  std::vector<std::string> words;
  SequenceSet source;
  SequenceSet set;
  std::string text;
  // INPROGRESS: of `goal`, so many are done. MESSAGELIMIT: `done` is the lowest uid worked on.
  std::optional<uint64_t> done;
  std::optional<uint64_t> goal;

  ResponseCode() = default;
  explicit ResponseCode(CodeName n) : name(n) {}  // for those without argument
  ResponseCode(CodeName n, uint64_t value) : name(n), number(value) {}
  ResponseCode(CodeName n, std::vector<std::string> w) : name(n), words(std::move(w)) {}
  static ResponseCode append_uid(uint32_t uid_validity, const UidSet& uids);
  // `from` and `to` pair up in ascending order; they have the same count.
  static ResponseCode copy_uid(uint32_t uid_validity, const UidSet& from, const UidSet& to);
  static ResponseCode modified(const IntervalSet& set);
  static ResponseCode mailbox_id(std::string id);
  static ResponseCode no_update(std::string tag);
  static ResponseCode undefined_filter(std::string name);
  // What cannot stand in a response code is percent-encoded.
  static ResponseCode bad_url(std::string_view url);
  // A goal only beside what is done.
  static ResponseCode in_progress(std::string tag, std::optional<uint64_t> done,
                                  std::optional<uint64_t> goal);
  // lowest_uid: nullopt when nothing was done.
  static ResponseCode message_limit(uint32_t limit, std::optional<Uid> lowest_uid);
  friend bool operator==(const ResponseCode&, const ResponseCode&) = default;
};

// "[CODE args] " with the space behind it; nothing for CodeName::none.
void append_response_code(std::string& out, const ResponseCode& code);
// At "[", past "]". Tolerant: an argument that does not parse makes it `other` (COPYUID with
// nothing).
Result<ResponseCode> parse_response_code(Cursor& cursor);

enum class Condition : uint8_t { ok, no, bad, bye, preauth };
std::string_view condition_name(Condition condition);

// What an Error's code means to an IMAP client. `text` is plain words; nothing of Error::detail is
// in it.
struct ErrorReply {
  Condition condition = Condition::no;
  CodeName code = CodeName::none;
  std::string_view text;
};
ErrorReply error_reply(Code code);

}  // namespace eilpost::imap
