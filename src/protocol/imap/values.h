// Small values that commands and responses share: flags, dates, sections, partial ranges. Any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace eilpost::imap {

// Flags and keywords in the order they were written; the system flags in the RFC's spelling
// ("\Seen").
using FlagList = std::vector<std::string>;

// The system flags as bits, for printing without strings (response.h).
enum SystemFlag : uint8_t {
  flag_answered = 1,
  flag_flagged = 2,
  flag_deleted = 4,
  flag_seen = 8,
  flag_draft = 16,
  flag_recent = 32,
};
// The bit of a system flag in any case ("\seen"), 0 for anything else.
uint8_t system_flag(std::string_view flag);
// "\Seen" for its bit, "" for anything else.
std::string_view system_flag_name(uint8_t bit);

// A calendar day without zone.
struct Date {
  int32_t year = 1970;
  int32_t month = 1;  // 1..12
  int32_t day = 1;    // 1..31
  friend auto operator<=>(const Date&, const Date&) = default;
};
// Days since 1970-01-01.
int64_t days_since_epoch(Date date);
Date date_of_days(int64_t days);
int days_in_month(int year, int month);
std::string_view month_name(int month);   // 1 is "Jan"
int month_number(std::string_view name);  // any case; 0 for none
// "1-Feb-1994".
void append_date(std::string& out, Date date);

// INTERNALDATE: an instant, and the zone in which it was written.
struct DateTime {
  int64_t seconds = 0;       // since 1970-01-01T00:00:00Z
  int32_t zone_minutes = 0;  // east of Greenwich
  friend bool operator==(const DateTime&, const DateTime&) = default;
};

// FETCH's "<offset.length>".
struct Partial {
  uint64_t offset = 0;
  uint64_t length = 0;  // octets at most; >= 1 in a command
  friend bool operator==(const Partial&, const Partial&) = default;
};

// What stands in BODY[...]. RFC 9051 6.4.5.1.
enum class SectionText { all, header, header_fields, header_fields_not, text, mime };

struct Section {
  std::vector<uint32_t> part;  // "1.2" is {1, 2}; empty: the whole message
  SectionText text = SectionText::all;
  std::vector<std::string>
      fields;  // of header_fields and header_fields_not, as the client wrote them
  friend bool operator==(const Section&, const Section&) = default;
};
// The inside of the brackets: "1.2.HEADER.FIELDS (From To)".
void append_section(std::string& out, const Section& section);

using IdParameters = std::vector<std::pair<std::string, std::optional<std::string>>>;

enum class StatusItem : uint8_t {
  messages,
  recent,
  uid_next,
  uid_validity,
  unseen,
  deleted,
  size,
  highest_modseq,
  mailbox_id,
  append_limit,
  deleted_storage,
};
std::string_view status_item_name(StatusItem item);
std::optional<StatusItem> status_item(std::string_view name);  // any case

// ASCII only.
bool equal_nocase(std::string_view a, std::string_view b);
std::string upper_ascii(std::string_view text);

}  // namespace eilpost::imap
