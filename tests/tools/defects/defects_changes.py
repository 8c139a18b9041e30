"""Changes that are refused, done otherwise, or answered otherwise than they were done
(defects.py)."""

import re
import threading
import time

from defects import Defect, is_third
from wire import Hangup, No

# --- APPEND, COPY, MOVE, STORE, EXPUNGE ---


class CopyuidWithoutSets(Defect):
    name = "copyuid: without its sets"
    where = "Exchange: MailKit #555"
    harmless = True

    def untagged(self, session, kind, line):
        return [b"* OK [COPYUID 14  ]\r\n"] if kind == "copyuid" else [line]

    def tagged(self, session, command, condition, code, text):
        return condition, "COPYUID 14  " if code.startswith("COPYUID") else code, text


class CopyuidUnlike(Defect):
    name = "copyuid: sets of unlike length"
    where = "hMailServer"
    harmless = True

    def untagged(self, session, kind, line):
        return [line.replace(b"] ", b":99999] ")] if kind == "copyuid" else [line]

    def tagged(self, session, command, condition, code, text):
        return condition, code + ":99999" if code.startswith("COPYUID") else code, text


class CopyuidWrong(Defect):
    name = "copyuid: uids of other messages"
    where = "issue 6: wrong COPYUID"

    def untagged(self, session, kind, line):
        return [b"* OK [COPYUID 1 1:3 7:9] moved\r\n"] if kind == "copyuid" else [line]

    def tagged(self, session, command, condition, code, text):
        return condition, "COPYUID 1 1:3 7:9" if code.startswith("COPYUID") else code, text


class AppenduidMissing(Defect):
    name = "appenduid: not said"
    where = "Exchange Online"
    harmless = True

    def tagged(self, session, command, condition, code, text):
        return condition, "" if code.startswith("APPENDUID") else code, text


class AppenduidWrong(Defect):
    name = "appenduid: another message's uid"
    where = "issue 6: wrong APPENDUID"

    def tagged(self, session, command, condition, code, text):
        return condition, "APPENDUID 1 1" if code.startswith("APPENDUID") else code, text


class AppendRefused(Defect):
    name = "append: NO for one message"
    where = "content filters"

    def appending(self, session, target, messages):
        if any(is_third(one) for one in messages):
            raise No("Message contains invalid header")
        return messages


class AppendRefusedOften(Defect):
    name = "append: NO [LIMIT] for every third command"
    where = "throttled servers"

    def __init__(self):
        self.count = 0

    def appending(self, session, target, messages):
        self.count += 1
        if self.count % 3 == 0:
            raise No("try again", "LIMIT")
        return messages


class AppendOverQuota(Defect):
    name = "append: NO [OVERQUOTA] after four messages"
    where = "RFC 9208 4.3.1"

    def appending(self, session, target, messages):
        if sum(len(box.messages) for box in session.account.mailboxes.values()) > 4:
            raise No("no room", "OVERQUOTA")
        return messages


class AppendLost(Defect):
    name = "append: OK, and the message is nowhere"
    where = "stalwart #3217, #1862"

    def appending(self, session, target, messages):
        return [one for one in messages if not is_third(one)]


class AppendStoredRefused(Defect):
    name = "append: stored, then NO"
    where = "servers that time out behind a proxy"

    def tagged(self, session, command, condition, code, text):
        if command.name == "APPEND" and condition == "OK":
            return "NO", "", "Internal error occurred"
        return condition, code, text


class AppendStoredGone(Defect):
    name = "append: stored, then the connection ends"
    where = "peers.md c; RFC 4549"

    def __init__(self):
        self.left = 2

    def tagged(self, session, command, condition, code, text):
        if command.name == "APPEND" and condition == "OK" and self.left:
            self.left -= 1
            raise Hangup()
        return condition, code, text


class AppendLate(Defect):
    name = "append: stored long after the connection has ended"
    where = "a busy disk behind a proxy"
    tools = ("migrate",)  # whose ledger knows what was sent twice
    SECONDS = 8  # longer than the tool waits before it looks

    def __init__(self):
        self.left = 2
        self.timers = []

    def appending(self, session, target, messages):
        if not self.left:
            return messages
        self.left -= 1
        timer = threading.Timer(self.SECONDS, self.store, (session.account, target, messages))
        timer.start()
        self.timers.append(timer)
        raise Hangup()

    @staticmethod
    def store(account, target, messages):
        with account.lock:
            for one in messages:
                target.add(one)
            account.changed.notify_all()

    def repair(self, server):
        for timer in self.timers:
            timer.join()


