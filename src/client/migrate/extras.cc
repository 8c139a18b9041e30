#include "client/migrate/extras.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

namespace eilpost::client {

namespace {

using Entries = std::vector<imap::MetadataEntry>;

// Names by the reason why they could not be carried over.
class Refused {
 public:
  void add(const std::string& name, const Error& error) {
    by_reason_[error.detail].push_back(name);
  }
  void tell(std::string_view kind, MailboxReport& report) const {
    for (const auto& [reason, names] : by_reason_) {
      report.notes.push_back(fmt::format("{} {}: {}", kind, fmt::join(names, ", "), reason));
    }
  }

 private:
  std::map<std::string, std::vector<std::string>> by_reason_;
};

// Owners have their rights anyway, and more of them than an entry that the other owner was given.
// What Dovecot marks with "#" is the whole server's.
bool is_carried(const MailSource& source, const MailTarget& target, const std::string& identifier) {
  return !imap::equal_nocase(identifier, source.own_name) &&
         !imap::equal_nocase(identifier, target.own_name) && identifier != "owner" &&
         identifier.front() != '#';
}

// What a server tells of the mailbox here: its size, its partition, who keeps it for how long.
bool is_of_server(const std::string& entry) {
  constexpr std::string_view vendors[] = {"/vendor/cmu/cyrus-imapd/", "/vendor/vendor.dovecot/"};
  const std::string_view within = std::string_view(entry).substr(
      std::min(entry.find('/', 1), entry.size()));  // behind "/private", "/shared"
  return std::any_of(std::begin(vendors), std::end(vendors), [&](std::string_view vendor) {
    return imap::equal_nocase(within.substr(0, vendor.size()), vendor);
  });
}

Task<Result<>> carry_acl(MailSource& source, MailTarget& target, const MappedMailbox& mailbox,
                         MailboxReport& report) {
  auto acl = co_await source.acl(mailbox.source.name);
  if (!acl && !source.is_alive()) co_return tl::unexpected(std::move(acl).error());
  if (!acl) {
    report.notes.push_back("ACL: " + acl.error().detail);
    co_return Result<>();
  }
  Refused refused;
  for (auto& [identifier, rights] : *acl) {
    if (identifier.empty() || !is_carried(source, target, identifier)) continue;
    const std::string name = identifier + " " + rights;
    AclEntry entry(std::move(identifier), std::move(rights));
    auto done = co_await target.set_acl(mailbox.target, std::move(entry));
    if (!done && !target.is_alive()) co_return done;
    if (!done) refused.add(name, done.error());
  }
  refused.tell("ACL", report);
  co_return Result<>();
}

// All at once; where that is refused, one after the other: it may be for one of them.
Task<Result<>> carry_metadata(MailSource& source, MailTarget& target, const MappedMailbox& mailbox,
                              MailboxReport& report) {
  auto entries = co_await source.metadata(mailbox.source.name);
  if (!entries && !source.is_alive()) co_return tl::unexpected(std::move(entries).error());
  if (!entries) {
    report.notes.push_back("METADATA: " + entries.error().detail);
    co_return Result<>();
  }
  entries->erase(std::remove_if(entries->begin(), entries->end(),
                                [](const auto& entry) { return is_of_server(entry.name); }),
                 entries->end());
  if (entries->empty()) co_return Result<>();
  auto all = co_await target.set_metadata(mailbox.target, *entries);
  if (all || !target.is_alive()) co_return all;
  Refused refused;
  for (imap::MetadataEntry& entry : *entries) {
    const std::string name = entry.name;
    Entries one;
    one.push_back(std::move(entry));
    auto done = co_await target.set_metadata(mailbox.target, std::move(one));
    if (!done && !target.is_alive()) co_return done;
    if (!done) refused.add(name, done.error());
  }
  refused.tell("METADATA", report);
  co_return Result<>();
}

}  // namespace

Task<Result<>> carry_extras(const MigrateOptions& options, MailSource& source, MailTarget& target,
                            const MappedMailbox& mailbox, MailboxReport& report) {
  if (options.subscriptions && mailbox.source.subscribed) {
    auto done = co_await target.subscribe(mailbox.target);
    if (!done && !target.is_alive()) co_return done;
    if (!done) report.notes.push_back("subscription: " + done.error().detail);
  }
  if (options.acl) {
    auto done = co_await carry_acl(source, target, mailbox, report);
    CO_TRY(done);
  }
  if (!options.metadata) co_return Result<>();
  auto done = co_await carry_metadata(source, target, mailbox, report);
  co_return done;
}

}  // namespace eilpost::client
