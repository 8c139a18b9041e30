#!/usr/bin/env python3
"""Runs the transcripts of this folder against one server process; language.py says how they read.

  run.py --eilpost build/dev/eilpost --engine memory [NAME...]     starts a server of its own;
                                       rados: EILPOST_TEST_CEPH names the cluster's ceph.conf
  run.py --base-port 10000 [NAME...]                               uses one that is running

Every transcript has accounts of its own, so all of them run at once.
Ends with "N passed, N failed".
"""

import argparse
import base64
import concurrent.futures
import glob
import hashlib
import hmac
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import language  # noqa: E402
from harness import engine_arguments  # noqa: E402
from language import Failure  # noqa: E402

CORPUS = os.path.join(os.path.dirname(HERE), "corpus")
PORTS = {"imap": 143, "imaps": 993, "lmtp": 24}
PASSWORD = "pass"


def tls_context(version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version:
        context.maximum_version = version
    return context


class Deflate:
    """The client's side of COMPRESS (RFC 4978)."""

    FLUSH = {
        "sync": zlib.Z_SYNC_FLUSH,
        "partial": zlib.Z_PARTIAL_FLUSH,
        "full": zlib.Z_FULL_FLUSH,
    }
    MARK = b"\x00\x00\xff\xff"  # what the server's flushes end with

    def __init__(self, how):
        self.flush = self.FLUSH[how]
        self.packer = zlib.compressobj(wbits=-15)
        self.unpacker = zlib.decompressobj(wbits=-15)
        self.wire = b""  # from the server, up to the next mark
        self.end = None  # the beginning of the line that ends what the server compresses
        self.text = b""  # the last of what was unpacked

    def pack(self, octets):
        return self.packer.compress(octets) + self.packer.flush(self.flush)

    def unpack(self, octets):
        """What the octets hold; with them, those that are not compressed any more."""
        self.wire += octets
        out = b""
        while (at := self.wire.find(self.MARK)) >= 0:
            end = at + len(self.MARK)
            try:
                piece = self.unpacker.decompress(self.wire[:end])
            except zlib.error as error:
                raise Failure(f"the server's octets: {error}") from None
            self.wire = self.wire[end:]
            out += piece
            self.text = (self.text + piece)[-4096:]
            if self.end and self.end in b"\r\n" + self.text:
                return out, self.wire
        return out, None


class Connection:
    """One connection of a transcript: reads whole responses, literals included."""

    def __init__(self, address, kind, timeout, source=None, version=None):
        self.kind = kind
        self.timeout = timeout
        self.deflate = None
        self.packs = False
        self.version = version
        self.socket = socket.create_connection(
            address, timeout=timeout, source_address=(source, 0) if source else None
        )
        if kind == "imaps":
            self.socket = tls_context(version).wrap_socket(self.socket)
        self.buffer = b""
        self.queued = []  # responses that came while a literal waited for its "+"
        self.optional = []  # patterns that may still match
        self.lenient = False
        self.tag = ""
        self.tags = 0
        self.log = []

    def starttls(self):
        if self.buffer or self.queued:
            raise Failure("octets arrived behind the answer to STARTTLS")
        self.socket = tls_context(self.version).wrap_socket(self.socket)

    def send(self, octets):
        self.log.append("> " + shown(octets))
        octets = octets.encode("latin-1")
        self.send_wire(self.deflate.pack(octets) if self.packs else octets)

    def send_wire(self, octets):
        try:
            self.socket.sendall(octets)
        except OSError as error:
            # What the server said before it closed is what the transcript wants to see.
            self.log.append(f"! {error}")

    def _fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise Failure(f"nothing came for {self.timeout:g} seconds")
        self.socket.settimeout(left)
        try:
            more = self.socket.recv(65536)
        except socket.timeout:
            raise Failure(f"nothing came for {self.timeout:g} seconds") from None
        except OSError as error:
            self.log.append(f"! {error}")
            more = b""
        if not more:
            return False
        if self.deflate:
            more, plain = self.deflate.unpack(more)
            if plain is not None:
                more += plain
                self.deflate = None
        self.buffer += more
        return True

    def _take(self, end):
        out, self.buffer = self.buffer[:end], self.buffer[end:]
        return out

    def receive(self):
        """The next response, without its CRLF; None when the server has closed the connection."""
        if self.queued:
            return self.queued.pop(0)
        deadline = time.monotonic() + self.timeout
        response = b""
        while True:
            end = self.buffer.find(b"\r\n")
            if end < 0:
                if not self._fill(deadline):
                    if self.buffer or response:
                        raise Failure(f"the server closed within a line: {self.buffer!r}")
                    return None
                continue
            response += self._take(end + 2)
            literal = re.search(rb"\{(\d+)\}\r\n$", response) if self.kind != "lmtp" else None
            if not literal:
                break
            size = int(literal.group(1))
            while len(self.buffer) < size:
                if not self._fill(deadline):
                    raise Failure("the server closed within a literal")
            response += self._take(size)
        text = response[:-2].decode("latin-1")
        self.log.append("< " + shown(text))
        return text

    def binding(self, how):
        """The GS2 header and the octets that a SCRAM exchange is bound to (RFC 5802 6)."""
        if how in ("", "unaware"):
            return ("y,," if how else "n,,"), ""
        # RFC 5929 4.1: the hash of the certificate, whose signature is made with SHA-256 here.
        certificate = hashlib.sha256(self.socket.getpeercert(binary_form=True)).digest()
        data = certificate if how != "wrong" else certificate[::-1]
        return "p=tls-server-end-point,,", data.decode("latin-1")

    def close(self):
        self.socket.close()


def send_data(connection, octets):
    """A message behind DATA (RFC 5321 4.5.2): dots stuffed, and the final dot."""
    if not octets.endswith("\r\n"):
        octets += "\r\n"
    connection.send(re.sub(r"(?m)^\.", "..", octets) + ".\r\n")


def shown(octets):
    """Octets as one readable line."""
    text = octets if len(octets) < 600 else f"{octets[:500]} ... [{len(octets)} octets]"
    return text.rstrip("\r\n").replace("\r", "\\r").replace("\n", "\\n")


class Transcript:
    """Runs the steps of one file."""

    def __init__(self, path, host, base_port, accounts, timeout, admin=None):
        self.path = path
        self.admin = admin  # the program and its data directory, or None
        self.host = host
        self.base_port = base_port
        self.timeout = timeout
        self.connections = {}
        self.variables = {"user": accounts[0], "user2": accounts[1], "pass": PASSWORD}
        self.variables["local"] = accounts[0].split("@")[0]
        self.where = (os.path.basename(path), 0)

    def run(self):
        """None, or why it failed."""
        try:
            for step in language.read_transcript(self.path):
                self.where = step.where
                getattr(self, "do_" + step.kind)(step)
            self.leftovers()
        except (Failure, OSError, ValueError, re.error) as error:
            return f"{self.where[0]}:{self.where[1]}: {error}"
        finally:
            for connection in self.connections.values():
                connection.close()
        return None

    def leftovers(self):
        """Lines that arrived and that nobody expected."""
        for name, connection in self.connections.items():
            while b"\r\n" in connection.buffer or connection.queued:
                response = connection.receive()
                if not (connection.lenient and response.startswith("* ")):
                    raise Failure(f"{name} got more than the transcript has: {shown(response)}")

    def open(self, name, kind, source=None, version=None):
        if name in self.connections:
            self.connections[name].close()
        address = (self.host, self.base_port + PORTS[kind])
        connection = Connection(address, kind, self.timeout, source, version)
        self.connections[name] = connection
        return connection

    def of(self, step):
        if step.name not in self.connections:
            raise Failure(f"there is no connection {step.name}")
        connection = self.connections[step.name]
        self.variables["tag"] = connection.tag
        return connection

    def expand(self, text):
        return language.expand(text, self.variables)

    # --- steps ---

    def do_connect(self, step):
        words = step.text.split()
        source = words[2] if "from" in words else None
        version = ssl.TLSVersion.TLSv1_2 if "tls1.2" in words else None
        self.open(step.name, words[0], source, version)

    def do_login(self, step):
        connection = self.open(step.name, "imap")
        user = self.expand(step.text or "%user")
        self.expect(connection, step.name, "* OK <>")
        self.send_line(connection, f'. LOGIN "{user}" "{PASSWORD}"')
        connection.lenient = True
        self.expect(connection, step.name, ". OK <>")

    def do_send(self, step):
        self.send_line(self.of(step), step.text)

    def send_line(self, connection, text):
        if text.startswith(". "):
            connection.tags += 1
            connection.tag = f"t{connection.tags}"
            self.variables["tag"] = connection.tag
            text = connection.tag + text[1:]
        pieces = language.split_literals(text, self.variables)
        for octets, mark in pieces:
            if mark == "":
                octets += "\r\n"
            connection.send(octets)
            if mark in ("{", "~") and not self.invited(connection):
                return

    def invited(self, connection):
        """Whether the server asks for the literal ("+") rather than refusing it (RFC 9051 4.3)."""
        waiting = []
        while True:
            response = connection.receive()
            if response is None:
                raise Failure("the server closed instead of answering a literal")
            if response.startswith("+"):
                connection.queued += waiting
                return True
            waiting.append(response)
            if not response.startswith("* ") or response.startswith("* BYE"):
                connection.queued += waiting
                return False

    def do_deflate(self, step):
        connection = self.of(step)
        if step.text == "end":
            connection.deflate.end = f"\r\n{connection.tag} OK".encode("latin-1")
            connection.packs = False
            return
        if connection.buffer or connection.queued:
            raise Failure("octets arrived behind the answer to COMPRESS")
        connection.deflate = Deflate(step.text or "sync")
        connection.packs = True

    def do_wire(self, step):
        octets = self.expand(language.unescape(step.text))
        connection = self.of(step)
        connection.log.append("> (wire) " + shown(octets))
        connection.send_wire(octets.encode("latin-1"))

    def do_raw(self, step):
        self.of(step).send(self.expand(language.unescape(step.text)))

    def do_data(self, step):
        send_data(self.of(step), self.expand(step.text))

    def do_expect(self, step):
        connection = self.of(step)
        if step.text == "...":
            connection.lenient = True
            return
        self.expect(connection, step.name, step.text)

    def do_lenient(self, step):
        connection = self.of(step)
        connection.lenient = True
        self.expect(connection, step.name, step.text)

    def do_optional(self, step):
        self.of(step).optional.append(step.text)

    def try_match(self, connection, pattern, response):
        if pattern.startswith(". "):
            pattern = connection.tag + pattern[1:]
        found = language.match_response(pattern, response, self.variables)
        if found is None:
            return False
        self.variables.update(found)
        return True

    def passes_over(self, connection, response):
        """Whether a response may come although nothing asks for it here."""
        for pattern in connection.optional:
            if self.try_match(connection, pattern, response):
                connection.optional.remove(pattern)
                return True
        return connection.lenient and (connection.kind == "lmtp" or response.startswith("* "))

    def next_response(self, connection, name, wanted):
        response = connection.receive()
        if response is None:
            raise Failure(f"{name}: the server closed the connection\n  expected  {wanted}")
        return response

    def expect(self, connection, name, pattern):
        while True:
            response = self.next_response(connection, name, pattern)
            if self.try_match(connection, pattern, response):
                break
            if not self.passes_over(connection, response):
                raise Failure(f"{name}\n  expected  {pattern}\n  got       {shown(response)}")
        connection.optional.clear()
        connection.lenient = False

    def do_any(self, step):
        connection = self.of(step)
        connection.lenient = "..." in step.lines
        connection.optional = [line[2:] for line in step.lines if line.startswith("? ")]
        wanted = [line for line in step.lines if line != "..." and not line.startswith("? ")]
        while wanted:
            response = self.next_response(connection, step.name, " / ".join(wanted))
            for pattern in wanted:
                if self.try_match(connection, pattern, response):
                    wanted.remove(pattern)
                    break
            else:
                if not self.passes_over(connection, response):
                    listed = "\n            ".join(wanted)
                    raise Failure(
                        f"{step.name}\n  any of    {listed}\n  got       {shown(response)}"
                    )

    def do_starttls(self, step):
        self.of(step).starttls()

    def do_closed(self, step):
        connection = self.of(step)
        while (response := connection.receive()) is not None:
            if not self.passes_over(connection, response):
                raise Failure(f"{step.name}\n  expected  the end\n  got       {shown(response)}")

    def do_close(self, step):
        self.of(step).close()
        del self.connections[step.name]

    def do_text(self, step):
        self.variables[step.name] = step.lines

    def do_set(self, step):
        self.variables[step.name] = self.expand(language.unescape(step.text))

    def do_file(self, step):
        with open(os.path.join(CORPUS, step.text), "rb") as file:
            self.variables[step.name] = file.read().decode("latin-1")

    def do_check(self, step):
        sign, other = step.text.split(" ")
        left, right = int(self.expand(step.name)), int(self.expand(other))
        if not {"<": left < right, ">": left > right, "=": left == right}[sign]:
            raise Failure(f"not so: {left} {sign} {right}")

    def do_deliver(self, step):
        connection = self.open("(deliver)", "lmtp")
        lines = ["LHLO client.example", "MAIL FROM:<sender@example.net>"]
        lines += [f"RCPT TO:<{self.expand(step.name)}>", "DATA"]
        self.reply(connection, "220")
        for line, code in zip(lines, ["250", "250", "250", "354"]):
            connection.send(line + "\r\n")
            self.reply(connection, code)
        send_data(connection, self.expand(step.text))
        self.reply(connection, "250")
        connection.send("QUIT\r\n")
        self.reply(connection, "221")
        connection.close()
        del self.connections["(deliver)"]

    def do_admin(self, step):
        if not self.admin:
            raise Failure("an admin command needs a server of our own (--eilpost)")
        program, data = self.admin
        command = [program, step.name, *self.expand(step.text).split(), "--data", data]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Failure(f"{step.name} {step.text}: {done.stderr.strip()}")

    def reply(self, connection, code):
        """Reads one LMTP reply, which has to have this code."""
        while True:
            response = self.next_response(connection, "LMTP", code)
            if not response.startswith(code):
                raise Failure(f"LMTP\n  expected  {code}\n  got       {shown(response)}")
            if response[3:4] != "-":
                return

    def do_scram(self, step):
        connection = self.of(step)
        user, password, how = (step.text + " ").split(" ")[:3]
        user, password = self.expand(user), self.expand(password)
        scram = Scram(user, password, connection.binding(how))
        mechanism = "SCRAM-SHA-256" + ("-PLUS" if how in ("plus", "wrong") else "")
        self.send_line(connection, f". AUTHENTICATE {mechanism}")
        self.expect(connection, step.name, "+ </ ?/>")
        connection.send(to_base64(scram.first()) + "\r\n")
        response = self.next_response(connection, step.name, "the server's first message")
        if not response.startswith("+ "):
            connection.queued.insert(0, response)
            return
        connection.send(to_base64(scram.final(from_base64(response[2:]))) + "\r\n")
        response = self.next_response(connection, step.name, "the server's signature")
        if not response.startswith("+ "):
            connection.queued.insert(0, response)
            return
        if from_base64(response[2:]) != "v=" + scram.signature:
            raise Failure(f"{step.name}: the server's signature is wrong: {response}")
        connection.send("\r\n")


def to_base64(text):
    return base64.b64encode(text.encode("latin-1")).decode()


def from_base64(text):
    return base64.b64decode(text).decode("latin-1")


class Scram:
    """The client's side of one exchange: RFC 5802 with SHA-256 (RFC 7677)."""

    def __init__(self, user, password, binding, nonce="fyko+d2lbbFgONRv9qkxdawL"):
        self.password = password
        self.gs2, data = binding
        self.binding = to_base64(self.gs2 + data)
        user = user.replace("=", "=3D").replace(",", "=2C")
        self.bare = f"n={user},r={nonce}"
        self.signature = ""

    def first(self):
        return self.gs2 + self.bare

    def final(self, server_first):
        fields = dict(part.split("=", 1) for part in server_first.split(","))
        salted = hashlib.pbkdf2_hmac(
            "sha256", self.password.encode(), base64.b64decode(fields["s"]), int(fields["i"])
        )

        def keyed(key, text):
            return hmac.new(key, text.encode(), hashlib.sha256).digest()

        client_key = keyed(salted, "Client Key")
        without_proof = f"c={self.binding},r={fields['r']}"
        message = f"{self.bare},{server_first},{without_proof}"
        signature = keyed(hashlib.sha256(client_key).digest(), message)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        server_key = keyed(salted, "Server Key")
        self.signature = base64.b64encode(keyed(server_key, message)).decode()
        return f"{without_proof},p={base64.b64encode(proof).decode()}"


# --- the server ---


def free_base_port():
    """A number whose ports of the demo are free, below the range that the kernel gives away."""
    start = 11000 + os.getpid() % 900 * 20
    for base in range(start, start + 20000, 17):
        base = 11000 + (base - 11000) % 20000
        sockets = []
        try:
            for offset in (24, 80, 143, 993):
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


class Server:
    """An `eilpost demo` in a directory of its own."""

    def __init__(self, binary, engine, accounts, keep, suite=None):
        self.directory = tempfile.mkdtemp(prefix="eilpost-transcripts-")
        self.keep = keep
        self.base_port = free_base_port()
        self.log = os.path.join(self.directory, "server.log")
        self.data = os.path.join(self.directory, "data")
        command = [os.path.abspath(binary), "demo", "--data", self.data]
        command += ["--base-port", str(self.base_port), "--accounts", str(accounts), "--empty"]
        command += engine_arguments(engine)
        if suite:
            command += ["--config", os.path.join(os.path.abspath(suite), "config.toml")]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
            )
        self.ready = threading.Event()
        # Whatever it prints is read to the end, so that it never waits for us.
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with open(self.log, "ab") as log:
            for line in self.process.stdout:
                log.write(line)
                log.flush()
                if line.strip() == b"ready":
                    self.ready.set()

    def wait_ready(self, seconds):
        deadline = time.monotonic() + seconds
        while not self.ready.wait(0.05):
            if self.process.poll() is not None or time.monotonic() > deadline:
                return False
        return True

    def stop(self):
        """None, or what went wrong: the server has to live until told, and to end with 0."""
        if self.process.poll() is not None:
            return f"the server ended by itself with status {self.process.returncode}"
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "the server did not stop within 30 seconds of SIGTERM"
        return None if status == 0 else f"the server ended with status {status}"

    def tail(self):
        with open(self.log, errors="replace") as log:
            return "".join("    " + line for line in log.readlines()[-40:])

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if not self.keep:
            shutil.rmtree(self.directory, ignore_errors=True)


