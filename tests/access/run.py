#!/usr/bin/env python3
"""Who may come in, seen from outside, with a server of its own that has several certificates:

  run.py --eilpost build/dev/eilpost

what can be read on the way on which port and by which mechanism (docs/policy.md has the table that
this prints), rules that change while sessions are there, SNI, guesses over many connections, why a
login was refused, and what a trace shows. Ends with "N passed, N failed".
"""

import argparse
import base64
import json
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

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(ROOT, "tests/transcripts")]
import run as transcripts  # noqa: E402
from harness import Count, Failure, check, check_equal, free_ports, wait_for  # noqa: E402

PASSWORD = "correct horse"
SECRET = "the words of the mail"

CONFIG = """data_dir = "{data}"
engine = "memory"
hostname = "test.example.org"
[[listener]]
protocol = "imap"
address = "127.0.0.1"
port = {imap}
plaintext_login = true
[[listener]]
protocol = "imaps"
address = "127.0.0.1"
port = {imaps}
[[listener]]
protocol = "http"
address = "127.0.0.1"
port = {http}
[[tls.certificate]]
chain = "{first}.pem"
key = "{first}.key"
[[tls.certificate]]
chain = "{second}.pem"
key = "{second}.key"
[accounts]
default_domain = "example.org"
argon2_memory_kib = 64
argon2_iterations = 1
scram_iterations = 4096
[abuse]
account_delay_ms = 400
source_delay_ms = 400
first_delay_ms = 50
queue_ms = 300
[log]
file = "{log}"
"""


