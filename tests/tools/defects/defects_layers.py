"""Lies and accidents below IMAP: certificates, TLS, STARTTLS, COMPRESS (defects.py)."""

import zlib

from channel import RAW
from defects import Defect, body_item, is_third
from harness import check, check_equal
from wire import Hangup, No, Silence

PHISHING = "Call 0900 to keep your mailbox"
# What may be said before TLS where TLS has to come first.
HARMLESS_IN_CLEAR = {"CAPABILITY", "STARTTLS", "LOGOUT", "NOOP"}


class NothingGiven(Defect):
    """Nobody knows whose server this is: no secret goes there."""

    carrier = "tls"

    def check(self, server, outcome):
        check_equal(server.attempts, [], "credentials that the server was given")
        check(set(server.said_in_the_clear) <= HARMLESS_IN_CLEAR,
              f"said before TLS: {server.said_in_the_clear}")


# --- certificates ---


class Expired(NothingGiven):
    name = "certificate: expired"
    where = "servers that nobody renews"
    certificate = "expired"


class AnotherName(NothingGiven):
    name = "certificate: another server's"
    where = "hosting; somebody on the way"
    certificate = "another name"


class SelfSigned(NothingGiven):
    name = "certificate: self-signed"
    where = "appliances; somebody on the way"
    certificate = "self-signed"


class UnknownAuthority(NothingGiven):
    name = "certificate: of an unknown authority"
    where = "somebody on the way"
    certificate = "unknown authority"


class AnotherNameBehindStarttls(NothingGiven):
    name = "certificate: another server's, behind STARTTLS"
    where = "hosting; somebody on the way"
    carrier = "starttls"
    certificate = "another name"


class OldTls(NothingGiven):
    name = "tls: 1.1 at most"
    where = "Exchange 2010"
    certificate = "old"


# --- TLS ---


class SilentHandshake(Defect):
    name = "silence: instead of TLS"
    where = "overloaded load balancers"
    carrier = "tls"

    def before_tls(self, session):
        raise Silence()


class ClearOnTlsPort(NothingGiven):
    name = "tls: IMAP in the clear on its port"
    where = "wrong settings"

    def before_tls(self, session):
        session.greet()
        raise Hangup()


class ResetHandshake(Defect):
    name = "tls: a reset instead of it, twice"
    where = "firewalls"
    carrier = "tls"

    def __init__(self):
        self.left = 2

    def before_tls(self, session):
        if self.left:
            self.left -= 1
            raise Hangup(reset=True)


class TlsTruncated(Defect):
    """A literal that ends too early is no message, whatever the line says."""

    name = "tls: cut off without close_notify within a literal"
    where = "RFC 8446 6.1"
    carrier = "tls"

    def fetch(self, session, message, values):
        name = body_item(values)
        if not name or not is_third(message):
            return values
        octets = message.octets
        session.write(b"* 1 FETCH (%s {%d}\r\n%s" % (name.encode(), len(octets), octets[:-40]))
        session.flush()
        raise Hangup()


# --- STARTTLS ---


class StarttlsInjection(NothingGiven):
    """CVE-2011-0411 and its like: what stands behind the OK was not said under TLS."""

    name = "starttls: more behind its OK, in the clear"
    where = "somebody on the way: nostarttls.secvuln.info"
    carrier = "starttls"

    def tagged(self, session, command, condition, code, text):
        if command.name == "STARTTLS":
            number = int(command.tag[1:])
            more = "".join(f"{command.tag[0]}{number + step} OK [ALERT] {PHISHING}\r\n"
                           for step in range(1, 9))
            text += f"\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{more}* OK so"
        return condition, code, text

    def check(self, server, outcome):
        super().check(server, outcome)
        check(PHISHING not in outcome.out + outcome.err, f"the user reads of it: {outcome}")


class StarttlsLiesBefore(Defect):
    """All that was said in the clear counts for nothing once TLS is there."""

    name = "starttls: lies before it"
    where = "somebody on the way: nostarttls.secvuln.info"
    carrier = "starttls"
    harmless = True

    def greeting(self, session, line):
        if not session.is_clear():
            return line
        return line + (b"* OK [ALERT] %s\r\n* ENABLED UTF8=ACCEPT QRESYNC\r\n* 5 EXISTS\r\n"
                       b'* LIST () "/" "INBOX"\r\n* ID ("name" "x")\r\n' % PHISHING.encode())

    def check(self, server, outcome):
        check(PHISHING not in outcome.out + outcome.err, f"the user reads of it: {outcome}")


class StarttlsSilent(NothingGiven):
    name = "silence: behind STARTTLS"
    where = "proxies"
    carrier = "starttls"

    def before_tls(self, session):
        raise Silence()


class StarttlsRefused(NothingGiven):
    name = "starttls: listed and refused"
    where = "servers without a certificate"
    carrier = "starttls"

    def command(self, session, command):
        if command.name == "STARTTLS":
            raise No("TLS is not available")
        return False


class StarttlsBad(NothingGiven):
    name = "starttls: listed and BAD"
    where = "proxies"
    carrier = "starttls"

    def command(self, session, command):
        if command.name == "STARTTLS":
            session.write(f"{command.tag} BAD what\r\n".encode())
            return True
        return False


class StarttlsStripped(NothingGiven):
    name = "starttls: not listed, AUTH=PLAIN is"
    where = "somebody on the way"
    carrier = "starttls"

    def capabilities(self, session, names):
        if not session.is_clear():
            return names
        return [name for name in names if name not in ("STARTTLS", "LOGINDISABLED")] + [
            "AUTH=PLAIN"]


