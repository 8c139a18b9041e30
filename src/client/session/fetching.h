// FETCH as tools need it: what is known of many messages, in rows; and one message's octets,
// streamed to whoever takes them, asked for again when the server says OK and sends nothing, and
// compared with the size that was promised. Belongs to the session's coroutine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/message/octets.h"
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
  std::string email_id;  // OBJECTID, or Gmail's X-GM-MSGID; "" without
  std::string header;    // of BODY.PEEK[HEADER.FIELDS (...)]; "" unless asked for
};

struct RowsWanted {
  bool flags = true;
  bool date = true;
  bool size = true;
  bool modseq = false;    // only where CONDSTORE is
  bool email_id = false;  // only where OBJECTID or Gmail is
  std::vector<std::string> header_fields;
  std::optional<uint64_t> changed_since;  // CONDSTORE: only what has changed after
};

// UID FETCH of `uids` ("1:*" when nothing is given), row by row in the order the server sends them.
// `row` may end it with an Error. Code::corrupt: rows came without a uid, so that they are not all.
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

// Whole messages with what is known of them.
struct FetchedBody {
  MessageRow row;  // uid, flags, date and size
  std::shared_ptr<Octets> octets;
};
// Every message of `uids` in one command, in the order in which the server sends them; those that
// are gone are missing in the answer. The caller keeps a batch small enough to be held: what is
// larger than Octets::memory_bytes_max lies in a file. A message that the server passes over with
// OK or with NO is asked for again by fetch_message(), and is among the failed when that does not
// help.
struct FetchedBatch {
  std::vector<FetchedBody> bodies;
  std::vector<std::pair<Uid, Error>> failed;
};
Task<Result<FetchedBatch>> fetch_bodies(Session& session, UidSet uids);

}  // namespace eilpost::client