class AppendForgetsFlagged(Defect):
    name = "append: \\Flagged is forgotten"
    where = "Exchange: imapsync FAQ"

    def appending(self, session, target, messages):
        for one in messages:
            one.flags.discard("\\Flagged")
        return messages


class AppendDate(Defect):
    name = "append: the date is that of the transfer"
    where = "Exchange 2010 before SP2 RU5"
    wrong = True

    def appending(self, session, target, messages):
        for one in messages:
            one.epoch = int(time.time())
        return messages


class AppendRewrites(Defect):
    name = "append: header fields are dropped and added"
    where = "Exchange: davmail PR #517, dkim_verifier #300; imapsync #474"
    wrong = True  # but X-Number stays, by which the tests know a message

    def appending(self, session, target, messages):
        for one in messages:
            octets = re.sub(rb"(?mi)^X-(?!Number:)[^:\r\n]*:[^\r]*\r\n", b"", one.octets)
            one.octets = b"X-MS-Exchange-Organization-AuthAs: Internal\r\n" + octets
        return messages


class AppendLimitLie(Defect):
    name = "append: refuses what APPENDLIMIT allows"
    where = "limits of a gateway"

    def consent(self, session):
        pass

    def appending(self, session, target, messages):
        if any(len(one.octets) > 2000 for one in messages):
            raise No("too large", "TOOBIG")
        return messages


class MultiappendRefused(Defect):
    name = "capability: MULTIAPPEND is listed and refused"
    where = "proxies"
    harmless = True

    def appending(self, session, target, messages):
        if len(messages) > 1:
            raise No("one at a time")
        return messages


class KeywordsRefused(Defect):
    name = "store: keywords are BAD"
    where = "Exchange: imap_tools #181"

    def storing(self, session, flags):
        if any(not flag.startswith("\\") for flag in flags):
            raise ValueError("Command Argument Error. 11")
        return flags

    def appending(self, session, target, messages):
        for one in messages:
            self.storing(session, one.flags)
        return messages

    def untagged(self, session, kind, line):
        return [line.replace(b" \\*)", b")")] if kind == "permanentflags" else [line]


class KeywordsListedRefused(KeywordsRefused):
    name = "store: keywords are listed and BAD"
    where = "proxies; Cyrus beyond 128 of them"

    def untagged(self, session, kind, line):
        return [line]


class StoreRefused(Defect):
    name = "store: FLAGS.SILENT is BAD"
    where = "Exchange 2010: MailKit #1139"

    def command(self, session, command):
        if command.name == "STORE" and any(
                isinstance(one, str) and one.upper().endswith(".SILENT")
                for one in command.arguments):
            session.write(f"{command.tag} BAD Command Argument Error. 11\r\n".encode())
            return True
        return False


class StoreIgnored(Defect):
    name = "store: OK, and nothing happens"
    where = "Outlook.com"

    def command(self, session, command):
        if command.name == "STORE":
            session.write(f"{command.tag} OK STORE completed.\r\n".encode())
            return True
        return False


class CopySome(Defect):
    name = "copy: OK, and one message was left out"
    where = "stores that lag: stalwart #3217"

    def copies(self, session, message):
        return not is_third(message)


class CopyNothing(Defect):
    name = "copy: OK, and nothing was copied"
    where = "stores that lag: stalwart #3217"

    def command(self, session, command):
        if command.name in ("COPY", "MOVE"):
            session.write(f"{command.tag} OK completed\r\n".encode())
            return True
        return False


class MoveRefused(Defect):
    name = "capability: MOVE is listed and BAD"
    where = "proxies"

    def command(self, session, command):
        if command.name == "MOVE":
            session.write(f"{command.tag} BAD Command Error. 12\r\n".encode())
            return True
        return False


class UidExpungeRefused(Defect):
    name = "capability: UIDPLUS is listed, UID EXPUNGE is BAD"
    where = "proxies"

    def command(self, session, command):
        if command.name == "EXPUNGE" and command.uid:
            session.write(f"{command.tag} BAD Command Error. 12\r\n".encode())
            return True
        return False


class ExpungeIgnored(Defect):
    name = "expunge: OK, and nothing goes"
    where = "Gmail: autoExpunge off"

    def expunging(self, session, messages):
        return []
