"""What the directory tests share: processes of their own, certificates, a served configuration,
logins from a loopback address of their own each (so that wrong passwords delay nobody else).

Not a test by itself. The directories are classes in slapd.py and samba.py; each starts
its daemons from Debian's packages in a directory of its own and ends them by their ids.
"""

import imaplib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from harness import Failure, check, free_ports, quoted, wait_for  # noqa: E402,F401


class Missing(Exception):
    """A program or a right that this machine does not have: skipped with a word."""


def need(*programs):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [program for program in programs if not shutil.which(program, path=path)]
    if missing:
        raise Missing(f"there is no {' and no '.join(missing)}")
    os.environ["PATH"] = path


def run(*command, stdin=None, env=None):
    """Its output; a failure with what it said when it fails."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, env={**os.environ, **(env or {})}
    )
    if done.returncode != 0:
        raise Failure(f"{' '.join(command[:3])} ...: {done.stdout}{done.stderr}")
    return done.stdout


class Daemon:
    """A process in a group of its own, ended by the group's id."""

    def __init__(self, command, log, env=None):
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True, env={**os.environ, **(env or {})},
            )

    def wait_for_ports(self, *addresses, seconds=60):
        def open_all():
            if self.process.poll() is not None:
                raise Failure(f"{self.process.args[0]} ended:\n{self.tail()}")
            for address in addresses:
                try:
                    socket.create_connection(address, 1).close()
                except OSError:
                    return False
            return True

        wait_for(open_all, seconds, f"{self.process.args[0]} listens")

    def tail(self):
        with open(self.log, errors="replace") as log:
            return "".join(log.readlines()[-30:])

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is not None:
            return
        os.killpg(self.process.pid, how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Certificates:
    """An authority of the test's own and what it has signed, as PEM files in a directory."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self.ca = self.path("ca.pem")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "30", "-subj", "/CN=Eilpost Test CA", "-keyout",
            self.path("ca.key"), "-out", self.ca)

    def path(self, name):
        return os.path.join(self.directory, name)

    def make(self, name, subject_alt_name):
        """(certificate, key) of that name."""
        key, request, made = (self.path(name + end) for end in (".key", ".csr", ".pem"))
        extensions = self.path(name + ".ext")
        with open(extensions, "w") as out:
            out.write("subjectAltName=" + subject_alt_name)
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=" + name, "-keyout", key, "-out", request)
        run("openssl", "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey",
            self.path("ca.key"), "-CAcreateserial", "-days", "30", "-out", made, "-extfile",
            extensions)
        os.chmod(key, 0o600)
        return made, key


class Served:
    """`eilpost serve` with a configuration of the test's own, on loopback."""

    def __init__(self, binary, directory, config):
        self.binary = os.path.abspath(binary)
        self.directory = directory
        self.data = os.path.join(directory, "data")
        os.makedirs(self.data, exist_ok=True)
        base = free_ports([143, 24])
        self.imap_port, self.lmtp_port = base + 143, base + 24
        self.config = os.path.join(directory, "eilpost.toml")
        with open(self.config, "w") as out:
            out.write(f'data_dir = "{self.data}"\nmemory_mb = 64\n{config}\n')
            out.write('[[listener]]\nprotocol = "imap"\naddress = "127.0.0.1"\n'
                      f"port = {self.imap_port}\nplaintext_login = true\n")
            out.write('[[listener]]\nprotocol = "lmtp"\naddress = "127.0.0.1"\n'
                      f"port = {self.lmtp_port}\n")
        self.daemon = None

    def start(self):
        self.daemon = Daemon([self.binary, "serve", "--config", self.config],
                             os.path.join(self.directory, "server.log"))
        self.daemon.wait_for_ports(("127.0.0.1", self.imap_port), ("127.0.0.1", self.lmtp_port))

    def stop(self):
        if self.daemon:
            self.daemon.stop()

    def command(self, *words, stdin=None, fails=False):
        """What an admin command prints."""
        done = subprocess.run(
            [self.binary, *words, "--config", self.config], input=stdin, capture_output=True,
            text=True,
        )
        check((done.returncode != 0) == fails, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def tail(self):
        return self.daemon.tail()

    def log(self):
        with open(self.daemon.log, errors="replace") as log:
            return log.read()


_sources = itertools.count(1)


def fresh_source():
    number = next(_sources)
    return f"127.{1 + number // 65025}.{number // 255 % 255}.{1 + number % 254}"


class Client(imaplib.IMAP4):
    """From a loopback address that nobody has guessed from."""

    def __init__(self, port):
        self._source = fresh_source()
        super().__init__("127.0.0.1", port)

    def _create_socket(self, timeout=None):
        return socket.create_connection(("127.0.0.1", self.port), 30,
                                        source_address=(self._source, 0))


class Refused(Exception):
    """The server's answer to a login, as (response code, text)."""


def login(served, name, password, authzid=None):
    """A client that is in, by LOGIN, or by AUTHENTICATE PLAIN when there is an authzid."""
    client = Client(served.imap_port)
    try:
        if authzid is None:
            client.login(quoted(name), password)
        else:
            client.authenticate("PLAIN", lambda _: f"{authzid}\0{name}\0{password}".encode())
    except imaplib.IMAP4.error as error:
        client.shutdown()
        raise Refused(str(error)) from None
    return client


def whose(client):
    """The login name of the account whose mail is open."""
    _, data = client.getquotaroot("INBOX")
    root = data[0][0].decode().split(" ", 1)[1].strip('"')
    return root.split("/", 1)[-1]


def temporary():
    return tempfile.mkdtemp(prefix="eilpost-directories-")


def remove(directory):
    shutil.rmtree(directory, ignore_errors=True)


def pause(seconds):
    time.sleep(seconds)
