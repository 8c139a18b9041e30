"""Logins per second of the server's CPU, over TLS without resumption: by SCRAM-SHA-256, and by
PLAIN with a password that was right before. Both servers have the same certificate, the same cost
of hashes and as many iterations of SCRAM; every account logs in before it is measured. Several
clients come at once, as in the morning.
"""
import base64
import hashlib
import hmac
import multiprocessing
import os
import pathlib
import re
import secrets
import shutil
import socket
import ssl
import subprocess

import servers
from figures import at_least, median, ratio_of

ACCOUNTS = 8
CLIENTS = 8
LOGINS = 40  # of each
ITERATIONS = 4096  # what Dovecot's doveadm makes
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(root):
    """Of the process and what descends from it, those included that have ended."""
    total = 0
    for pid in servers.descendants(root) | {root}:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15]))
    return total / TICKS


def doveadm_hash(scheme):
    done = subprocess.run(["doveadm", "pw", "-s", scheme, "-p", "pass"], check=True,
                          capture_output=True, text=True)
    return done.stdout.strip()


class Serving(servers.Eilpost):
    """`eilpost serve` with hashes of the cost that Dovecot's have."""

    def __init__(self, directory, binary, certificate, cost):
        super().__init__(directory, ACCOUNTS, binary, certificate)
        self.certificate = certificate
        self.cost = cost

    def configure(self):
        memory, passes = self.cost
        listeners = "".join(
            f'[[listener]]\nprotocol = "{name}"\naddress = "127.0.0.1"\nport = {self.base + port}\n'
            for name, port in (("imap", 143), ("imaps", 993), ("lmtp", 24)))
        config = self.directory / "eilpost.toml"
        config.write_text(
            f'data_dir = "{self.directory}/data"\n{listeners}'
            f'[[tls.certificate]]\nchain = "{self.certificate[0]}"\nkey = "{self.certificate[1]}"\n'
            f"[tls]\ntls13_ciphersuites = \"{servers.CIPHERSUITE}\"\n[limits]\n"
            "connections_per_address = 100000\n[accounts]\n"
            f"argon2_memory_kib = {memory}\nargon2_iterations = {passes}\n"
            f"scram_iterations = {ITERATIONS}\n")
        return config

    def command(self):
        config = self.configure()
        for number in range(ACCOUNTS):
            subprocess.run([self.binary, "account", "add", f"user{number + 1}@example.org",
                            "--config", config], input="pass\n", text=True, check=True,
                           capture_output=True)
        return [str(self.binary), "serve", "--config", str(config)]


class Verifying(servers.Dovecot):
    """Dovecot with stored hashes in place of one password in the clear."""

    def __init__(self, directory, certificate, hashes):
        super().__init__(directory, ACCOUNTS, certificate)
        self.hashes = hashes

    def command(self):
        command = super().command()
        config = pathlib.Path(command[-1])
        text = config.read_text().replace("auth_mechanisms = plain login",
                                          "auth_mechanisms = plain scram-sha-256")
        passdbs = ""
        for mechanism, scheme in (("plain", "ARGON2ID"), ("scram-sha-256", "SCRAM-SHA-256")):
            users = self.state / f"users-{mechanism}"
            users.write_text("".join(f"user{number + 1}@example.org:{self.hashes[scheme]}\n"
                                     for number in range(ACCOUNTS)))
            users.chmod(0o644)
            passdbs += (f"passdb {{\n  driver = passwd-file\n  mechanisms = {mechanism}\n"
                        f"  args = {users}\n}}\n")
        text = re.sub(r"passdb \{\n  driver = static\n  args = password=pass\n\}\n",
                      passdbs.replace("\\", r"\\"), text)
        self.state.chmod(0o755)
        config.write_text(text)
        return command