# --- running ---


def find(names, folder):
    paths = sorted(glob.glob(os.path.join(folder, "*.imap")))
    if not names:
        return paths
    known = {os.path.basename(path)[: -len(".imap")]: path for path in paths}
    unknown = [name for name in names if name.removesuffix(".imap") not in known]
    if unknown:
        raise SystemExit("no such transcript: " + ", ".join(unknown))
    return [known[name.removesuffix(".imap")] for name in names]


def run_one(path, number, base_port, options):
    accounts = [f"user{2 * number + offset}@example.org" for offset in (1, 2)]
    transcript = Transcript(
        path, "127.0.0.1", base_port, accounts, options.timeout, options.admin
    )
    start = time.monotonic()
    failure = transcript.run()
    text = ""
    if failure or options.verbose:
        for name, connection in transcript.connections.items():
            lines = connection.log if options.verbose else connection.log[-12:]
            text += "".join(f"    {name} {line}\n" for line in lines)
    return path, failure, text, time.monotonic() - start


def run_all(paths, base_port, options):
    """How many transcripts failed."""
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        runs = [pool.submit(run_one, p, n, base_port, options) for n, p in enumerate(paths)]
        for run in runs:
            path, failure, text, seconds = run.result()
            name = os.path.basename(path)
            if failure:
                failed += 1
                print(f"FAILED {name}\n  {failure}\n{text}")
            elif options.verbose:
                print(f"passed {name} {seconds:.2f} s\n{text}")
            sys.stdout.flush()
    return failed