class Server:
    def __init__(self, binary):
        self.binary = os.path.abspath(binary)
        self.directory = tempfile.mkdtemp(prefix="eilpost-access-")
        self.data = os.path.join(self.directory, "data")
        self.file = os.path.join(self.directory, "eilpost.toml")
        self.log = os.path.join(self.directory, "eilpost.log")
        base = free_ports([143, 993, 80])
        self.ports = {"imap": base + 143, "imaps": base + 993, "http": base + 80}
        self.names = {n: os.path.join(self.directory, n) for n in ("first", "second")}
        for name in self.names:
            self.certificate(name)
        self.configure("")
        self.errors = open(os.path.join(self.directory, "stderr"), "wb")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--config", self.file], stderr=self.errors
        )
        wait_for(lambda: os.path.exists(self.log) and "ready" in open(self.log).read(), 60,
                 "the server is ready")

    def certificate(self, name):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
             f"subjectAltName=DNS:{name}.example.org", "-keyout", self.names[name] + ".key",
             "-out", self.names[name] + ".pem"],
            check=True, capture_output=True)

    def configure(self, more):
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(data=self.data, log=self.log, **self.ports, **self.names))
            file.write(more)

    def reload(self, more):
        self.configure(more)
        before = open(self.log).read().count(" reloaded file=")
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: open(self.log).read().count(" reloaded file=") > before, 20, "reload")

    def admin(self, *arguments, text=None):
        done = subprocess.run(
            [self.binary, *arguments, "--config", self.file], input=text, capture_output=True,
            text=True, timeout=60, check=False)
        check_equal(done.returncode, 0, f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def add(self, name):
        self.admin("account", "add", name, text=PASSWORD + "\n")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        check_equal(self.process.wait(30), 0, "exit status")

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Client:
    """Lines to and from a socket, of which a listener on the way sees every octet."""

    def __init__(self, port, source=None, tls=False):
        self.socket = socket.create_connection(
            ("127.0.0.1", port), timeout=20, source_address=(source, 0) if source else None)
        if tls:
            self.socket = transcripts.tls_context().wrap_socket(self.socket)
        self.buffer = b""
        self.tags = 0
        self.line()

    def line(self):
        while b"\r\n" not in self.buffer:
            more = self.socket.recv(65536)
            if not more:
                raise Failure("closed")
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("latin-1")

    def send(self, text):
        self.socket.sendall(text.encode("latin-1") + b"\r\n")

    def command(self, text):
        """Everything up to the tagged answer, which is the last line."""
        self.tags += 1
        self.send(f"t{self.tags} {text}")
        return self.tagged()

    def tagged(self):
        lines = []
        while True:
            lines.append(self.line())
            if lines[-1].startswith(f"t{self.tags} ") or lines[-1].startswith("+"):
                return lines

    def starttls(self):
        check(" OK" in self.command("STARTTLS")[-1], "STARTTLS")
        self.socket = transcripts.tls_context().wrap_socket(self.socket)

    def login(self, mechanism, name, password=PASSWORD):
        if mechanism == "LOGIN command":
            return self.command(f'LOGIN "{name}" "{password}"')[-1]
        if mechanism == "PLAIN":
            secret = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
            return self.command(f"AUTHENTICATE PLAIN {secret}")[-1]
        if mechanism == "LOGIN":
            answer = self.command("AUTHENTICATE LOGIN")
            for word in (name, password):
                if not answer[-1].startswith("+"):
                    return answer[-1]
                self.send(base64.b64encode(word.encode()).decode())
                answer = self.tagged()
            return answer[-1]
        scram = transcripts.Scram(name, password, ("n,,", ""))
        answer = self.command("AUTHENTICATE SCRAM-SHA-256")
        if not answer[-1].startswith("+"):
            return answer[-1]
        self.send(transcripts.to_base64(scram.first()))
        answer = self.tagged()
        if not answer[-1].startswith("+ "):
            return answer[-1]
        self.send(transcripts.to_base64(scram.final(transcripts.from_base64(answer[-1][2:]))))
        answer = self.tagged()
        if answer[-1].startswith("+"):
            self.send("")
            answer = self.tagged()
        return answer[-1]

    def close(self):
        self.socket.close()


class Wire:
    """A relay that keeps what passes, as somebody on the way would."""

    def __init__(self, port):
        self.target = port
        self.seen = b""
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        client, _ = self.listening.accept()
        server = socket.create_connection(("127.0.0.1", self.target))
        for a, b in ((client, server), (server, client)):
            threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    def pump(self, source, sink):
        try:
            while octets := source.recv(65536):
                self.seen += octets
                sink.sendall(octets)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def shows(self, text):
        """In the clear, or in base64 at any of its three offsets."""
        raw = text.encode()
        forms = [raw] + [base64.b64encode(b"x" * n + raw)[4 if n else 0:-4] for n in range(3)]
        return any(form in self.seen for form in forms)


WAYS = ("LOGIN command", "PLAIN", "LOGIN", "SCRAM-SHA-256")


def readable(server):
    """The table of docs/policy.md: what somebody on the way reads."""
    server.add("reader")
    first = Client(server.ports["imaps"], tls=True)
    check(" OK" in first.login("PLAIN", "reader"), "login")
    text = f"Subject: x\r\n\r\n{SECRET}\r\n"
    check(first.command(f"APPEND INBOX {{{len(text)}}}")[-1].startswith("+"), "APPEND")
    first.send(text)
    check(" OK" in first.tagged()[-1], "APPEND")
    rows = ["| port | by | password | mail |", "|---|---|---|---|"]
    for port, tls, starttls in (("143", False, False), ("143 with STARTTLS", False, True),
                                ("993", True, False)):
        for way in WAYS:
            wire = Wire(server.ports["imaps" if tls else "imap"])
            client = Client(wire.port, tls=tls)
            if starttls:
                client.starttls()
            check(" OK" in client.login(way, "reader"), f"{port} {way}")
            client.command("SELECT INBOX")
            check(any(SECRET in line for line in client.command("FETCH 1 BODY.PEEK[]")), "FETCH")
            client.close()
            word = {True: "readable", False: "hidden"}
            password, mail = (word[wire.shows(text)] for text in (PASSWORD, SECRET))
            rows.append(f"| {port} | {way} | {password} | {mail} |")
    table = "\n".join(rows)
    print(table)
    page = open(os.path.join(ROOT, "docs/policy.md"), encoding="utf-8").read()
    check(table in page, "docs/policy.md has another table")


def rules_change(server):
    server.add("anna")
    server.add("bob")
    anna, bob = (Client(server.ports["imap"]) for _ in range(2))
    idle = Client(server.ports["imaps"], tls=True)
    check(" OK" in anna.login("PLAIN", "anna"), "anna")
    check(" OK" in bob.login("SCRAM-SHA-256", "bob"), "bob")
    check(" OK" in idle.login("PLAIN", "anna"), "anna, idle")
    check(idle.command("IDLE")[-1].startswith("+"), "IDLE")
    server.reload('[[policy]]\nname = "tight"\naccounts = ["anna"]\n'
                  'mechanisms = ["SCRAM-SHA-256"]\n')
    for client in (anna, idle):
        said = client.line()
        check(said.startswith("* BYE [CONTACTADMIN] this account may not log in by PLAIN"), said)
    check(" OK" in bob.command("NOOP")[-1], "bob goes on")
    again = Client(server.ports["imap"])
    check("[CONTACTADMIN]" in again.login("PLAIN", "anna"), "anna by PLAIN")
    check(" OK" in again.login("SCRAM-SHA-256", "anna"), "anna by SCRAM")
    shown = server.admin("config", "explain", "anna", "--from", "192.0.2.1", "--listener", "imaps")
    check('rule "tight", which names the account' in shown, shown)
    check(re.search(r"PLAIN +refused \[CONTACTADMIN\]", shown), shown)
    check(re.search(r"SCRAM-SHA-256 +allowed", shown), shown)
    # A file that is wrong changes nothing.
    server.configure('[[policy]]\nmechanisms = ["NONSENSE"]\n')
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "not reloaded" in open(server.log).read(), 20, "the complaint")
    check(" OK" in again.command("NOOP")[-1], "goes on")
    server.reload("")
    # Rules that lie with the account.
    check(" OK" in again.command("NOOP")[-1], "still there")
    server.admin("account", "policy", "anna", "--set", "mechanisms=PLAIN; allow=no listeners=imap")
    said = again.line()
    check(said.startswith("* BYE [CONTACTADMIN] this account may not log in from here"), said)
    check_equal(server.admin("account", "policy", "anna"),
                "mechanisms=PLAIN; listeners=imap allow=no\n", "account policy")
    plain = Client(server.ports["imap"])
    check("[CONTACTADMIN]" in plain.login("PLAIN", "anna"), "anna on imap")
    private = Client(server.ports["imaps"], tls=True)
    check("[CONTACTADMIN]" in private.login("SCRAM-SHA-256", "anna"), "anna by SCRAM")
    check(" OK" in private.login("PLAIN", "anna"), "anna on imaps")
    server.admin("account", "policy", "anna", "--clear")
    check(" OK" in Client(server.ports["imap"]).login("PLAIN", "anna"), "anna, no rules")


