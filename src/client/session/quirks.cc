#include "client/session/quirks.h"

namespace eilpost::client {

namespace {

// In the order of the enumeration.
constexpr std::array<QuirkInfo, quirk_count> infos{{
    {"sasl-ir-refused", "lists SASL-IR and refuses an initial response",
     "the exchange is begun again without one", "Coremail"},
    {"capability-unannounced", "has other capabilities after login and does not say so",
     "CAPABILITY is asked after every login", "Exchange, Dovecot proxies"},
    {"enabled-empty", "answers ENABLE without what was asked for",
     "what was not confirmed is not used", "iCloud"},
    {"id-before-select", "refuses SELECT until the client has sent ID",
     "ID is sent after login wherever it is listed", "163.com, 126.com"},
    {"modseq-zero", "says HIGHESTMODSEQ 0 though it lists CONDSTORE",
     "changes are found by comparing flags", "servers with empty mailboxes"},
    {"no-uid-next", "does not say UIDNEXT at SELECT",
     "STATUS is asked, else the last uid is fetched", "Exchange 2003"},
    {"no-uid-validity", "does not say UIDVALIDITY at SELECT",
     "STATUS is asked, else the mailbox is taken as a different one each time", "old gateways"},
    {"copyuid-malformed", "gives a COPYUID that makes no sense",
     "the copies are looked for in the target", "Exchange, hMailServer"},
    {"append-uid-missing", "lists UIDPLUS and gives no APPENDUID",
     "the message is looked for in the target", "Exchange Online"},
    {"fetch-without-uid", "answers UID FETCH without UID", "the mailbox is left as it is",
     "Exchange 2007"},
    {"fetch-without-data", "answers OK without all that was asked for",
     "it is asked again, then reported", "Exchange Online, Yahoo"},
    {"size-mismatch", "says another RFC822.SIZE than BODY[] has octets",
     "the octets count; the size is reported", "Exchange, Courier"},
    {"bodystructure-broken", "sends a BODYSTRUCTURE that cannot be read",
     "the message itself is read instead", "Gmail, Exchange 2007"},
    {"duplicate-uid", "has two messages with one uid", "both are read by their numbers",
     "mailboxes repaired by hand"},
    {"uid-not-rising", "has uids that do not rise with message numbers",
     "messages are matched by content", "Yahoo"},
    {"uid-validity-changed", "gives a mailbox another UIDVALIDITY",
     "messages are matched by EMAILID and content", "Exchange Online, proxies"},
    {"unreadable-response", "sends responses that are no IMAP", "they are passed over", "many"},
    {"stray-answer", "sends a tagged answer that nobody waits for", "it is passed over",
     "Exchange"},
    {"throttled-ok", "says OK with word of throttling", "the tool slows down", "Gmail"},
    {"placeholder-message", "sends a made-up message where it cannot convert the real one",
     "it is reported and not taken for the message", "Exchange"},
}};

}  // namespace

const QuirkInfo& quirk_info(Quirk quirk) {
  return infos[static_cast<size_t>(quirk)];
}

bool QuirkLog::note(Quirk quirk) {
  return counts_[static_cast<size_t>(quirk)]++ == 0;
}

std::vector<Quirk> QuirkLog::all() const {
  std::vector<Quirk> out;
  for (size_t i = 0; i < quirk_count; ++i) {
    if (counts_[i] > 0) out.push_back(static_cast<Quirk>(i));
  }
  return out;
}

void QuirkLog::merge(const QuirkLog& other) {
  for (size_t i = 0; i < quirk_count; ++i) counts_[i] += other.counts_[i];
}

}  // namespace eilpost::client