def run_with_server(paths, options):
    server = Server(
        options.eilpost, options.engine, 2 * len(paths) + 2, options.keep, options.suite
    )
    failed = 0
    try:
        if not server.wait_ready(options.start_timeout):
            print(f"the server did not get ready\n{server.tail()}")
            return len(paths)
        options.admin = (os.path.abspath(options.eilpost), server.data)
        failed = run_all(paths, server.base_port, options)
        trouble = server.stop()
        if trouble:
            failed += 1
            print(f"FAILED {trouble}\n{server.tail()}")
    finally:
        server.remove()
        if options.keep:
            print(f"data and log: {server.directory}")
    return failed


def main():
    parser = argparse.ArgumentParser(description="Runs transcripts.")
    parser.add_argument("names", nargs="*", help="transcripts to run (default: all)")
    parser.add_argument("--eilpost", help="the binary to start")
    parser.add_argument("--engine", default="memory", help="memory, rocksdb or rados")
    parser.add_argument("--suite", help="a folder of transcripts with the server's config.toml")
    parser.add_argument("--base-port", type=int, help="use the demo server that runs there")
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--timeout", type=float, default=10, help="seconds to wait for a response")
    parser.add_argument("--start-timeout", type=float, default=120)
    parser.add_argument("--keep", action="store_true", help="leave the server's directory")
    parser.add_argument("--verbose", "-v", action="store_true", help="show the dialogues")
    options = parser.parse_args()
    options.admin = None
    paths = find(options.names, options.suite or HERE)
    if options.base_port:
        failed = run_all(paths, options.base_port, options)
        total = len(paths)
    elif options.eilpost and os.access(options.eilpost, os.X_OK):
        failed = run_with_server(paths, options)
        total = len(paths) + 1  # that the server stops cleanly is a test, too
    else:
        print(f"there is no program {options.eilpost}")
        failed = total = len(paths)
    print(f"{max(total - failed, 0)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