def asked_certificate(server, name):
    context = transcripts.tls_context()
    plain = socket.create_connection(("127.0.0.1", server.ports["imaps"]))
    with context.wrap_socket(plain, server_hostname=name) as tls:
        return ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True))


def certificates(server):
    def pem(name):
        return open(server.names[name] + ".pem").read()

    check_equal(asked_certificate(server, "second.example.org"), pem("second"), "second by name")
    check_equal(asked_certificate(server, "first.example.org"), pem("first"), "first by name")
    check_equal(asked_certificate(server, "other.example.org"), pem("first"), "unknown name")
    check_equal(asked_certificate(server, None), pem("first"), "no name")
    stays = Client(server.ports["imaps"], tls=True)
    server.certificate("second")
    server.reload("")
    check_equal(asked_certificate(server, "second.example.org"), pem("second"), "reloaded")
    check(" OK" in stays.command("NOOP")[-1], "a session from before goes on")


def guesses(server):
    """Many connections from loopback addresses; the owner's network is not slowed."""
    server.add("owner")
    begin = Client(server.ports["imaps"], source="127.77.0.1", tls=True)
    check(" OK" in begin.login("PLAIN", "owner"), "owner")
    answers = []

    def bot(number):
        source = f"127.66.{number % 8}.{number // 8 + 1}"
        for i in range(10):
            try:
                client = Client(server.ports["imap"], source=source)
                answers.append((time.monotonic(), client.login("PLAIN", "owner", f"{number} {i}")))
                client.close()
            except (OSError, Failure) as error:
                answers.append((time.monotonic(), str(error)))

    start = time.monotonic()
    bots = [threading.Thread(target=bot, args=(n,)) for n in range(40)]
    for one in bots:
        one.start()
    slowest = 0
    while any(one.is_alive() for one in bots):
        before = time.monotonic()
        client = Client(server.ports["imaps"], source="127.77.0.9", tls=True)
        check(" OK" in client.login("PLAIN", "owner"), "the owner is locked out")
        slowest = max(slowest, time.monotonic() - before)
        client.close()
    span = time.monotonic() - start
    checked = sum("[AUTHENTICATIONFAILED]" in answer for _, answer in answers)
    limited = sum("[LIMIT]" in answer for _, answer in answers)
    # Three are free, the next wait 50, 100, 200 and then 400 ms, one behind the other.
    check(checked <= 3 + 4 + span / 0.4 + 1, f"{checked} guesses in {span:.1f} s")
    check(limited > 100, f"{limited} refused")
    check_equal(checked + limited, 400, "answers")
    listed = server.admin("abuse", "list")
    check(re.search(r"account +\d+ .*owner@example.org", listed), listed)
    server.admin("abuse", "forget", "owner")
    check("owner@example.org" not in server.admin("abuse", "list"), "forgotten")
    with socket.create_connection(("127.0.0.1", server.ports["http"])) as http:
        http.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        text = b"".join(iter(lambda: http.recv(65536), b"")).decode()
    check(re.search(r'eilpost_logins_total{[^}]*result="auth_failed"[^}]*} [1-9]', text), text)
    check(re.search(r'eilpost_guesses_refused [1-9]', text), text)
    print(f"{checked} of 400 guesses in {span:.1f} s, {limited} refused, "
          f"the owner's slowest login {slowest:.2f} s")


