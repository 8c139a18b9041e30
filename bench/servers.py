"""The servers on trial: each starts on loopback with data of its own, and ends by its pid.

Both get the same certificate, accounts user1@example.org to userN@example.org with the password
"pass", and no limit that a load would meet. Dovecot is set as its manual says for speed with every
message on the disk before it is acknowledged.
"""
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time

CIPHERSUITE = "TLS_AES_128_GCM_SHA256"


def make_certificate(directory):
    """certificate.pem and key.pem (EC P-256), like those the servers' operators have."""
    directory.mkdir(parents=True, exist_ok=True)
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "30",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return certificate, key


def free_base_port():
    """A port from which the offsets 24, 80, 143 and 993 are free."""
    for base in range(21000, 30000, 1100):
        try:
            for offset in (24, 80, 143, 993):
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", base + offset))
            return base
        except OSError:
            continue
    raise SystemExit("bench: no free ports")


class Server:
    """What both have: a process, a data directory and ports."""

    name = ""

    def __init__(self, directory, accounts):
        self.directory = directory
        self.accounts = accounts
        self.process = None
        self.base = 0
        self.log = directory.parent / f"{directory.name}.log"
        directory.mkdir(parents=True, exist_ok=True)

    def command(self):
        raise NotImplementedError

    def start(self):
        self.base = self.base or free_base_port()
        command = self.command()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        deadline = time.monotonic() + 600
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace")[-2000:]
                self.stop()
                raise SystemExit(f"bench: {self.name} did not start:\n{tail}")
            time.sleep(0.05)

    def answers(self):
        try:
            for offset in (24, 143):
                with socket.create_connection(("127.0.0.1", self.base + offset), 1) as probe:
                    if not probe.recv(1):
                        return False
            return True
        except OSError:
            return False

    def stop(self):
        """Ends the process and what descends from it, each by its pid."""
        if self.process is None:
            return
        pids = descendants(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process = None

    def evict(self):
        """Drops this server's files from the page cache, and no one else's."""
        os.sync()
        for path in self.directory.rglob("*"):
            if not path.is_file():
                continue
            fd = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(fd)

    def remove(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def target(self):
        return ["--imap", str(self.base + 143), "--imaps", str(self.base + 993), "--lmtp",
                str(self.base + 24), "--accounts", str(self.accounts), "--pid",
                str(self.process.pid), "--disk", str(self.directory)]


def descendants(root):
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        parents[int(entry.name)] = int(fields[1])
    found, grew = {root}, True
    while grew:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grew = bool(more)
    return found - {root}


class Eilpost(Server):
    name = "Eilpost"

    def __init__(self, directory, accounts, binary, certificate, config=""):
        super().__init__(directory, accounts)
        self.binary = binary
        (directory / "bench.toml").write_text(config)
        for source, name in zip(certificate, ("certificate.pem", "key.pem")):
            shutil.copy(source, directory / name)

    def command(self):
        return [str(self.binary), "demo", "--data", str(self.directory), "--base-port",
                str(self.base), "--accounts", str(self.accounts), "--empty", "--config",
                str(self.directory / "bench.toml")]


DOVECOT_CONFIG = """\
base_dir = {state}/run
state_dir = {state}/state
log_path = {state}/dovecot.log
info_log_path = /dev/null
protocols = imap lmtp
listen = 127.0.0.1
first_valid_uid = 1
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
ssl_cipher_suites = {suite}
ssl_prefer_server_ciphers = yes
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_cache_size = 10M
passdb {{
  driver = static
  args = password=pass
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={home}/%n allow_all_users=yes
}}
mail_location = {location}
mail_fsync = {fsync}
mail_max_userip_connections = 100000
maildir_very_dirty_syncs = yes
mdbox_rotate_size = 16M
default_vsz_limit = 0
default_process_limit = 30000
default_client_limit = 60000
postmaster_address = postmaster@example.org
hostname = localhost
{hibernate}
service anvil {{
  client_limit = 60000
}}
service auth {{
  client_limit = 60000
  unix_listener auth-userdb {{
    mode = 0666
  }}
}}
# "High-performance mode": login processes that serve many connections each.
service imap-login {{
  service_count = 0
  process_min_avail = {cores}
  process_limit = {cores}
  client_limit = 30000
  {chroot}
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 30000
  service_count = {imap_service_count}
  process_min_avail = {spare}
  unix_listener imap-master {{
    user = {internal}
  }}
}}
service imap-hibernate {{
  unix_listener imap-hibernate {{
    mode = 0666
  }}
}}
service lmtp {{
  process_limit = 256
  process_min_avail = {spare}
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
"""

DOVECOT_FTS = """\
mail_plugins = fts fts_xapian
plugin {
  fts = xapian
  fts_xapian = partial=3 full=20
  fts_autoindex = yes
  fts_enforced = yes
}
service indexer-worker {
  vsz_limit = 2G
}
"""


class Dovecot(Server):
    name = "Dovecot"

    def __init__(self, directory, accounts, certificate, storage="sdbox", hibernate=False,
                 fts=False):
        super().__init__(directory, accounts)
        self.certificate = certificate
        self.storage = storage
        self.hibernate = hibernate
        self.fts = fts
        self.filling = False  # what is only prepared need not be durable
        self.spare_processes = 16
        self.more_config = ""
        self.state = directory.parent / f"{directory.name}-state"
        self.state.mkdir(exist_ok=True)

    def users(self):
        """Privileged processes need users to become; started by a user, all are that user."""
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            return {"internal": "dovecot", "internal_group": "dovecot", "login": "dovenull",
                    "user": nobody.pw_uid, "group": nobody.pw_gid, "chroot": ""}
        me = pwd.getpwuid(os.geteuid())
        return {"internal": me.pw_name, "internal_group": me.pw_gid, "login": me.pw_name,
                "user": me.pw_uid, "group": me.pw_gid, "chroot": "chroot ="}

    def command(self):
        users = self.users()
        location = {"sdbox": "sdbox:~/sdbox", "mdbox": "mdbox:~/mdbox",
                    "maildir": "maildir:~/Maildir"}[self.storage]
        text = DOVECOT_CONFIG.format(
            state=self.state, home=self.directory, location=location,
            certificate=self.certificate[0], key=self.certificate[1], suite=CIPHERSUITE,
            # A process that may serve again would stay when its session hibernates.
            imap_service_count=1 if self.hibernate else 100,
            fsync="never" if self.filling else "always",
            cores=os.cpu_count(), spare=self.spare_processes, imap=self.base + 143,
            imaps=self.base + 993, lmtp=self.base + 24,
            hibernate="imap_hibernate_timeout = 2s" if self.hibernate else "",
            **users)
        if self.fts:
            text += DOVECOT_FTS
        text += self.more_config
        if os.geteuid() == 0:
            os.chown(self.directory, users["user"], users["group"])
        config = self.state / "dovecot.conf"
        config.write_text(text)
        binary = shutil.which("dovecot", path=os.environ["PATH"] + ":/usr/sbin")
        if binary is None:
            raise SystemExit("bench: there is no dovecot; ./dev bench installs it")
        return [binary, "-F", "-c", str(config)]

    def remove(self):
        super().remove()
        shutil.rmtree(self.state, ignore_errors=True)
