"""Capabilities that are not there; responses that nobody asked for, and odd words (defects.py)."""

import re

from defects import Defect

# --- capabilities ---


class CapabilityUnannounced(Defect):
    name = "capability: others after login, and no word of it"
    where = "Exchange 2013: owncloud mail #1340, isync 2022-06-19"
    harmless = True
    tells_capabilities = False

    def capabilities(self, session, names):
        return names if session.signed_in else ["IMAP4rev1", "AUTH=PLAIN", "SASL-IR"]


class CapabilityLost(Defect):
    name = "capability: fewer after login"
    where = "Dovecot proxies"
    harmless = True
    tells_capabilities = False

    def capabilities(self, session, names):
        return ["IMAP4rev1", "UIDPLUS", "LITERAL+"] if session.signed_in else names


class CapabilitySpaces(Defect):
    name = "capability: double spaces"
    where = "Exchange 2010: MailKit #1139"
    harmless = True

    def untagged(self, session, kind, line):
        return [line.replace(b" AUTH=", b"  AUTH=")] if kind == "capability" else [line]

    def greeting(self, session, line):
        return b"* OK  ready\r\n"


class CapabilityRev2(Defect):
    name = "capability: IMAP4rev2 is listed after login, SEARCH RETURN is BAD"
    where = "Exchange Online 2026: MailKit #2016"

    def capabilities(self, session, names):
        return names + ["ENABLE", "IMAP4rev2"] if session.signed_in else names

    def command(self, session, command):
        if command.name == "SEARCH" and "RETURN" in command.arguments:
            session.write(f"{command.tag} BAD Command Argument Error. 12\r\n".encode())
            return True
        return False


class EnabledEmpty(Defect):
    name = "capability: ENABLE is answered without what was asked for"
    where = "iCloud"
    harmless = True

    def untagged(self, session, kind, line):
        if kind == "enabled":
            session.enabled.clear()
            return [b"* ENABLED\r\n"]
        return [line]


class EnableRefused(Defect):
    name = "capability: ENABLE is listed and BAD"
    where = "proxies"

    def command(self, session, command):
        if command.name == "ENABLE":
            session.write(f"{command.tag} BAD unknown command\r\n".encode())
            return True
        return False


class ListReturnRefused(Defect):
    name = "capability: LIST-EXTENDED is listed, RETURN is BAD"
    where = "proxies"

    def command(self, session, command):
        if command.name == "LIST" and "RETURN" in command.arguments:
            session.write(f"{command.tag} BAD LIST: two arguments\r\n".encode())
            return True
        return False


class LiteralPlusLie(Defect):
    name = "capability: LITERAL+ is listed, the consent comes all the same"
    where = "gateways"
    harmless = True

    def command(self, session, command):
        if command.name == "APPEND":
            session.write(b"+ go on\r\n")
        return False


class IdRefused(Defect):
    name = "id: BAD"
    where = "defects #13"
    harmless = True

    def command(self, session, command):
        if command.name == "ID":
            session.write(f"{command.tag} BAD Command Argument Error. 11\r\n".encode())
            return True
        return False


class SaslIrRefused(Defect):
    name = "authenticate: SASL-IR is listed and BAD"
    where = "Coremail"
    harmless = True

    def command(self, session, command):
        if command.name == "AUTHENTICATE" and len(command.arguments) > 1:
            session.write(f"{command.tag} BAD Parse command error\r\n".encode())
            return True
        return False


# --- responses that nobody asked for, and those that are none ---


class StrayLine(Defect):
    name = "stray: a line more behind CAPABILITY"
    where = "Exchange 2003: libetpan #45"
    harmless = True

    def tagged(self, session, command, condition, code, text):
        if command.name != "CAPABILITY":
            return condition, code, text
        session.write(f"{command.tag} {condition} {text}\r\n\r\n".encode())
        return None


class StrayTag(Defect):
    name = "stray: an answer to a tag that nobody has sent"
    where = "Exchange"
    harmless = True

    def tagged(self, session, command, condition, code, text):
        session.write(b"XYZ99 OK late\r\n")
        return condition, code, text


