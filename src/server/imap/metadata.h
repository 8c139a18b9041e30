// Annotations as clients ask for them: GETMETADATA, SETMETADATA (RFC 5464) and LIST's RETURN
// (METADATA) (RFC 9590). Some entries are not stored: a mailbox's "/private/specialuse" is its
// definition's (RFC 6154 4), the server's "/shared/" entries are the configuration's.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "protocol/imap/metadata.h"
#include "server/imap/session.h"
#include "store/annotations.h"

namespace eilpost::server {

struct PickedMetadata {
  std::vector<imap::MetadataEntry> entries;  // as asked for; NIL for what has no value
  uint64_t longest_left_out = 0;             // octets of a value beyond MAXSIZE; 0: none
};
// What `request` asks for, of `there`. Names compare without case; one that was asked for comes
// back as it was asked for. Pure.
PickedMetadata pick_metadata(const std::vector<store::AnnotationRow>& there,
                             const imap::MetadataRequest& request);

// What a mailbox has: the stored ones and those that follow from its definition.
std::vector<store::AnnotationRow> with_computed(std::vector<store::AnnotationRow> stored,
                                                const store::MailboxDef& def);

// Names of annotations by mailbox; 0: the account's.
using AnnotationNames = std::map<MailboxId, std::set<std::string>>;
// All there are: where nobody knows what has changed.
net::Task<Result<AnnotationNames>> all_annotation_names(ImapSession& session);
// METADATA responses without values (RFC 5464 4.4.2), of mailboxes that are there.
void append_annotation_names(ImapSession& session, const AnnotationNames& names);

// To a client that ENABLEd it: the names of what others have changed. RFC 5464 4.4.2.
net::Task<> announce_metadata(ImapSession& session);

// To a command that names more than limits::metadata_entries_max entries: "NO [LIMIT]".
Reply too_many_entries();

// "NO [METADATA MAXSIZE n]".
Reply metadata_too_long();

// "OK", or "OK [METADATA LONGENTRIES n]" when a value was left out.
Reply metadata_reply(uint64_t longest_left_out, std::string text);

}  // namespace eilpost::server
