"""What servers send in the place of a message, or of what is asked about it (defects.py)."""

import re

from defects import Defect, body_item, is_third
from wire import Hangup, No, Silence, literal

# --- messages that are not what they should be ---


class FetchWithoutData(Defect):
    name = "fetch: OK without the message"
    where = "Exchange Online: MailKit #908, #1615"

    def fetch(self, session, message, values):
        return None if is_third(message) and body_item(values) else values


class FetchWithoutDataOnce(Defect):
    name = "fetch: OK without the message, once"
    where = "Yahoo"
    harmless = True

    def __init__(self):
        self.done = False

    def fetch(self, session, message, values):
        if self.done or not is_third(message) or not body_item(values):
            return values
        self.done = True
        return None


class FetchNil(Defect):
    name = "fetch: NIL instead of the message"
    where = "Exchange"

    def fetch(self, session, message, values):
        name = body_item(values)
        if name and is_third(message):
            values[name] = b"NIL"
        return values


class FetchEmpty(Defect):
    name = "fetch: an empty message"
    where = "Exchange Online"

    def fetch(self, session, message, values):
        name = body_item(values)
        if name and is_third(message):
            values[name] = b'""'
        return values


class FetchRefused(Defect):
    name = "fetch: NO for one message"
    where = "Gmail, Exchange"

    def fetch(self, session, message, values):
        if is_third(message) and body_item(values):
            raise No("Some of the requested messages could not be fetched")
        return values


