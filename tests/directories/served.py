"""An `eilpost serve` with a configuration of the test's own, and one SASL exchange with it, octet
by octet."""

import base64
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from harness import Failure, Imap, free_ports, split_status, wait_for  # noqa: E402

OFFSETS = {"imap": 0, "imaps": 1}


class Served:
    """The listeners imap (plaintext_login, STARTTLS) and imaps on loopback; `more` is TOML."""

    def __init__(self, binary, pki, more="", tls="", engine="memory"):
        self.binary = os.path.abspath(binary)
        self.pki = pki
        self.directory = tempfile.mkdtemp(prefix="eilpost-directories-")
        self.base = free_ports(OFFSETS.values(), salt=5)
        self.config = os.path.join(self.directory, "eilpost.toml")
        self.log = os.path.join(self.directory, "log")
        listeners = "".join(
            f'[[listener]]\nprotocol = "{name}"\naddress = "127.0.0.1"\nport = {self.port(name)}\n'
            for name in OFFSETS
        )
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(
                f'data_dir = "{self.directory}/data"\nengine = "{engine}"\n'
                f"{listeners}[[tls.certificate]]\nchain = \"{pki.file('server.pem')}\"\n"
                f"key = \"{pki.file('server.key')}\"\n[tls]\n{tls}\n"
                f"[accounts]\nargon2_memory_kib = 64\nargon2_iterations = 1\n{more}\n"
            )
        self.process = None

    def port(self, name):
        return self.base + OFFSETS[name]

    def start(self, environment=None):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--config", self.config], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env={**os.environ, **(environment or {})},
            )
        wait_for(self._answers, 20, "the server does not listen")
        return self

    def _answers(self):
        if self.process.poll() is not None:
            raise Failure(f"the server ended:\n{self.tail()}")
        try:
            socket.create_connection(("127.0.0.1", self.port("imap")), timeout=1).close()
        except OSError:
            return False
        return True

    def tail(self, lines=12):
        with open(self.log, errors="replace", encoding="utf-8") as log:
            return "".join(log.readlines()[-lines:])

    def run(self, *arguments, password=None):
        """An admin command; its output."""
        done = subprocess.run(
            [self.binary, *arguments, "--config", self.config], capture_output=True, text=True,
            input=password, check=False, timeout=60,
        )
        if done.returncode != 0:
            raise Failure(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)

    def connect(self, kind="imaps", client=None):
        """A Login; `client` names the certificate to show."""
        return Login(self.port(kind), self.pki, tls=kind == "imaps", client=client)


def context_of(pki, client=None):
    context = ssl.create_default_context(cafile=pki.file("ca.pem"))
    if client:
        context.load_cert_chain(pki.file(f"{client}.pem"), pki.file(f"{client}.key"))
    return context


class Login(Imap):
    """A connection that can AUTHENTICATE step by step."""

    def __init__(self, port, pki, tls, client=None):
        self.pki = pki
        self.client = client
        self.challenges = []
        if tls:
            self._connect_tls(port)
        else:
            super().__init__(port)

    def _connect_tls(self, port):
        self.timeout = 20
        self.buffer = b""
        self.tags = 0
        raw = socket.create_connection(("127.0.0.1", port), timeout=20)
        context = context_of(self.pki, self.client)
        self.socket = context.wrap_socket(raw, server_hostname="localhost")
        self.greeting = self.receive()

    def starttls(self):
        self.command("STARTTLS")
        self.socket = context_of(self.pki, self.client).wrap_socket(
            self.socket, server_hostname="localhost"
        )

    def mechanisms(self):
        """What CAPABILITY offers, in its order."""
        line = self.command("CAPABILITY").untagged[0].decode()
        return [word[5:] for word in line.split() if word.startswith("AUTH=")]

    def authenticate(self, mechanism, respond, initial=True):
        """respond(challenge or None) gives octets; (status, code, text) of the end."""
        self.tags += 1
        tag = f"a{self.tags}"
        first = respond(None) if initial else None
        line = f"{tag} AUTHENTICATE {mechanism}"
        if first is not None:
            line += " " + (base64.b64encode(first).decode() or "=")
        self.send(line.encode() + b"\r\n")
        self.challenges = []
        asked = not initial
        while True:
            response = self.receive()
            if response.startswith(tag.encode() + b" "):
                return split_status(response[len(tag) + 1 :].decode())
            if not response.startswith(b"+"):
                continue
            challenge = base64.b64decode(response[2:])
            answer = respond(None) if asked else respond(challenge)
            asked = False
            if challenge:
                self.challenges.append(challenge)
            self.send(base64.b64encode(answer) + b"\r\n")


def once(octets, then=b""):
    """A client of one message; `then` is what it answers to anything further."""
    return lambda challenge: octets if challenge is None else then
