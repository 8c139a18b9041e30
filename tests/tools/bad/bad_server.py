"""An IMAP server (RFC 3501, RFC 9051 and what PROFILES name) that does as it should until a
defect of defects.py is switched on. It serves one account on loopback, to whoever says the
password or the token, over what carriers.py has.

Account (mailboxes.py) is the truth; what the server says of it goes through the defect's hooks. Cut
ends a connection at an octet that is counted over all connections. One thread for each connection.
"""

import socket
import struct
import threading

from carriers import CARRIERS, TOKEN
from certificates import Authority
from channel import Channel
from harness import PASSWORD
from commands import Commands
from defects import Defect
from mailboxes import Account
from wire import LITERAL_END, Bad, Hangup, Silence, parse_command

PROFILES = {
    # What a modern server has.
    "rich": "IMAP4rev1 AUTH=PLAIN SASL-IR LITERAL+ ID ENABLE NAMESPACE UNSELECT UIDPLUS MOVE IDLE "
            "MULTIAPPEND CONDSTORE QRESYNC ESEARCH SEARCHRES SPECIAL-USE CREATE-SPECIAL-USE "
            "LIST-EXTENDED LIST-STATUS CHILDREN BINARY OBJECTID APPENDLIMIT=35651584",
    "rev2": "IMAP4rev2 IMAP4rev1 AUTH=PLAIN SASL-IR LITERAL- ID ENABLE NAMESPACE UNSELECT UIDPLUS "
            "MOVE IDLE CONDSTORE ESEARCH SPECIAL-USE LIST-EXTENDED LIST-STATUS CHILDREN BINARY",
    # exchange.md 5.1.
    "exchange": "IMAP4 IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE "
                "NAMESPACE LITERAL+",
    "gmail": "IMAP4rev1 UNSELECT IDLE NAMESPACE ID CHILDREN UIDPLUS ENABLE MOVE CONDSTORE ESEARCH "
             "LIST-EXTENDED LIST-STATUS LITERAL- SPECIAL-USE APPENDLIMIT=35651584",
    # RFC 3501 and not a word more.
    "plain": "IMAP4rev1",
}
PROFILES["notify"] = PROFILES["rich"] + " NOTIFY"


class Cut:
    """Ends the connection on which octet `at` of one direction passes; `for_good`: no later
    connection gets a word either, until it is lifted."""

    def __init__(self, way, at, for_good=False):
        self.way, self.at, self.for_good = way, at, for_good
        self.passed = 0
        self.done = False
        self.lock = threading.Lock()

    def allow(self, way, count):
        """How many of the next `count` octets pass; the connection ends when they are fewer or
        when those were the last that were to pass."""
        with self.lock:
            if way != self.way or (self.done and not self.for_good):
                return count, False
            left = max(self.at - self.passed, 0)
            allowed = min(left, count)
            self.passed += allowed
            if allowed == left:
                self.done = True
            return allowed, allowed == left


