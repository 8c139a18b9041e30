// FETCH as tools need it: what is known of many messages, in rows; and one message's octets,
// streamed to whoever takes them, asked for again when the server says OK and sends nothing, and
// compared with the size that was promised. Belongs to the session's coroutine.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/session/session.h"

namespace eilpost::client {

// What one message is, without its octets.
struct MessageRow {
  Uid uid;
  Seq seq;               // 0 where the server sends UIDFETCH
  imap::FlagList flags;  // \Recent is left out: it is the session's, not the message's
  std::optional<imap::DateTime> internal_date;
  std::optional<uint64_t> size;  // as RFC822.SIZE says
  std::optional<uint64_t> modseq;
  std::string email_id;  // OBJECTID; "" without
  std::string header;    // of BODY.PEEK[HEADER.FIELDS (...)]; "" unless asked for
};

struct RowsWanted {
  bool flags = true;
  bool date = true;
  bool size = true;
  bool modseq = false;    // only where CONDSTORE is
  bool email_id = false;  // only where OBJECTID is
  std::vector<std::string> header_fields;
  std::optional<uint64_t> changed_since;  // CONDSTORE: only what has changed after
};

// UID FETCH of `uids` ("1:*" when nothing is given), row by row in the order the server sends them.
// `row` may end it with an Error.
Task<Result<>> fetch_rows(Session& session, const std::optional<UidSet>& uids, RowsWanted wanted,
                          std::function<Result<>(MessageRow)> row);

// Where a message's octets go.
struct MessageSink {
  // The message begins, of so many octets; also when it begins again after a failure.
  std::function<Result<>(uint64_t size)> begin;
  std::function<Result<>(std::string_view octets)> octets;
};
struct FetchedMessage {
  uint64_t octets = 0;           // that came
  std::optional<uint64_t> size;  // RFC822.SIZE at that time
  bool size_differs = false;
};
// BODY.PEEK[] of one message. Code::expunge_issued: it is gone; Code::corrupt: three times the
// server said OK and gave no octets.
Task<Result<FetchedMessage>> fetch_message(Session& session, Uid uid, MessageSink sink);

// A literal that came whole, or streamed: feeds `sink` either way. For commands that fetch several
// bodies at once; `uid_of` a literal that streams is read from what came before it.
Expect message_expect(std::function<Result<>(imap::FetchData, std::string_view octets)> whole,
                      std::function<Result<>(const imap::Frame& so_far, uint64_t size)> begin,
                      std::function<Result<>(std::string_view octets)> octets);

}  // namespace eilpost::client
