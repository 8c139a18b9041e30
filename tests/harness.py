"""What the whole-process tests share: a server in a directory of its own, a plain IMAP client that
shows every octet, an LMTP client, messages, and the counting of cases.

Not a test by itself: tests/interop and tests/crash import it. The client knows nothing about the
server beyond the RFCs.
"""

import base64
import collections
import os
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

PORTS = {"imap": 143, "imaps": 993, "lmtp": 24, "http": 80}
PASSWORD = "pass"


class Failure(Exception):
    """What a test found."""


class Closed(Failure):
    """The server closed the connection, or it cannot be reached."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def check_equal(got, wanted, what):
    if got != wanted:
        raise Failure(f"{what}\n  expected  {brief(wanted)}\n  got       {brief(got)}")


def brief(value, limit=700):
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]} ... [{len(text)} characters]"


def user(number):
    return f"user{number}@example.org"


def wait_for(test, seconds, what):
    """The first true value of test(); a failure when there is none for so long."""
    deadline = time.monotonic() + seconds
    while True:
        value = test()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds:g} seconds")
        time.sleep(0.05)


# --- the server ---


def free_ports(offsets, salt=0):
    """A number at which all these offsets are free, below the range that the kernel gives away."""
    start = (os.getpid() * 7 + salt * 1013) % 1000 * 19
    for step in range(0, 19000, 19):
        base = 12000 + (start + step) % 19000
        sockets = []
        try:
            for offset in offsets:
                one = socket.socket()
                sockets.append(one)
                one.bind(("127.0.0.1", base + offset))
            return base
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise SystemExit("no free ports")


def engine_arguments(engine, namespace=None):
    """The options of `eilpost demo` for an engine: for rados the cluster whose ceph.conf is in
    EILPOST_TEST_CEPH, with a namespace of its own unless one is given."""
    if engine != "rados":
        return ["--engine", engine]
    ceph_conf = os.environ.get("EILPOST_TEST_CEPH")
    if not ceph_conf:
        raise SystemExit("EILPOST_TEST_CEPH names no ceph.conf")
    namespace = namespace or f"test-{secrets.token_hex(8)}"
    return ["--engine", engine, "--ceph-conf", ceph_conf, "--namespace", namespace]


class Server:
    """An `eilpost demo`; its data and log lie in a directory of its own unless one is given. With
    rados, several with one namespace are nodes of one store."""

    def __init__(self, binary, engine="rocksdb", accounts=4, directory=None, namespace=None,
                 node=None):
        self.binary = os.path.abspath(binary)
        self.engine = engine
        self.engine_options = engine_arguments(engine, namespace)
        if node:
            self.engine_options += ["--node", node]
        self.accounts = accounts
        self.own = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix="eilpost-test-")
        self.data = os.path.join(self.directory, "data")
        self.log = os.path.join(self.directory, "server.log")
        self.base_port = free_ports(PORTS.values())
        self.process = None
        self.ready = None

    @property
    def certificate(self):
        return os.path.join(self.data, "certificate.pem")

    def port(self, kind):
        return self.base_port + PORTS[kind]

    def start(self, seconds=60):
        command = [self.binary, "demo", "--data", self.data, "--base-port", str(self.base_port)]
        command += ["--accounts", str(self.accounts), "--empty"] + self.engine_options
        ready = self.ready = threading.Event()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
            )
        reader = threading.Thread(target=self._read, args=(self.process, ready), daemon=True)
        reader.start()
        deadline = time.monotonic() + seconds
        while not ready.wait(0.02):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"the server did not get ready:\n{self.tail()}")

    def _read(self, process, ready):
        """Reads to the end whatever it prints, so that it never waits for us."""
        for line in process.stdout:
            if line.strip() == b"ready":
                ready.set()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def ended(self):
        """None while it runs, else how it ended."""
        status = self.process.poll()
        return None if status is None else f"the server ended by itself with status {status}"

    def stop(self):
        """None, or what went wrong: the server has to live until told, and to end with 0."""
        if self.ended():
            return f"{self.ended()}\n{self.tail()}"
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            return "the server did not stop within 30 seconds of SIGTERM"
        return None if status == 0 else f"the server ended with status {status}\n{self.tail()}"

    def tail(self):
        with open(self.log, errors="replace") as log:
            return "".join("    " + line for line in log.readlines()[-30:])

    def remove(self):
        if self.process and self.process.poll() is None:
            self.kill()
        if self.own:
            shutil.rmtree(self.directory, ignore_errors=True)

    def imap(self, number=1, **options):
        """A client that has logged in."""
        client = Imap(self.port("imap"), **options)
        client.login(user(number))
        return client

    def deliver(self, number, octets, sender="sender@example.net"):
        lmtp = Lmtp(self.port("lmtp"))
        replies = lmtp.deliver(sender, [user(number)], octets)
        lmtp.close()
        check(replies[0].startswith("250"), f"LMTP: {replies}")


# --- IMAP ---

TOKEN = re.compile(rb'\(|\)|"((?:[^"\\]|\\.)*)"|~?\{(\d+)\}\r\n|\r\n| +')


def parse_response(octets):
    """A response as nested lists: atoms are str, strings are bytes, NIL is None."""
    stack = [[]]
    at = 0
    while at < len(octets):
        found = TOKEN.match(octets, at)
        if found is None:
            at, atom = _atom(octets, at)
            stack[-1].append(None if atom == "NIL" else atom)
            continue
        at = found.end()
        token = found.group()
        if token == b"(":
            stack.append([])
        elif token == b")":
            done = stack.pop()
            if not stack:
                raise Failure(f"too many ')' in {octets!r}")
            stack[-1].append(done)
        elif found.group(2) is not None:
            size = int(found.group(2))
            stack[-1].append(octets[at : at + size])
            at += size
        elif token[:1] == b'"':
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", found.group(1)))
    if len(stack) != 1:
        raise Failure(f"too few ')' in {octets!r}")
    return stack[0]


def _atom(octets, at):
    """The end of an atom and its text; within brackets, spaces and parentheses belong to it."""
    start = at
    depth = 0
    while at < len(octets):
        c = octets[at : at + 1]
        if depth == 0 and c in b' ()"\r':
            break
        depth += (c == b"[") - (c == b"]")
        at += 1
    return max(at, start + 1), octets[start : max(at, start + 1)].decode("utf-8", "replace")


Reply = collections.namedtuple("Reply", "status code text untagged")


def split_status(text):
    """(status, response code or "", the rest) of "OK [CODE] text"."""
    found = re.match(r"(\S+)(?: \[([^\]]*)\])? ?(.*)$", text, re.DOTALL)
    return found.group(1), found.group(2) or "", found.group(3)


def quoted(text):
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


class Imap:
    """One connection. Commands go out one by one; responses come back whole, literals included."""

    def __init__(self, port, tls=False, timeout=20, host="127.0.0.1"):
        self.timeout = timeout
        self.buffer = b""
        self.tags = 0
        try:
            self.socket = socket.create_connection((host, port), timeout=timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                self.socket = unverified_tls().wrap_socket(self.socket)
        except OSError as error:
            raise Closed(f"no connection: {error}") from None
        self.greeting = self.receive()

    def _fill(self, timeout):
        self.socket.settimeout(timeout)
        try:
            more = self.socket.recv(1 << 18)
        except socket.timeout:
            raise Failure(f"nothing came for {timeout:g} seconds") from None
        except OSError as error:
            raise Closed(f"the connection broke: {error}") from None
        if not more:
            raise Closed("the server closed the connection")
        self.buffer += more

    def _take(self, end):
        out, self.buffer = self.buffer[:end], self.buffer[end:]
        return out

    def receive(self, timeout=None):
        """The next response as octets, without its CRLF."""
        timeout = timeout or self.timeout
        response = b""
        while True:
            end = self.buffer.find(b"\r\n")
            if end < 0:
                self._fill(timeout)
                continue
            response += self._take(end + 2)
            literal = re.search(rb"\{(\d+)\}\r\n$", response)
            if not literal:
                return response[:-2]
            size = int(literal.group(1))
            while len(self.buffer) < size:
                self._fill(timeout)
            response += self._take(size)

    def send(self, octets):
        try:
            self.socket.settimeout(self.timeout)
            self.socket.sendall(octets)
        except OSError as error:
            raise Closed(f"the connection broke: {error}") from None

    def command(self, text, *literals):
        """Sends a command, whose "{}" are replaced by the literals; its Reply, whatever it says."""
        self.tags += 1
        tag = f"h{self.tags}"
        pieces = text.split("{}")
        check(len(pieces) == len(literals) + 1, f"literals do not fit {text}")
        octets = f"{tag} {pieces[0]}".encode()
        for piece, literal in zip(pieces[1:], literals):
            octets += b"{%d+}\r\n%s%s" % (len(literal), literal, piece.encode())
        self.send(octets + b"\r\n")
        return self.finish(tag)

    def finish(self, tag):
        untagged = []
        while True:
            response = self.receive()
            if response.startswith(tag.encode() + b" "):
                status, code, rest = split_status(response[len(tag) + 1 :].decode())
                return Reply(status, code, rest, untagged)
            check(response[:2] in (b"* ", b"+ "), f"an answer to nothing: {response!r}")
            untagged.append(response)

    def do(self, text, *literals):
        """As command(), and the answer has to be OK."""
        reply = self.command(text, *literals)
        check(reply.status == "OK", f"{text}: {reply.status} [{reply.code}] {reply.text}")
        return reply

    def login(self, name):
        self.do(f'LOGIN "{name}" "{PASSWORD}"')

    def append(self, mailbox, octets, flags=()):
        """(uid_validity, uid)"""
        reply = self.do(f"APPEND {quoted(mailbox)} ({' '.join(flags)}) {{}}", octets)
        _, validity, uid = reply.code.split(" ")
        return int(validity), int(uid)

    def fetch(self, uids, items):
        """{uid: {item: value}}; items that are lists stay lists."""
        out = {}
        for response in self.do(f"UID FETCH {uids} ({items})").untagged:
            fields = parse_response(response)
            if len(fields) == 4 and fields[2] == "FETCH":
                one = dict(zip(fields[3][::2], fields[3][1::2]))
                if "UID" in one:
                    out.setdefault(int(one["UID"]), {}).update(one)
        return out

    def status(self, mailbox, items):
        for response in self.do(f"STATUS {quoted(mailbox)} ({items})").untagged:
            fields = parse_response(response)
            if fields[1] == "STATUS":
                return {name: int(value) for name, value in zip(fields[3][::2], fields[3][1::2])}
        raise Failure(f"no STATUS response for {mailbox}")

    def mailboxes(self):
        names = []
        for response in self.do('LIST "" "*"').untagged:
            fields = parse_response(response)
            if fields[1] == "LIST" and "\\Noselect" not in fields[2]:
                name = fields[4]
                names.append(name.decode() if isinstance(name, bytes) else name)
        return names

    def messages(self, mailbox):
        """{uid: (flags, octets)} of a mailbox, by EXAMINE; \\Recent is left out."""
        self.do(f"EXAMINE {quoted(mailbox)}")
        found = self.fetch("1:*", "UID FLAGS BODY.PEEK[]")
        return {u: (flag_set(one["FLAGS"]), one["BODY[]"]) for u, one in found.items()}

    def start_idle(self):
        self.tags += 1
        self.send(f"h{self.tags} IDLE\r\n".encode())
        self.wait_untagged(b"+", 10)

    def wait_untagged(self, pattern, seconds):
        """The next response that contains the pattern."""
        deadline = time.monotonic() + seconds
        while True:
            response = self.receive(max(deadline - time.monotonic(), 0.01))
            if re.search(pattern, response) if pattern != b"+" else response.startswith(b"+"):
                return response

    def close(self):
        self.socket.close()


def flag_set(flags):
    return frozenset(flag for flag in flags if flag != "\\Recent")


def unverified_tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def utf7(name):
    """A mailbox name in modified UTF-7 (RFC 3501 5.1.3)."""

    def coded(run):
        octets = base64.b64encode(run.group().encode("utf-16-be"))
        return f"&{octets.decode().rstrip('=').replace('/', ',')}-"

    return re.sub(r"[^ -~]+", coded, name.replace("&", "&-"))


# --- LMTP ---


class Lmtp:
    """One LMTP connection (RFC 2033)."""

    def __init__(self, port, timeout=20, host="127.0.0.1"):
        try:
            self.socket = socket.create_connection((host, port), timeout=timeout)
        except OSError as error:
            raise Closed(f"no connection: {error}") from None
        self.file = self.socket.makefile("rb")
        self.reply()
        self.say("LHLO client.example")

    def reply(self):
        """One reply, its lines joined by newlines."""
        lines = []
        while True:
            try:
                line = self.file.readline()
            except OSError as error:
                raise Closed(f"LMTP broke: {error}") from None
            if not line.endswith(b"\r\n"):
                raise Closed("LMTP: the server closed the connection")
            lines.append(line[:-2].decode())
            if line[3:4] != b"-":
                return "\n".join(lines)

    def send(self, octets):
        try:
            self.socket.sendall(octets)
        except OSError as error:
            raise Closed(f"LMTP broke: {error}") from None

    def say(self, line):
        self.send(line.encode() + b"\r\n")
        return self.reply()

    def deliver(self, sender, recipients, octets, told=None):
        """One reply for each recipient; `told` gets each of them as it comes."""
        self.say(f"MAIL FROM:<{sender}>")
        replies = [self.say(f"RCPT TO:<{recipient}>") for recipient in recipients]
        accepted = [r.startswith("250") for r in replies]
        if any(accepted):
            self.say("DATA")
            self.send(dotted(octets))
        for index, yes in enumerate(accepted):
            if yes:
                replies[index] = self.reply()
            if told:
                told(recipients[index], replies[index])
        return replies

    def close(self):
        self.socket.close()


def dotted(octets):
    """A message as it follows DATA (RFC 5321 4.5.2)."""
    return re.sub(rb"(?m)^\.", b"..", octets) + b".\r\n"


# --- messages ---


def message(subject, message_id=None, body="A line.\r\n", headers=""):
    """A small message with CRLF line ends."""
    message_id = message_id or f"<{re.sub('[^A-Za-z0-9]+', '-', subject)}@example.net>"
    return (
        f"From: Ada Example <ada@example.net>\r\n"
        f"To: user@example.org\r\n"
        f"Subject: {subject}\r\n"
        f"Date: Mon, 7 Feb 2022 21:52:25 -0800\r\n"
        f"Message-ID: {message_id}\r\n"
        f"{headers}"
        f"\r\n"
        f"{body}"
    ).encode()


# --- counting ---


class Count:
    """Prints a line for each case and the last line, "N passed, N failed[, N skipped]"."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.lock = threading.Lock()

    def say(self, what, name, text=""):
        with self.lock:
            setattr(self, what, getattr(self, what) + 1)
            print(f"{what:8}{name}{text}", flush=True)

    def end(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {self.failed} failed{skipped}")
        return 1 if self.failed else 0
