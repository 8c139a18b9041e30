// A command as a value, parsed and printed by one table. To add one: a file with its struct,
// parse_x() and print_x(), its type in the variant, a line in the table of command.cc. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "protocol/imap/append.h"
#include "protocol/imap/authenticate.h"
#include "protocol/imap/cancel_update.h"
#include "protocol/imap/comparator.h"
#include "protocol/imap/compress.h"
#include "protocol/imap/copy.h"
#include "protocol/imap/cursor.h"
#include "protocol/imap/enable.h"
#include "protocol/imap/fetch.h"
#include "protocol/imap/id.h"
#include "protocol/imap/language.h"
#include "protocol/imap/list.h"
#include "protocol/imap/mailbox.h"
#include "protocol/imap/metadata.h"
#include "protocol/imap/multisearch.h"
#include "protocol/imap/notify.h"
#include "protocol/imap/quota.h"
#include "protocol/imap/replace.h"
#include "protocol/imap/search.h"
#include "protocol/imap/select.h"
#include "protocol/imap/simple.h"
#include "protocol/imap/sort.h"
#include "protocol/imap/status.h"
#include "protocol/imap/store.h"
#include "protocol/imap/thread.h"
#include "protocol/imap/uid_batches.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

using CommandBody =
    std::variant<Capability, Noop, Logout, StartTls, Authenticate, Login, Enable, Select, Create,
                 Delete, Rename, Subscribe, Unsubscribe, List, Lsub, Namespace, Status, Append,
                 Idle, Check, Close, Unselect, Expunge, Search, Fetch, Store, Copy, Move, Id,
                 GetMetadata, SetMetadata, GetQuota, GetQuotaRoot, SetQuota, Xlist, Unauthenticate,
                 Replace, UidBatches, MultiSearch, CancelUpdate, Compress, Sort, Thread, Comparator,
                 Language, Notify>;

struct Command {
  std::string tag;
  bool uid = false;  // UID FETCH, UID STORE, UID SEARCH, UID SORT, UID THREAD, UID COPY, UID MOVE,
                     // UID REPLACE, UID EXPUNGE
  CommandBody body;
  friend bool operator==(const Command&, const Command&) = default;
};

// Errors: Code::invalid (answer BAD), Code::limit and Code::too_big (answer NO [LIMIT], BAD
// [TOOBIG]); the detail is made for the peer and holds nothing that it did not send. Frame::tag()
// gives the tag of a command that does not parse. Secrets of LOGIN never get into the detail.
Result<Command> parse_command(const Frame& frame, ParseOptions options);

// "FETCH", "UID FETCH": upper case, for logs and metrics.
std::string_view command_name(const Command& command);

// As a client sends it, with the line end. Only valid with a tag.
WireCommand print_command(const Command& command, const WriteOptions& options);

// By message number, so that no EXPUNGE may be sent while it runs or waits in the pipeline: FETCH,
// STORE, SEARCH, SORT, THREAD (not their UID forms). RFC 9051 7.5.1. `line` is a command's first
// line.
bool forbids_expunge(const Command& command);
bool line_forbids_expunge(std::string_view line);
// Message numbers stand in it or would in its answer: what UIDONLY refuses (RFC 9586).
bool uses_sequence_numbers(const Command& command);

}  // namespace eilpost::imap