class Session(Commands):
    """One connection: octets in, octets out."""

    def __init__(self, server, connection):
        super().__init__(server)
        self.channel = connection
        self.input = b""
        self.output = bytearray()
        self.cut_off = False  # what is still done is not heard of

    def run(self):
        try:
            if self.server.carrier.scheme == "imaps":
                self.defect.before_tls(self)
                self.channel.start_tls(self.server.context(self.defect.certificate))
            self.greet()
            while True:
                self.handle(self.read_command())
                self.flush()
        except Hangup as end:
            if end.reset:
                self.channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
        except Silence:
            self.stay()
        except (OSError, Bad):
            pass
        finally:
            self.channel.close()

    def stay(self):
        """Reads on without a word until the client has had enough."""
        try:
            self.flush()
            while self.channel.socket.recv(65536):
                pass
        except (OSError, Hangup):
            pass

    def handle(self, octets):
        self.server.log(b"C: " + octets[:200])
        try:
            fields = parse_command(octets)
        except Bad as bad:
            tag = octets.split(b" ", 1)[0] or b"*"
            self.write(tag + b" BAD " + str(bad).encode() + b"\r\n")
            return
        if self.is_clear():
            self.server.said_in_the_clear.append(fields[1].upper())
        self.run_command(fields)

    # --- octets ---

    def fill(self):
        if self.cut_off:
            raise Hangup()
        self.flush()
        while self.told is not None and not self.channel.ready(0.02):
            self.notify()
        octets = self.channel.receive()
        if not octets:
            raise Hangup()
        allowed, last = self.server.cut.allow("in", len(octets))
        self.server.octets_in += len(octets)
        self.input += octets[:allowed]
        self.cut_off = last

    def take(self, count):
        while len(self.input) < count:
            self.fill()
        out, self.input = self.input[:count], self.input[count:]
        return out

    def read_line(self):
        while b"\n" not in self.input:
            self.fill()
        return self.take(self.input.index(b"\n") + 1)

    def read_command(self):
        """A command with its literals, all written as "{n}", without the last CRLF."""
        octets = b""
        while True:
            line = self.read_line()
            found = LITERAL_END.search(line)
            if not found:
                return octets + line.rstrip(b"\r\n")
            size = int(found.group(2))
            if not found.group(3):
                self.defect.consent(self)
                self.write(b"+ go on\r\n")
                self.flush()
            octets += line[: found.start()] + b"{%d}\r\n" % size + self.take(size)

    def write(self, octets):
        self.server.log(b"S: " + octets[:200].rstrip())
        self.output += octets
        if len(self.output) > 1 << 16:
            self.flush()

    def flush(self):
        octets, self.output = bytes(self.defect.octets_out(self, bytes(self.output))), bytearray()
        if not octets:
            return
        allowed, last = self.server.cut.allow("out", len(octets))
        self.server.octets_out += len(octets)
        if self.cut_off:
            return
        self.channel.send(octets[:allowed])
        if last:
            raise Hangup(reset=self.server.cut.at % 2 == 1)


NO_CUT = Cut("none", 0)


class BadServer:
    """Listens from start() to stop(). `defect`, `cut` and the account may be changed while it runs;
    connections that are open keep going."""

    def __init__(self, profile="rich", defect=None, account=None, carrier="plain"):
        self.account = account or Account()
        self.carrier = CARRIERS[carrier]
        self.authority = None if self.carrier.scheme == "imap+plain" else Authority()
        self.capabilities = PROFILES[profile].split() + self.carrier.capabilities
        self.tokens = {TOKEN}
        self.attempts = []           # of signing in
        self.said_in_the_clear = []  # names of commands, where STARTTLS has to come first
        self.none = Defect()
        self.defect = defect or self.none
        self.cut = NO_CUT
        self.octets_in = self.octets_out = 0
        self.connections = 0
        self.trace = None  # a list gets every line
        self.lock = threading.Lock()
        self.listener = None
        self.open = set()
        if self.authority:
            self.context(self.defect.certificate)  # now: nobody has to wait for it

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()
        return self

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            channel = Channel(connection)
            with self.lock:
                self.connections += 1
                self.open.add(channel)
            threading.Thread(target=self._serve, args=(channel,), daemon=True).start()

    def _serve(self, channel):
        try:
            Session(self, channel).run()
        finally:
            with self.lock:
                self.open.discard(channel)

    def log(self, line):
        if self.trace is not None:
            self.trace.append(line)

    def has(self, capability):
        return capability in self.capabilities

    def secret_is(self, text, by_token):
        return text in self.tokens if by_token else text == PASSWORD

    def context(self, certificate):
        with self.lock:
            return self.authority.context(certificate)

    def ca_file(self):
        return self.authority.file if self.authority else ""

    def fall_ill(self, defect):
        """The defect is there; what was said to the server before is forgotten."""
        self.defect = defect
        self.attempts.clear()
        self.said_in_the_clear.clear()

    def heal(self):
        """The defect is gone, open connections too."""
        self.defect.repair(self)
        self.defect = self.none
        self.cut = NO_CUT
        self.hang_up()

    def hang_up(self):
        with self.lock:
            for channel in self.open:
                channel.shut()

    def stop(self):
        self.listener.close()
        self.hang_up()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