class Client:
    """Keys of SCRAM are computed once: the client is not what is measured."""

    def __init__(self, server):
        self.port = server.base + 993
        self.keys = {}

    def login(self, number, mechanism):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        with context.wrap_socket(raw) as stream:
            lines = stream.makefile("rwb", buffering=0)
            lines.readline()
            user = f"user{number % ACCOUNTS + 1}@example.org"
            getattr(self, mechanism)(lines, user)
            lines.write(b"b LOGOUT\r\n")
            while lines.readline():
                pass

    def plain(self, lines, user):
        octets = base64.b64encode(f"\0{user}\0pass".encode())
        lines.write(b"a AUTHENTICATE PLAIN " + octets + b"\r\n")
        self.finish(lines)

    def finish(self, lines):
        while True:
            line = lines.readline()
            if line.startswith(b"+"):
                lines.write(b"\r\n")
            elif line.startswith(b"a "):
                if not line.startswith(b"a OK"):
                    raise SystemExit(f"bench: no login: {line!r}")
                return

    def scram(self, lines, user):
        first = f"n={user},r={secrets.token_hex(12)}"
        lines.write(b"a AUTHENTICATE SCRAM-SHA-256 " + base64.b64encode(b"n,," + first.encode())
                    + b"\r\n")
        line = lines.readline()
        if not line.startswith(b"+"):
            raise SystemExit(f"bench: no login: {line!r}")
        challenge = base64.b64decode(line[2:]).decode()
        fields = dict(part.split("=", 1) for part in challenge.split(","))
        key = self.client_key(fields["s"], int(fields["i"]))
        bare = f"c=biws,r={fields['r']}"
        stored = hashlib.sha256(key).digest()
        signature = hmac.digest(stored, f"{first},{challenge},{bare}".encode(), "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature))
        final = f"{bare},p={base64.b64encode(proof).decode()}"
        lines.write(base64.b64encode(final.encode()) + b"\r\n")
        self.finish(lines)

    def client_key(self, salt, iterations):
        if (salt, iterations) not in self.keys:
            salted = hashlib.pbkdf2_hmac("sha256", b"pass", base64.b64decode(salt), iterations)
            self.keys[salt, iterations] = hmac.digest(salted, b"Client Key", "sha256")
        return self.keys[salt, iterations]


def log_in(server, mechanism, count):
    client = Client(server)
    for number in range(count):
        client.login(number, mechanism)


def measure(server, mechanism):
    log_in(server, mechanism, ACCOUNTS * 2)
    before = cpu_seconds(server.process.pid)
    clients = [multiprocessing.Process(target=log_in, args=(server, mechanism, LOGINS))
               for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
        if client.exitcode != 0:
            raise SystemExit("bench: a client could not log in")
    return CLIENTS * LOGINS / max(cpu_seconds(server.process.pid) - before, 1 / TICKS)


def logins(bench):
    """Logins per CPU second, by mechanism."""
    if not shutil.which("doveadm"):
        raise SystemExit("bench: there is no doveadm; ./dev bench installs it")
    hashes = {scheme: doveadm_hash(scheme) for scheme in ("ARGON2ID", "SCRAM-SHA-256")}
    cost = tuple(map(int, re.search(r"m=(\d+),t=(\d+)", hashes["ARGON2ID"]).groups()))
    pair = [Serving(bench.directory / "logins-eilpost", bench.options.eilpost, bench.certificate,
                    cost),
            Verifying(bench.directory / "logins-dovecot", bench.certificate, hashes)]
    for server in pair:
        bench.running.append(server)
        server.start()
    for mechanism, shown in (("scram", "SCRAM-SHA-256"), ("plain", "PLAIN, cached")):
        seen = {server.name: [] for server in pair}
        for _ in range(bench.rounds):
            for server in pair:
                seen[server.name].append(measure(server, mechanism))
        ours, theirs = median(seen["Eilpost"]), median(seen["Dovecot"])
        ratio = ratio_of(ours, theirs)
        bench.row(f"logins over TLS per CPU second, {shown}", ours, theirs, ">= 4x",
                  at_least(ratio, 4.0), "/s", ratio)
    for server in pair:
        bench.end(server)
