// The server's responses, each a function that appends to a std::string with its CRLF. FETCH
// responses are built item by item with FetchWriter, whose parts allocate nothing and use no format
// strings: a million of them is a common answer. Any thread; a FetchWriter belongs to one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/data.h"
#include "protocol/imap/esearch.h"
#include "protocol/imap/fetch.h"
#include "protocol/imap/metadata.h"
#include "protocol/imap/quota.h"
#include "protocol/imap/rights.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

// "tag OK [CODE] text". The text is cut at line ends and control characters; "" becomes "done".
void append_tagged(std::string& out, std::string_view tag, Condition condition,
                   const ResponseCode& code, std::string_view text);
// "* OK [CODE] text", "* BYE ...", "* PREAUTH ...".
void append_untagged(std::string& out, Condition condition, const ResponseCode& code,
                     std::string_view text);
// "+ text", "+ <base64>"; "+ " and CRLF when empty.
void append_continuation(std::string& out, std::string_view text);

void append_capability(std::string& out, const CapabilityData& data);
void append_enabled(std::string& out, const EnabledData& data);
void append_flags(std::string& out, const FlagsData& data);
void append_list(std::string& out, const ListData& data, WriteStyle style);
void append_status(std::string& out, const StatusData& data, WriteStyle style);
void append_search(std::string& out, const SearchData& data);
void append_sort(std::string& out, const SortData& data);
// "* SEARCH 1 2 3 (MODSEQ 9)" straight from a set.
void append_search(std::string& out, const IntervalSet& numbers, std::optional<uint64_t> modseq);
void append_exists(std::string& out, uint32_t count);
void append_recent(std::string& out, uint32_t count);
void append_expunge(std::string& out, Seq seq);
void append_vanished(std::string& out, const VanishedData& data);
void append_id(std::string& out, const IdData& data, WriteStyle style);
void append_namespace(std::string& out, const NamespaceData& data, WriteStyle style);
// Any of them from the value (clients' tests, round trips).
void append_response(std::string& out, const Response& response, WriteStyle style);

// "* UIDBATCHES (TAG "a") 20:11,10:1".
void append_uid_batches(std::string& out, const UidBatchesData& data);

// "* 12 FETCH (UID 40 FLAGS (\Seen))": FetchWriter w(out, seq); w.uid(..).flags(..); w.finish();
class FetchWriter {
 public:
  FetchWriter(std::string& out, Seq seq, WriteStyle style = {});
  // "* 40 UIDFETCH (...)" (RFC 9586): the uid stands in front and is no item.
  FetchWriter(std::string& out, Uid uid, WriteStyle style = {});
  FetchWriter& uid(Uid uid);
  // The system flags by bit (values.h) and the keywords.
  FetchWriter& flags(uint8_t system_flags, const std::vector<std::string_view>& keywords);
  FetchWriter& flags(const FlagList& flags);
  FetchWriter& modseq(ModSeq modseq);
  FetchWriter& internal_date(DateTime at);
  FetchWriter& rfc822_size(uint64_t octets);
  FetchWriter& email_id(std::string_view id);
  FetchWriter& thread_id(std::string_view id);  // "" prints NIL
  FetchWriter& save_date(std::optional<DateTime> at);
  FetchWriter& preview(const std::optional<std::string>& text);
  // Already in wire form: "ENVELOPE", "BODYSTRUCTURE", "BODY" and what follows them.
  FetchWriter& wire(std::string_view name, std::string_view value);
  // "BODY[1.TEXT]<0> {123}": the octets are the caller's to append (or to send behind what is in
  // `out`), then the next item or finish(). size counts the octets that will follow.
  FetchWriter& body_header(const FetchItem& item, uint64_t size);
  // The same as BINARY[...] with "~{n}": for octets that may hold NUL.
  FetchWriter& body_header_literal8(const FetchItem& item, uint64_t size);
  FetchWriter& body_nil(const FetchItem& item);
  // Header and octets.
  FetchWriter& body(const FetchItem& item, std::string_view octets);
  FetchWriter& body_literal8(const FetchItem& item, std::string_view octets);
  FetchWriter& binary_size(const std::vector<uint32_t>& part, uint64_t size);
  void finish();  // ")" and CRLF
  // An item was written: a response without any is best not begun, see empty().
  bool empty() const { return empty_; }

 private:
  void item(std::string_view name);
  void body_name(const FetchItem& item);

  std::string& out_;
  WriteStyle style_;
  bool empty_ = true;
};

}  // namespace eilpost::imap