def why(server):
    """An answer's id leads to the reason; the audit log has it, too, and no secret."""
    server.add("carl")
    client = Client(server.ports["imaps"], tls=True)
    said = client.login("PLAIN", "carl", "hunter2")
    found = re.search(r"NO \[AUTHENTICATIONFAILED\] .*\(id ([0-9a-z]+)\)$", said)
    check(found, said)
    shown = server.admin("log", "explain", found.group(1))
    check("refused  carl by PLAIN from 127.0.0.1 on imaps, TLS TLSv1.3" in shown, shown)
    check("wrong password for carl@example.org" in shown, shown)
    check(" OK" in client.login("PLAIN", "carl"), "carl")
    events = [json.loads(x) for x in open(os.path.join(server.data, "audit.log"))]
    own = [e["event"] for e in events if e.get("id") == found.group(1)]
    check_equal(own, ["refused", "login"], "events")
    added = [e for e in events if e["event"] == "admin" and "account add carl" in e["command"]]
    check_equal(len(added), 1, "admin events")
    everything = open(os.path.join(server.data, "audit.log")).read() + open(server.log).read()
    check("hunter2" not in everything and PASSWORD not in everything, "a secret is written down")
    os.rename(os.path.join(server.data, "audit.log"), os.path.join(server.data, "old"))
    server.reload("")
    server.admin("account", "show", "carl")
    check("account show carl" in open(os.path.join(server.data, "audit.log")).read(), "reopened")


def delegates(server):
    """Rules hold for the one who acts and for the one whose mail it is; both are written down."""
    server.add("shared")
    server.add("erik")
    server.admin("grant", "add", "shared", "erik")

    def attempt():
        client = Client(server.ports["imaps"], tls=True)
        return client.login("PLAIN", "erik@example.org/shared")

    check(" OK" in attempt(), "erik as shared")
    for name in ("erik", "shared"):
        server.admin("account", "policy", name, "--set", "mechanisms=SCRAM-SHA-256")
        said = attempt()
        check("[CONTACTADMIN]" in said, f"{name}: {said}")
        server.admin("account", "policy", name, "--clear")
    check(" OK" in attempt(), "erik as shared again")
    events = [json.loads(x) for x in open(os.path.join(server.data, "audit.log"))]
    told = [(e["name"], e["actor"]) for e in events if e["event"] == "delegation"]
    check_equal(told, [("shared@example.org", "erik@example.org")] * 2, "delegations")


def trace(server):
    server.add("dora")
    process = subprocess.Popen(
        [server.binary, "trace", "dora", "--seconds", "3", "--config", server.file],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check("tracing dora@example.org" in process.stderr.readline(), "trace begins")
    client = Client(server.ports["imap"])
    client.login("LOGIN command", "dora", "hunter2")
    client.login("PLAIN", "dora", "hunter3")
    client.login("LOGIN", "dora", "hunter4")
    check(" OK" in client.login("LOGIN command", "dora"), "dora")
    text = f"Subject: x\r\n\r\n{SECRET}\r\n"
    client.command(f"APPEND INBOX {{{len(text)}}}")
    client.send(text)
    client.tagged()
    client.command("SELECT INBOX")
    client.command("FETCH 1 BODY.PEEK[]")
    other = Client(server.ports["imap"])
    other.login("PLAIN", "carl")
    other.command("CREATE hidden")
    shown, _ = process.communicate(timeout=30)
    for wanted in ('C: t1 LOGIN "dora" [secret]', "C: t2 AUTHENTICATE PLAIN [secret]",
                   "S: t1 NO [AUTHENTICATIONFAILED]", "C: t6 SELECT INBOX",
                   f"[literal of {len(text)} octets]"):
        check(wanted in shown, f"{wanted}\n{shown}")
    secrets = ["hunter2", "hunter3", "hunter4", PASSWORD, SECRET, "hidden"]
    secrets += [base64.b64encode(s.encode()).decode() for s in secrets[:4]]
    for secret in secrets:
        check(secret not in shown, f"{secret}\n{shown}")


CASES = (readable, rules_change, certificates, guesses, why, delegates, trace)


def run_one(count, name, case):
    try:
        case()
        count.say("passed", name)
    except (Failure, OSError, AttributeError) as error:
        count.say("failed", name, f": {error}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eilpost", required=True)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    count = Count()
    server = Server(options.eilpost)
    try:
        for case in CASES:
            if not options.names or case.__name__ in options.names:
                run_one(count, case.__name__, lambda: case(server))
        run_one(count, "stop", server.stop)
    finally:
        server.remove()
    return count.end()


if __name__ == "__main__":
    sys.exit(main())
