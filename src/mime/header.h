// The header of a message or part: its fields as they stand in the octets, and what they mean.
// Everything is tolerant: any octets are a header, a malformed field is skipped or kept verbatim,
// nothing fails. Views point into the argument. Lines may end in CRLF, LF or a bare CR that is
// followed by LF; octets are never changed. Values only; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eilpost::mime {

struct Field {
  std::string_view name;    // without trailing blanks and colon; as written
  std::string_view value;   // behind the colon, with folding, without the last line end
  std::string_view octets;  // the whole field with folding and line ends
};

// Takes the fields of a header block one after the other. Lines that are no field (no colon, blanks
// in the name) are skipped; the blank line ends the block.
class FieldReader {
 public:
  explicit FieldReader(std::string_view block) : rest_(block) {}
  // The next field; nothing at the end of the block.
  std::optional<Field> next();
  // What has not been read. After next() answered nothing: the blank line and what follows.
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// The first field with this name (case does not matter), or nothing.
std::optional<Field> find_field(std::string_view block, std::string_view name);
// The last one. Of repeated fields that RFC 5322 3.6 allows once, ENVELOPE shows this one, as peers
// do.
std::optional<Field> find_last_field(std::string_view block, std::string_view name);
// The value of that field, unfolded and without blanks around it; "" when there is none.
std::string field_value(std::string_view block, std::string_view name);

enum class Select { listed, not_listed };
// The octets of the fields named (or not named) in `names`, in the message's order and with their
// folding, and the blank line that ends them (RFC 9051 6.4.5, HEADER.FIELDS and HEADER.FIELDS.NOT).
std::string select_fields(std::string_view block, const std::vector<std::string>& names,
                          Select select);

// Removes line ends that are followed by a blank (RFC 5322 2.2.3) and blanks around the whole.
// Other CR, LF and NUL octets become nothing.
std::string unfold(std::string_view raw_value);

// An address as ENVELOPE has it (RFC 9051 7.5.2): absent parts are NIL. A group begins with an
// entry that has only `mailbox` (its name) and ends with an entry that has nothing.
struct Address {
  std::optional<std::string> name;     // display name or comment, raw (encoded words stay)
  std::optional<std::string> route;    // obsolete source route "@a,@b"
  std::optional<std::string> mailbox;  // local part, unquoted
  std::optional<std::string> host;     // domain; absent marks a group's begin or end
  friend bool operator==(const Address&, const Address&) = default;
};
// RFC 5322 3.4 with its obsolete forms (4.4) and what is met in the wild. Never fails.
std::vector<Address> parse_addresses(std::string_view raw_value);

// A date as a header says it.
struct SentDate {
  int64_t seconds = 0;   // Unix time
  int zone_minutes = 0;  // east of UTC; local time is seconds + 60 * zone_minutes
  friend bool operator==(const SentDate&, const SentDate&) = default;
};
// RFC 5322 3.3 with obsolete zones and years (4.3); nothing when it cannot be read.
std::optional<SentDate> parse_date(std::string_view raw_value);
// "Mon, 02 Jan 2006 15:04:05 -0700".
std::string print_date(SentDate date);

// RFC 2047 words, raw UTF-8 (RFC 6532) and folding to UTF-8. Unknown charsets and malformed words
// stay verbatim; octets that are no UTF-8 are read as windows-1252. The answer is valid UTF-8.
std::string decode_header_value(std::string_view raw_value);
// One RFC 2047 phrase or text encoded for a header: as it is when ASCII, else "=?utf-8?...?="
// words.
std::string encode_header_value(std::string_view utf8);

// "<a@b> <c@d>" to {"a@b", "c@d"}; what stands outside of angle brackets is left out.
std::vector<std::string> parse_message_ids(std::string_view raw_value);

struct Param {
  std::string name;   // lower case; ends in '*' when the value is RFC 2231 charset'language'octets
  std::string value;  // unquoted; continuations joined; percent encoding kept
  friend bool operator==(const Param&, const Param&) = default;
};
using Params = std::vector<Param>;

// "type/subtype; a=b" (RFC 2045 5.1) and "token; a=b" (RFC 2183). Both halves are lower case.
struct ContentType {
  std::string type;     // "" when the value cannot be read
  std::string subtype;  // "" for what has no slash
  Params params;
};
ContentType parse_content_type(std::string_view raw_value);
struct Disposition {
  std::string type;  // "" when the value cannot be read
  Params params;
};
Disposition parse_disposition(std::string_view raw_value);

// The value of parameter `name` as stored, or nothing.
std::optional<std::string_view> param(const Params& params, std::string_view name);
// The same as UTF-8: RFC 2231 "name*" first, then "name" with RFC 2047 words decoded.
std::optional<std::string> param_utf8(const Params& params, std::string_view name);

// The base subject and whether it is a reply or forward (RFC 5256 2.1), from a raw Subject value.
struct BaseSubject {
  std::string text;  // UTF-8
  bool reply_or_forward = false;
};
BaseSubject base_subject(std::string_view raw_value);

// ASCII lower case.
std::string to_lower(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);

}  // namespace eilpost::mime