class BodyThird(Defect):
    name = "fetch: a third of the message"
    where = "vandelay #12"
    wrong = True  # the size may as well be the lie

    def fetch(self, session, message, values):
        name = body_item(values)
        if name and is_third(message):
            values[name] = literal(message.octets[: len(message.octets) // 3])
        return values


class SizeTooLarge(Defect):
    name = "size: three times too large"
    where = "vandelay #12, MS-STANXIMAP 2.2.25"
    harmless = True

    def fetch(self, session, message, values):
        if "RFC822.SIZE" in values:
            values["RFC822.SIZE"] = b"%d" % (3 * len(message.octets))
        return values


class SizeTooSmall(Defect):
    name = "size: one octet for each line too small"
    where = "Courier, Exchange: lone LF counted"
    harmless = True

    def fetch(self, session, message, values):
        if "RFC822.SIZE" in values:
            octets = message.octets
            values["RFC822.SIZE"] = b"%d" % (len(octets) - octets.count(b"\r\n"))
        return values


class SizeZero(Defect):
    name = "size: 0"
    where = "gateways"
    harmless = True

    def fetch(self, session, message, values):
        if "RFC822.SIZE" in values:
            values["RFC822.SIZE"] = b"0"
        return values


class Placeholder(Defect):
    name = "fetch: a placeholder for the message"
    where = "Exchange 2007 to 2019"

    TEXT = (b"From: Microsoft Exchange Server\r\nTo: user\r\n"
            b"Subject: Retrieval using the IMAP4 protocol failed for the following message: 3\r\n"
            b"Content-Type: text/plain\r\n\r\n"
            b"The server couldn't retrieve the following message:\r\n\r\nSubject: \"three\"\r\n\r\n"
            b"The message hasn't been deleted. You might be able to view it using either Outlook "
            b"or Outlook Web App.\r\n")

    def fetch(self, session, message, values):
        if not is_third(message):
            return values
        if body_item(values):
            values[body_item(values)] = literal(self.TEXT)
        if "RFC822.SIZE" in values:
            values["RFC822.SIZE"] = b"%d" % len(self.TEXT)
        return values


class LiteralShort(Defect):
    name = "literal: fewer octets than announced, then silence"
    where = "proxies that lose their back end"

    def fetch(self, session, message, values):
        name = body_item(values)
        if not name or not is_third(message):
            return values
        octets = message.octets
        session.write(b"* 1 FETCH (%s {%d}\r\n%s" % (name.encode(), len(octets), octets[:-40]))
        raise Silence()


class LiteralShortClosed(Defect):
    name = "literal: fewer octets than announced, then the end"
    where = "proxies that lose their back end"

    def fetch(self, session, message, values):
        name = body_item(values)
        if not name or not is_third(message):
            return values
        octets = message.octets
        session.write(b"* 1 FETCH (%s {%d}\r\n%s" % (name.encode(), len(octets), octets[:-40]))
        session.flush()
        raise Hangup()


class LiteralLong(Defect):
    name = "literal: more octets than announced"
    where = "vandelay #12 turned round"

    def fetch(self, session, message, values):
        name = body_item(values)
        if name and is_third(message):
            octets = message.octets
            values[name] = b"{%d}\r\n%s" % (len(octets) - 30, octets)
        return values


class LiteralHuge(Defect):
    name = "literal: four gigabytes announced"
    where = "broken gateways"

    def fetch(self, session, message, values):
        name = body_item(values)
        if name and is_third(message):
            session.write(b"* 1 FETCH (%s {4294967295}\r\nSubject: x\r\n" % name.encode())
            session.flush()
            raise Hangup()
        return values


class LiteralNegative(Defect):
    name = "literal: a negative size"
    where = "broken gateways"

    def fetch(self, session, message, values):
        name = body_item(values)
        if name and is_third(message):
            values[name] = b"{-1}\r\n"
        return values


class DateUnreadable(Defect):
    name = "date: INTERNALDATE that is none"
    where = "old gateways"
    wrong = True

    def fetch(self, session, message, values):
        if "INTERNALDATE" in values and is_third(message):
            values["INTERNALDATE"] = b'"00-Xxx-0000 00:00:00 +0000"'
        return values


# --- FETCH responses ---


class StructureGarbage(Defect):
    name = "bodystructure: garbage in the place of a disposition"
    where = "Exchange: javamail #278"
    harmless = True
    VALUE = b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1 NIL (((garbage "x)" ) NIL NIL'

    def fetch(self, session, message, values):
        for name in ("BODYSTRUCTURE", "BODY"):
            if name in values:
                values[name] = self.VALUE
        return values


class StructureString(StructureGarbage):
    name = "bodystructure: a disposition that is a string"
    where = "Exchange: MailKit #919"
    VALUE = b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1 NIL "attachment" NIL NIL)'


class StructureLeaf(StructureGarbage):
    name = "bodystructure: a multipart as a leaf, size -1"
    where = "outlook.com: javamail #282"
    VALUE = b'("MULTIPART" "SIGNED" ("BOUNDARY" "x") NIL NIL "7BIT" -1 NIL NIL NIL NIL)'


class StructureEmpty(StructureGarbage):
    name = "bodystructure: a multipart without parts"
    where = "Gmail: MailKit #1841"
    VALUE = b'("ALTERNATIVE" NIL NIL NIL)'


class UidFirstOnly(Defect):
    name = "fetch: UID in the first response only"
    where = "Exchange 2010: pastebin HAvFmayi"

    def __init__(self):
        self.last = None

    def fetch(self, session, message, values):
        if self.last == (id(session), session.counted):
            values.pop("UID", None)
        self.last = (id(session), session.counted)
        return values


class UidMissing(Defect):
    name = "fetch: no UID at all"
    where = "Exchange 2007"

    def fetch(self, session, message, values):
        values.pop("UID", None)
        return values


class FlagsMissing(Defect):
    name = "fetch: no FLAGS for one message"
    where = "issue 6: OK without data"
    wrong = True  # no flags, or no word of them

    def fetch(self, session, message, values):
        if is_third(message):
            values.pop("FLAGS", None)
        return values or None


class OrderOfItems(Defect):
    name = "fetch: items in another order, UID last"
    where = "legal: django-mailbox PR #232"
    harmless = True

    def fetch(self, session, message, values):
        return dict(reversed(list(values.items())))


class ItemsSplit(Defect):
    name = "fetch: each item in a response of its own"
    where = "legal: RFC 9051 7.5.2"
    harmless = True

    def untagged(self, session, kind, line):
        found = re.match(rb"(\* \d+ FETCH) \((.*)(UID \d+)(?: (.*))?\)\r\n$", line, re.S)
        if kind != "fetch" or not found or b"FLAGS (" not in line or b"{" in line:
            return [line]
        flags = re.search(rb"FLAGS \([^)]*\)", line).group()
        rest = line.replace(flags, b"").replace(b"  ", b" ").replace(b"( ", b"(").replace(
            b" )", b")")
        head, uid = found.group(1), found.group(3)
        return [b"%s (%s %s)\r\n" % (head, uid, flags), rest]


class FetchTwice(Defect):
    name = "fetch: every response twice"
    where = "proxies"
    harmless = True

    def untagged(self, session, kind, line):
        return [line, line] if kind == "fetch" else [line]
