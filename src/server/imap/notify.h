// NOTIFY (RFC 5465): what a session wants to be told of, at any time, of its selected and of other
// mailboxes. The source of it all is the account's change log: a session remembers up to which
// modseq it has been told and the tree of names that it knows, so that it costs about a KiB,
// however many mailboxes it watches; others' STATUS comes from the account's counters. One
// session's coroutine; what says so is pure.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/imap/notify.h"
#include "server/imap/mailbox_scope.h"
#include "server/imap/session.h"
#include "store/folders.h"

namespace eilpost::server {

// From a client's first NOTIFY on; without one, its selected mailbox is told of as ever.
struct NotifyState {
  uint8_t selected_events = 0;             // of the selected mailbox, message events only
  bool delayed = false;                    // expunges of it wait for a command (SELECTED-DELAYED)
  std::vector<imap::FetchItem> fetch;      // of its new messages
  std::vector<imap::NotifyGroup> groups;   // for other mailboxes
  ScopeSurroundings surroundings;          // of the groups
  ModSeq seen;                             // changes up to here were told
  store::FoldersPtr tree;                  // as it was told
  std::map<std::string, bool> subscribed;  // by this session since, and how it left the name
  std::unique_ptr<store::Subscription> subscription;  // null: nothing to be told
};

// Events that `groups` ask for of a mailbox that is not selected. Pure.
uint8_t events_of(const std::vector<imap::NotifyGroup>& groups, const store::FolderTree& tree,
                  std::string_view name, const ScopeSurroundings& surroundings);

// A name that LIST describes differently from one tree to the next. Pure, but for the trees.
struct NameChange {
  std::string name;
  std::optional<std::string> old_name;  // it was renamed
  // Of those that bear or bore it, as far as there are any: whose doing it was is known by them.
  MailboxId id;
  MailboxId old_id;
};
// Made, deleted and renamed mailboxes, each with its parent (RFC 5465 5.4); what is below a renamed
// one is not told.
std::vector<NameChange> name_changes(const store::FolderTree& before,
                                     const store::FolderTree& after);

// Whether changes of the selected mailbox are to be told when the client did not cause them.
bool tells_selected(const ImapSession& session);

// Of other mailboxes and of the account, as the client asked for: appends and, where it is much,
// sends.
net::Task<> announce_notified(ImapSession& session);

// What this session did to a subscription is no news to it.
void note_subscription(ImapSession& session, const std::string& name, bool subscribed);

// What is to be sent of messages that come to the selected mailbox: what NOTIFY and searches with
// UPDATE ask for (RFC 5465 5.2, 7), each item once.
std::vector<imap::FetchItem> items_of_new(ImapSession& session);

// fetch.cc: FETCH responses of messages that have just come to the selected mailbox.
net::Task<Result<>> print_new_messages(ImapSession& session,
                                       const std::vector<imap::FetchItem>& items, UidSet uids);

}  // namespace eilpost::server
