"""Lies about what has changed: NOTIFY, VANISHED, HIGHESTMODSEQ (defects.py)."""

from defects import Defect
from wire import No

# --- NOTIFY ---


class NotifyDefect(Defect):
    """Only tools that stay ask for it (case_live.py)."""

    tools = ()
    profile = "notify"


class NotifyGood(NotifyDefect):
    name = "notify: as it should be"
    where = "RFC 5465"


class NotifyBad(NotifyDefect):
    name = "notify: listed and BAD"
    where = "proxies"

    def command(self, session, command):
        if command.name == "NOTIFY":
            session.write(f"{command.tag} BAD what\r\n".encode())
            return True
        return False


class NotifyRefused(NotifyDefect):
    name = "notify: listed and refused"
    where = "RFC 5465 8: too expensive"

    def command(self, session, command):
        if command.name == "NOTIFY":
            raise No("FlagChange is not for many", "BADEVENT (MessageNew MessageExpunge)")
        return False


class NotifyOverflow(NotifyDefect):
    name = "notify: NOTIFICATIONOVERFLOW"
    where = "RFC 5465 5.8"

    def untagged(self, session, kind, line):
        if kind != "notify":
            return [line]
        session.told = None  # as after NOTIFY NONE
        return [b"* OK [NOTIFICATIONOVERFLOW] too much\r\n"]


class NotifyStrangers(NotifyDefect):
    name = "notify: of mailboxes that do not exist"
    where = "proxies"
    COUNT = 3

    def untagged(self, session, kind, line):
        if kind != "notify":
            return [line]
        strange = [b'* STATUS "nobody %d" (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 1)\r\n' % at
                   for at in range(self.COUNT)]
        return [*strange, b'* LIST () "/" "no\x01name"\r\n', b'* LIST () "/" ""\r\n', line]

    def tagged(self, session, command, condition, code, text):
        # Without a code, as older servers refuse.
        return condition, "" if code == "NONEXISTENT" else code, text


class NotifySilent(NotifyDefect):
    name = "notify: OK, and nothing is told"
    where = "proxies"

    def notify_tells(self, session):
        return False


class NotifyOnce(NotifyDefect):
    name = "notify: the first change is told, no other"
    where = "servers whose notifier has died"

    def __init__(self):
        self.count = 0

    def notify_tells(self, session):
        self.count += 1
        return self.count == 1


# --- QRESYNC ---


class VanishedAll(Defect):
    name = "vanished: (EARLIER) of everything"
    where = "issue 6: lies about what is gone"
    harmless = True

    def vanished(self, box, uids):
        return list(range(1, box.uid_next))


class VanishedOne(Defect):
    name = "vanished: (EARLIER) of a message that is there"
    where = "issue 6: lies about what is gone"
    harmless = True

    def vanished(self, box, uids):
        return sorted({*uids, *[one.uid for one in box.messages][:1]})


class VanishedNow(Defect):
    name = "vanished: everything, in the middle of FETCH, once for each connection"
    where = "issue 6: lies about what is gone"

    def __init__(self):
        self.done = set()

    def command(self, session, command):
        if command.name == "FETCH" and session.box and "QRESYNC" in session.enabled:
            if session.number not in self.done:
                self.done.add(session.number)
                session.untag(f"VANISHED 1:{session.box.uid_next}", "vanished")
        return False


class VanishedHuge(Defect):
    name = "vanished: uids that never were"
    where = "broken gateways"
    harmless = True

    def vanished(self, box, uids):
        return [*uids, *range(box.uid_next, box.uid_next + 5000)]


class ModseqsBack(Defect):
    """As after a backup was put back: less than what was told before, and from then on true."""

    name = "modseq: all of them lower than before"
    where = "servers that were restored"
    harmless = True

    def __init__(self):
        self.done = False

    def greeting(self, session, line):
        if not self.done:
            self.done = True
            session.account.reset_modseqs()
        return line
