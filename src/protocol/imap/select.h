// SELECT and EXAMINE with CONDSTORE and QRESYNC parameters. RFC 9051 6.3.2, RFC 7162 3.1.8
// and 3.2.5. Values only; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

// What the client already knows of the mailbox.
struct QResync {
  uint32_t uid_validity = 0;
  uint64_t modseq = 0;
  std::optional<SequenceSet> known_uids;  // never "*" or "$"
  // Message numbers and the uids they had, pairwise; both or neither.
  std::optional<SequenceSet> match_seqs;
  std::optional<SequenceSet> match_uids;
  friend bool operator==(const QResync&, const QResync&) = default;
};

struct Select {
  std::string mailbox;
  bool read_only = false;  // EXAMINE
  bool condstore = false;
  std::optional<QResync> qresync;
  friend bool operator==(const Select&, const Select&) = default;
};
Result<Select> parse_select(Cursor& cursor);  // read_only stays false
Result<Select> parse_examine(Cursor& cursor);
void print_select(CommandWriter& out, const Select& command);

}  // namespace eilpost::imap
