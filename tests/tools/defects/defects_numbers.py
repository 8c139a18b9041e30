"""Uids, UIDVALIDITY, modseqs; mailboxes and messages that are there and are not said to be, or
the reverse (defects.py)."""

from defects import Defect
from wire import Hangup, No

# --- uids, UIDVALIDITY, modseqs ---


class UidTwice(Defect):
    name = "uid: two messages have one"
    where = "mailboxes repaired by hand: defects #37"
    wrong = True  # a known uid is another message, and the UIDVALIDITY says that it is not

    def uid(self, message):
        return message.uid - 1 if message.uid % 5 == 0 else message.uid

    def repair(self, server):
        server.account.renumber()


class UidNotRising(Defect):
    name = "uid: not rising"
    where = "Yahoo"
    wrong = True  # likewise
    renumbers = True

    def uid(self, message):
        return ((message.uid - 1) ^ 1) + 1

    def uid_next(self, box):
        return box.uid_next + 1

    def repair(self, server):
        server.account.renumber()


class UidHigh(Defect):
    name = "uid: close to 2^32"
    where = "legal"
    harmless = True
    renumbers = True

    def uid(self, message):
        return message.uid + 4294960000

    def uid_next(self, box):
        return box.uid_next + 4294960000

    def uid_validity(self, box):
        return box.uid_validity + 77

    def repair(self, server):
        server.account.renumber()


class UidsNew(Defect):
    name = "uid: other uids and UIDVALIDITY at every SELECT"
    where = "Exchange Online: imap-backup #234; gateways"
    renumbers = True

    def command(self, session, command):
        if command.name in ("SELECT", "EXAMINE"):
            session.account.renumber()
        return False


class ValidityChangedOnce(Defect):
    name = "uidvalidity: another one in the middle of the work"
    where = "imap-backup #116"
    renumbers = True

    def __init__(self):
        self.commands = 0

    def command(self, session, command):
        self.commands += command.name in ("FETCH", "APPEND", "STORE")
        if self.commands == 2:
            self.commands += 1
            session.account.renumber()
            session.write(b"* BYE the mailbox was renumbered\r\n")
            session.flush()
            raise Hangup()
        return False


class ValidityMissing(Defect):
    name = "uidvalidity: not said at SELECT"
    where = "old gateways"
    harmless = True

    def untagged(self, session, kind, line):
        return [] if kind == "uidvalidity" else [line]


class ValidityZero(Defect):
    name = "uidvalidity: 0"
    where = "gateways"
    renumbers = True

    def uid_validity(self, box):
        return 0


class UidNextMissing(Defect):
    name = "uidnext: not said at SELECT"
    where = "Exchange 2003, 2010: MailKit #1512"
    harmless = True

    def untagged(self, session, kind, line):
        return [] if kind == "uidnext" else [line]


class UidNextStuck(Defect):
    name = "uidnext: 1 whatever there is"
    where = "gateways"

    def uid_next(self, box):
        return 1


class ModseqZero(Defect):
    name = "modseq: HIGHESTMODSEQ 0"
    where = "purelymail-issues #446"
    harmless = True

    def highest_modseq(self, box):
        return 0


class ModseqBack(Defect):
    name = "modseq: goes back"
    where = "iCloud; restored servers"

    def __init__(self):
        self.said = 1_000_000

    def highest_modseq(self, box):
        self.said -= 1000
        return max(self.said, 1)


class ModseqWithoutText(Defect):
    name = "modseq: HIGHESTMODSEQ without a text behind it"
    where = "Gmail: defects #28"
    harmless = True

    def untagged(self, session, kind, line):
        return [line.replace(b"] highest", b"]")]


class NoModseq(Defect):
    name = "modseq: NOMODSEQ in spite of CONDSTORE"
    where = "legal: RFC 7162 3.1.2.2"
    harmless = True

    def untagged(self, session, kind, line):
        if kind == "highestmodseq":
            return [b"* OK [NOMODSEQ] not here\r\n"]
        return [line]


class VanishedForgotten(Defect):
    name = "qresync: what has vanished is not told"
    where = "iCloud: Mailspring-Sync #91"

    def untagged(self, session, kind, line):
        return [] if kind == "vanished" and b"EARLIER" in line else [line]


class VanishedTooMuch(Defect):
    name = "qresync: everything is said to have vanished"
    where = "iCloud: Mailspring-Sync #91"

    def untagged(self, session, kind, line):
        if kind == "highestmodseq" and session.enabled:
            return [line, b"* VANISHED (EARLIER) 1:100000\r\n"]
        return [line]


# --- what is not there, or more than there is ---


class EmptyExists(Defect):
    name = "select: 0 EXISTS in a full mailbox"
    where = "james-project #2507; stores that lag"

    def untagged(self, session, kind, line):
        if kind == "exists":
            return [b"* 0 EXISTS\r\n"]
        return [] if kind in ("fetch", "search") else [line]


class ListEmpty(Defect):
    name = "list: no mailbox at all"
    where = "OfflineIMAP #2, #426: an empty side"

    def untagged(self, session, kind, line):
        return [] if kind in ("list", "lsub") else [line]


class ListTwice(Defect):
    name = "list: every mailbox twice"
    where = "proxies"
    harmless = True

    def untagged(self, session, kind, line):
        return [line, line] if kind in ("list", "lsub") else [line]


class SelectRefused(Defect):
    name = "select: NO for one mailbox"
    where = "Exchange: mailboxes that cannot be opened"

    def command(self, session, command):
        if command.name in ("SELECT", "EXAMINE") and "rchive" in str(command.arguments[0]):
            raise No("Archive is now in an unusable state")
        return False


class SearchNothing(Defect):
    name = "search: finds nothing"
    where = "Exchange: jakartaee mail-api #425"

    def searched(self, session, command, found):
        return []


class SearchSome(Defect):
    """FETCH shows them all."""

    name = "search: finds every second of all"
    where = "servers with a broken index"
    tools = ("migrate",)
    harmless = True

    def searched(self, session, command, found):
        return found[::2]


class SearchTooMuch(Defect):
    name = "search: finds what does not match"
    where = "Exchange: MailKit #967"

    def searched(self, session, command, found):
        return list(enumerate(session.view, 1))


class SearchHeaderMisses(Defect):
    name = "search: HEADER finds nothing"
    where = "Exchange: jakartaee mail-api #425; Gmail: MailKit #647"
    harmless = True

    def searched(self, session, command, found):
        return [] if "HEADER" in command.arguments else found


class SearchUnasked(Defect):
    name = "search: a SEARCH response without a number more"
    where = "legal: pastebin HAvFmayi"
    harmless = True

    def untagged(self, session, kind, line):
        return [line, b"* SEARCH\r\n"] if kind == "search" else [line]
