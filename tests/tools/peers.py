"""The real servers that the tools are run against: Eilpost, and Debian's Dovecot and Cyrus. Each
starts on loopback with data of its own, keeps its ports over a restart, and can be killed.

Accounts are name(1), name(2) ... with the password "pass"; the plain IMAP port is `port`.
"""

import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import harness
import servers
from harness import PASSWORD, Failure, Imap

BUILD = pathlib.Path(__file__).resolve().parents[2] / "build"


class Missing(Exception):
    """This machine does not have the server."""


class Ports:
    """Ports that nobody else takes while this lives: they are bound, and may be bound again by a
    server, which asks for SO_REUSEADDR, but by no other test that looks for free ones."""

    def __init__(self, *offsets):
        for _ in range(1000):
            self.base = 12000 + random.SystemRandom().randrange(19000)
            self.sockets = []
            try:
                for offset in offsets:
                    one = socket.socket()
                    self.sockets.append(one)
                    one.bind(("127.0.0.1", self.base + offset))
                for one in self.sockets:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                return
            except OSError:
                self.release()
        raise Failure("no free ports")

    def release(self):
        for one in self.sockets:
            one.close()


class Eilpost:
    kind = "Eilpost"

    def __init__(self, options, accounts):
        self.server = harness.Server(options.eilpost, "rocksdb", accounts)
        self.ports = Ports(*harness.PORTS.values())
        self.server.base_port = self.ports.base
        self.port = self.server.port("imap")

    def start(self):
        self.server.start()
        return self

    def kill(self):
        self.server.kill()

    def stop(self):
        self.server.remove()
        self.ports.release()

    @staticmethod
    def name(number):
        return harness.user(number)

    @staticmethod
    def shows(octets):
        """What the server gives back when this was appended; None: it refuses that."""
        return octets


class Dovecot:
    kind = "Dovecot"

    def __init__(self, options, accounts):
        if not shutil.which("dovecot", path=os.environ["PATH"] + ":/usr/sbin"):
            raise Missing("there is no dovecot (Debian: dovecot-imapd dovecot-lmtpd)")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="eilpost-dovecot-"))
        self.directory.chmod(0o755)  # Dovecot's processes are other users
        certificate = servers.make_certificate(self.directory / "tls")
        self.server = servers.Dovecot(self.directory / "mail", accounts, certificate,
                                      storage="sdbox")
        self.server.spare_processes = 1
        self.ports = Ports(*harness.PORTS.values())
        self.server.base = self.ports.base
        self.port = self.server.base + 143

    def start(self):
        self.server.start()
        return self

    def kill(self):
        pids = servers.descendants(self.server.process.pid)
        self.server.process.kill()
        self.server.process.wait()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.server.process = None

    def stop(self):
        self.server.remove()
        self.ports.release()
        shutil.rmtree(self.directory, ignore_errors=True)

    @staticmethod
    def name(number):
        return harness.user(number)

    @staticmethod
    def shows(octets):
        """Line ends become CRLF when they are sent, and NUL, which IMAP forbids there, 0x80."""
        return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").replace(b"\0", b"\x80")


CYRUS_IMAPD = """\
configdirectory: {home}/config
partition-default: {home}/spool
defaultpartition: default
temp_path: {home}/tmp
admins: cyrus
cyrus_user: {user}
sasl_pwcheck_method: saslauthd
sasl_saslauthd_path: {home}/login
sasl_mech_list: PLAIN
allowplaintext: yes
unixhierarchysep: yes
altnamespace: yes
virtdomains: off
autocreate_quota: 0
munge8bit: no
expunge_mode: immediate
delete_mode: immediate
imapidlepoll: 1
popminpoll: 0
"""

CYRUS_MASTER = """\
START {{
  recover cmd="{binaries}/ctl_cyrusdb -C {home}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{binaries}/imapd -C {home}/imapd.conf" listen="127.0.0.1:{port}" prefork=1 maxchild=100
}}
EVENTS {{
  checkpoint cmd="{binaries}/ctl_cyrusdb -C {home}/imapd.conf -c" period=30
}}
"""


class Cyrus:
    """Debian's cyrus-imapd, installed or only unpacked (./dev does that: the package would drive
    out other IMAP servers)."""

    kind = "Cyrus"

    def __init__(self, options, accounts):
        self.binaries, self.libraries = self.find()
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="eilpost-cyrus-"))
        self.ports = Ports(0)
        self.port = self.ports.base
        self.process = None
        me = pwd.getpwuid(os.geteuid())
        self.user = pwd.getpwnam("nobody") if me.pw_uid == 0 else me
        for name in ("config", "spool", "tmp"):
            (self.home / name).mkdir()
        self.write("imapd.conf", CYRUS_IMAPD.format(home=self.home, user=self.user.pw_name))
        self.write("cyrus.conf", CYRUS_MASTER.format(binaries=self.binaries, home=self.home,
                                                         port=self.port))
        self.logins = Logins(self.home / "login")
        if me.pw_uid == 0:
            for path in [self.home, *self.home.rglob("*")]:
                os.chown(path, self.user.pw_uid, self.user.pw_gid)

    @staticmethod
    def find():
        unpacked = BUILD / "tools" / "cyrus"
        for root in (unpacked, pathlib.Path("/")):
            binaries = root / "usr/lib/cyrus/bin"
            if (binaries / "imapd").exists():
                return binaries, next((root / "usr/lib").glob("*-linux-gnu"))
        raise Missing("there is no Cyrus (Debian: cyrus-imapd)")

    def write(self, name, text):
        (self.home / name).write_text(text)

    def start(self):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "CYRUS_USER": self.user.pw_name,
                       "LD_LIBRARY_PATH": str(self.libraries)}
        with open(self.home / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(self.binaries / "master"), "-C", str(self.home / "imapd.conf"), "-M",
                 str(self.home / "cyrus.conf"), "-p", str(self.home / "pid"), "-D"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                start_new_session=True)
        deadline = time.monotonic() + 30
        while True:
            try:
                Imap(self.port, timeout=5).close()
                return self
            except Failure:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = (self.home / "log").read_text(errors="replace")[-2000:]
                self.stop()
                raise Failure(f"Cyrus did not start:\n{said}")
            time.sleep(0.05)

    def kill(self):
        pids = servers.descendants(self.process.pid)
        self.process.kill()
        self.process.wait()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def stop(self):
        if self.process and self.process.poll() is None:
            self.kill()
        self.logins.stop()
        self.ports.release()
        shutil.rmtree(self.home, ignore_errors=True)

    @staticmethod
    def name(number):
        return f"user{number}"

    @staticmethod
    def shows(octets):
        """It refuses NUL and a lone LF or CR ("Message contains bare newlines")."""
        bare = octets.replace(b"\r\n", b"")
        return None if b"\0" in bare or b"\n" in bare or b"\r" in bare else octets


class Logins:
    """What libsasl asks for saslauthd's verdict: four counted strings (name, password, service,
    realm), answered by one."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        os.chmod(path, 0o777)
        self.listener.listen(64)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as file:
                words = []
                for _ in range(4):
                    count = file.read(2)
                    if len(count) < 2:
                        break
                    words.append(file.read(struct.unpack("!H", count)[0]))
                good = len(words) == 4 and words[1] == PASSWORD.encode()
                verdict = b"OK" if good else b"NO"
                try:
                    connection.sendall(struct.pack("!H", len(verdict)) + verdict)
                except OSError:
                    pass

    def stop(self):
        self.listener.close()


KINDS = {"eilpost": Eilpost, "dovecot": Dovecot, "cyrus": Cyrus}