class AnswerTwice(Defect):
    name = "stray: every answer twice"
    where = "proxies"
    harmless = True

    def tagged(self, session, command, condition, code, text):
        if command.name not in ("LOGOUT", "APPEND"):
            session.write(f"{command.tag} {condition} {text}\r\n".encode())
        return condition, code, text


class NotImap(Defect):
    name = "stray: lines that are no IMAP"
    where = "many"
    harmless = True

    def untagged(self, session, kind, line):
        return [b"* 5 FROBNICATE (x \"y\") {3}\r\nabc\r\n", b"* \r\n", b"*\r\n", line,
                b"* ]]((\"\r\n"] if kind in ("fetch", "list", "status") else [line]


class Unsolicited(Defect):
    name = "stray: responses that nobody asked for"
    where = "MS-STANXIMAP 2.2.2: sends data unilaterally"
    harmless = True

    def tagged(self, session, command, condition, code, text):
        if session.box is not None and session.view:
            flags = " ".join(sorted(session.view[0].flags))
            session.write(b"* %d EXISTS\r\n" % len(session.view))
            session.write(f"* 1 FETCH (FLAGS ({flags}))\r\n".encode())
            session.write(b"* 3 RECENT\r\n* FLAGS (\\Seen \\Answered)\r\n")
        session.write(b"* OK still here\r\n")
        session.write(b'* STATUS "Elsewhere" (MESSAGES 1 UIDNEXT 5)\r\n')
        return condition, code, text


class ExpungeUnasked(Defect):
    name = "stray: EXPUNGE of numbers that do not exist"
    where = "wildduck #850"

    def tagged(self, session, command, condition, code, text):
        if session.box is not None and command.name == "NOOP":
            session.write(b"* 4000 EXPUNGE\r\n* 0 EXPUNGE\r\n")
        return condition, code, text


class LowerCase(Defect):
    name = "words: all in lower case"
    where = "legal: RFC 9051 9 (1)"
    harmless = True

    def untagged(self, session, kind, line):
        if kind == "fetch":
            return [re.sub(rb"\b(FETCH|UID|FLAGS|INTERNALDATE|RFC822\.SIZE|BODY|MODSEQ)\b(?=[ \[])",
                           lambda word: word.group().lower(), line.split(b"{")[0])
                    + (b"{" + line.split(b"{", 1)[1] if b"{" in line else b"")]
        if kind in ("list", "lsub", "status"):
            return [line]
        return [line.lower()]

    def tagged(self, session, command, condition, code, text):
        return condition.lower(), code.lower(), text


class Spaces(Defect):
    name = "words: spaces too many"
    where = "Exchange: MS-STANXIMAP 2.2.2; KB 4502136"
    harmless = True

    def untagged(self, session, kind, line):
        if kind in ("exists", "recent", "flags", "uidnext", "search", "enabled", "list"):
            return [line[:-2] + b" \r\n"]
        return [line]

    def tagged(self, session, command, condition, code, text):
        return condition, code, text + "  "


class NoText(Defect):
    name = "words: answers without a text"
    where = "many"
    harmless = True

    def tagged(self, session, command, condition, code, text):
        session.write(f"{command.tag} {condition}{' [' + code + ']' if code else ''}\r\n".encode())
        return None


class EightBitText(Defect):
    name = "words: texts in Latin-1"
    where = "localized servers"
    harmless = True

    def tagged(self, session, command, condition, code, text):
        code = f"[{code}] " if code else ""
        line = f"{command.tag} {condition} {code}erledigt f\xfcr heute\r\n"
        session.write(line.encode("latin-1"))
        return None


class UnknownCodes(Defect):
    name = "words: response codes that nobody knows"
    where = "legal: RFC 9051 7.1"
    harmless = True

    def tagged(self, session, command, condition, code, text):
        session.write(b"* OK [XFROB 12 (a b) \"c\"] hello\r\n")
        return condition, code or "XDONE", text