class StarttlsPreauth(NothingGiven):
    name = "starttls: PREAUTH, so that nobody asks for it"
    where = "CVE-2020-12398"
    carrier = "starttls"

    def greeting(self, session, line):
        return line.replace(b"* OK", b"* PREAUTH") if session.is_clear() else line

    def capabilities(self, session, names):
        return [name for name in names if not session.is_clear() or name != "STARTTLS"]


# --- COMPRESS ---


def is_late(session, command):
    """A command behind COMPRESS that every tool comes to."""
    return session.channel.is_deflated and command.name in ("LIST", "STATUS", "FETCH", "NOOP")


class CompressRefused(Defect):
    name = "compress: listed and refused"
    where = "RFC 4978 3: COMPRESSIONACTIVE"
    carrier = "deflate"
    harmless = True

    def command(self, session, command):
        if command.name == "COMPRESS":
            raise No("TLS compresses", "COMPRESSIONACTIVE")
        return False


class CompressBad(Defect):
    name = "compress: listed and BAD"
    where = "proxies"
    carrier = "deflate"
    harmless = True

    def command(self, session, command):
        if command.name == "COMPRESS":
            session.write(f"{command.tag} BAD what\r\n".encode())
            return True
        return False


class CompressNot(Defect):
    name = "compress: OK, and nothing is compressed"
    where = "proxies"
    carrier = "deflate"

    def deflating(self, session):
        session.channel.inflater = session.channel.deflater = None


class CompressAtOnce(Defect):
    """Its first words come with the OK, deflated, as RFC 4978 3 allows: what helps is told."""

    name = "compress: an answer comes with the OK"
    where = "legal: RFC 4978 3"
    carrier = "deflate"

    def tagged(self, session, command, condition, code, text):
        if command.name != "COMPRESS":
            return condition, code, text
        session.output += f"{command.tag} {condition} {text}\r\n".encode()
        octets = bytes(session.output)
        session.output.clear()
        session.channel.start_deflate()
        session.channel.send_raw(octets + session.channel.deflated(b"* OK still here\r\n"))
        return None

    def check(self, server, outcome):
        said = outcome.out + outcome.err
        check(outcome.status == 0 or outcome.command[1] == "doctor" or "--compress never" in said,
              f"it does not say what helps: {outcome}")


class CompressFinal(Defect):
    name = "compress: the stream ends and the connection does not"
    where = "RFC 1951 3.2.3"
    carrier = "deflate"

    def command(self, session, command):
        if is_late(session, command):
            channel = session.channel
            channel.send_raw(channel.deflater.flush(zlib.Z_FINISH))
            raise Silence()
        return False


class CompressCorrupt(Defect):
    name = "compress: a corrupt stream"
    where = "broken gateways"
    carrier = "deflate"

    def octets_out(self, session, octets):
        if session.channel.is_deflated and len(octets) > 200:
            packed = bytearray(session.channel.deflated(octets))
            for at in range(len(packed) // 2, len(packed), 3):
                packed[at] ^= 0x5A
            session.channel.send_raw(packed)
            raise Hangup()
        return octets


class CompressCut(Defect):
    name = "compress: cut off within a block"
    where = "lines that break"
    carrier = "deflate"

    def octets_out(self, session, octets):
        if session.channel.is_deflated and len(octets) > 200:
            packed = session.channel.deflated(octets)
            session.channel.send_raw(packed[: len(packed) // 2])
            raise Hangup()
        return octets


# --- bombs: a few octets of a stream that become gigabytes ---


class Bomb(Defect):
    where = "servers that mean harm: a thousand octets for one"
    carrier = "deflate"
    TIMES = 4096  # of a MiB

    def begin(self, session):
        """What comes before, deflated as usual."""
        return b""

    def piece(self):
        """What comes again and again."""
        raise NotImplementedError

    def is_time(self, session, command):
        return is_late(session, command)

    def command(self, session, command):
        if not self.is_time(session, command):
            return False
        channel = session.channel
        channel.send(self.begin(session))
        piece = self.piece()
        octets = piece * (2**20 // len(piece))
        # Behind a full flush nothing refers to what was before: it can be sent as often as liked.
        packer = zlib.compressobj(9, wbits=RAW)
        again = packer.compress(octets) + packer.flush(zlib.Z_FULL_FLUSH)
        for _ in range(self.TIMES):
            channel.send_raw(again)
        raise Silence()


class BombLine(Bomb):
    name = "bomb: a line without end"

    def begin(self, session):
        return b"* OK "

    def piece(self):
        return b"x"


class BombResponses(Bomb):
    name = "bomb: responses without end"

    def piece(self):
        return b"* OK still here\r\n"


class BombNames(Bomb):
    name = "bomb: mailboxes without end"

    def piece(self):
        return b'* LIST () "/" INBOX\r\n* STATUS INBOX (MESSAGES 7)\r\n'


class BombLiterals(Bomb):
    name = "bomb: literals without end in one response"

    def begin(self, session):
        return b"* 1 FETCH (FLAGS ()"

    def piece(self):
        return b" BODY[1] {65000}\r\n" + b"x" * 65000


class BombMessages(Bomb):
    name = "bomb: messages that nobody asked for"

    def is_time(self, session, command):
        return session.channel.is_deflated and command.name == "FETCH"

    def piece(self):
        return b"* 1 FETCH (UID 77 BODY[] {65000}\r\n" + b"x" * 65000 + b")\r\n"


class BombMessage(Bomb):
    name = "bomb: a message of four gigabytes"

    def is_time(self, session, command):
        return session.channel.is_deflated and command.name == "FETCH"

    def begin(self, session):
        return b"* 1 FETCH (UID 1 BODY[] {4294967295}\r\n"

    def piece(self):
        return b"x"
