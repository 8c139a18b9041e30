"""eilpost migrate and eilpost sync beside mbsync: the same servers, the same mail, in turn, each
made durable as it does by itself (mbsync: FSync yes, its default). Seconds and peak memory of the
tool's process; what has arrived is counted on the other side.
"""
import os
import random
import shutil
import socket
import subprocess
import sys
import time

from figures import at_least, at_most, median, ratio_of

MIGRATED = 20_000
SYNCED = 100_000

MBSYNC_ACCOUNT = """
IMAPAccount {name}
Host 127.0.0.1
Port {port}
User {user}
Pass pass
SSLType None
AuthMechs PLAIN

IMAPStore {name}
Account {name}
"""

MBSYNC_CHANNEL = """
Channel all
Far :far:
Near :near:
Patterns {patterns}
Create Near
Sync Pull
SyncState {home}/state/
CopyArrivalDate yes
"""

MBSYNC_MAILDIR = """
MaildirStore near
Path {home}/mail/
Inbox {home}/mail/INBOX
SubFolders Verbatim
"""


def user(number):
    return f"user{number}@example.org"


class Client:
    """As little of an IMAP client as filling and counting need."""

    def __init__(self, server, number):
        self.socket = socket.create_connection(("127.0.0.1", server.base + 143))
        self.file = self.socket.makefile("rb")
        self.file.readline()
        self.say(f"LOGIN {user(number)} pass".encode())

    def say(self, octets):
        self.socket.sendall(b"a " + octets + b"\r\n")
        lines = []
        while True:
            line = self.file.readline()
            if line.startswith(b"a "):
                if not line.startswith(b"a OK"):
                    raise SystemExit(f"bench: {octets[:60]!r}: {line!r}")
                return lines
            if not line:
                raise SystemExit("bench: the server closed the connection")
            lines.append(line)

    def append(self, mailbox, messages):
        parts = [b"{%d+}\r\n%s" % (len(message), message) for message in messages]
        self.say(b"APPEND " + mailbox.encode() + b" " + b" ".join(parts))

    def count(self, mailbox):
        line = self.say(b"STATUS " + mailbox.encode() + b" (MESSAGES)")[0]
        return int(line.rsplit(b"MESSAGES ", 1)[1].rstrip(b")\r\n"))

    def close(self):
        self.socket.close()


def message(chance, number, size):
    head = (f"From: Ada <ada@example.net>\r\nTo: user@example.org\r\nSubject: message {number}\r\n"
            f"Date: Mon, 7 Feb 2022 21:52:25 -0800\r\nMessage-ID: <{number}@example.net>\r\n\r\n")
    line = b"".join(b"%08x" % chance.randrange(1 << 32) for _ in range(9)) + b"\r\n"
    return head.encode() + line * max(size // len(line), 1)


def mixed_size(chance):
    """Mean about 16 KB: many small ones, a few with attachments."""
    kind = chance.random()
    low, high = (1, 8) if kind < 0.7 else (8, 32) if kind < 0.95 else (32, 256)
    return chance.randrange(low * 1024, high * 1024)


def fill(server, number, mailbox, count, size):
    """By MULTIAPPEND, not yet durable; then the server begins again as it is to be measured."""
    chance = random.Random(count)
    client = Client(server, number)
    if mailbox != "INBOX":
        client.say(b"CREATE " + mailbox.encode())
    for start in range(0, count, 200):
        client.append(mailbox, [message(chance, n, size(chance))
                                for n in range(start, min(start + 200, count))])
    client.close()
    server.stop()
    server.filling = False
    server.start()


class Runs:
    """The runs of one tool: seconds and peak memory."""

    def __init__(self, bench, name):
        self.bench, self.name = bench, name
        self.seconds, self.again, self.mib = [], [], []

    def run(self, into, command):
        shown = " ".join(part.replace(str(self.bench.directory), "DIR") for part in command)
        shown = shown.replace(str(self.bench.options.eilpost), "eilpost")
        if not self.mib:
            self.bench.commands.append(shown)
        print(f"  {self.name}: {shown[:150]}", file=sys.stderr, flush=True)
        with open(self.bench.directory / "tool.log", "wb") as log:
            begin = time.monotonic()
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env={**os.environ, "SECRET": "pass"})
            peak = peak_mib(process)
            seconds = time.monotonic() - begin
        if process.returncode == 0:
            into.append(seconds)
            self.mib.append(peak)
            return
        said = (self.bench.directory / "tool.log").read_text(errors="replace")[-500:]
        self.bench.errors.append(f"{shown[:100]}: status {process.returncode}: {said}")


def peak_mib(process):
    """Waits for its end. The kernel's count for a child begins with what its parent had, so the
    largest that was seen of the process itself is taken."""
    peak = None
    while True:
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                for line in file:
                    if line.startswith("VmHWM:"):
                        peak = int(line.split()[1]) / 1024
        except OSError:
            pass
        try:
            process.wait(0.02)
            return peak
        except subprocess.TimeoutExpired:
            pass


def account(prefix, server, number):
    return [f"--{prefix}server", f"imap+plain://127.0.0.1:{server.base + 143}",
            f"--{prefix}user", user(number), f"--{prefix}password", "env:SECRET"]


def mbsync(bench, home, far, near, patterns="INBOX"):
    """Its command; `far` and `near` as (server, account number), near None for a Maildir."""
    home.mkdir()
    (home / "state").mkdir()
    (home / "mail").mkdir()
    text = MBSYNC_ACCOUNT.format(name="far", port=far[0].base + 143, user=user(far[1]))
    if near:
        text += MBSYNC_ACCOUNT.format(name="near", port=near[0].base + 143, user=user(near[1]))
    else:
        text += MBSYNC_MAILDIR.format(home=home)
    text += MBSYNC_CHANNEL.format(home=home, patterns=patterns)
    (home / "mbsyncrc").write_text(text)
    return ["mbsync", "-q", "-c", str(home / "mbsyncrc"), "-a"]


def expect(bench, what, got, wanted):
    if got != wanted:
        bench.errors.append(f"{what}: {got} of {wanted} messages arrived")


def most(values):
    return max((value for value in values if value is not None), default=None)


def pair_rows(bench, title, ours, theirs, factor, unit_count):
    """Messages per second, memory; `factor`: how many times faster it has to be."""
    mine, other = median(ours.seconds), median(theirs.seconds)
    ratio = ratio_of(other, mine)
    pace = [unit_count / seconds if seconds else None for seconds in (mine, other)]
    bench.row(title, *pace, f">= {factor:g}x", at_least(ratio, factor), "/s", ratio, "mbsync")
    mine, other = most(ours.mib), most(theirs.mib)
    bench.row("  peak memory", mine, other, "<= 200 MiB", at_most(mine, 200), "MiB",
              ratio_of(other, mine), "mbsync")


def migrate(bench):
    count = min(MIGRATED, bench.messages)
    source = bench.start("dovecot", "migrate-source", 1, filling=True)
    fill(source, 1, "INBOX", count, mixed_size)
    target = bench.start("dovecot", "migrate-target", 2 * bench.rounds)
    ours, theirs = Runs(bench, "eilpost"), Runs(bench, "mbsync")
    for number in range(1, 2 * bench.rounds, 2):
        home = bench.directory / f"migrate{number}"
        home.mkdir()
        command = [str(bench.options.eilpost), "migrate", *account("from-", source, 1),
                   *account("to-", target, number), "--ledger", str(home / "ledger"), "--quiet"]
        other = mbsync(bench, home / "mbsync", (source, 1), (target, number + 1))
        for runs, line, to in ((ours, command, number), (theirs, other, number + 1)):
            runs.run(runs.seconds, line)
            client = Client(target, to)
            expect(bench, line[0], client.count("INBOX"), count)
            runs.run(runs.again, line)
            expect(bench, f"{line[0]} again", client.count("INBOX"), count)
            client.close()
    pair_rows(bench, f"migrate {count:,} messages, Dovecot to Dovecot", ours, theirs, 1.5, count)
    again = median(ours.again)
    bench.row("  the second run", again, median(theirs.again), "< 2 s", at_most(again, 2), "s",
              ratio_of(median(theirs.again), again), "mbsync")
    bench.end(source)
    bench.end(target)


def in_maildir(folder):
    return sum(len(os.listdir(folder / sub)) for sub in ("cur", "new") if (folder / sub).is_dir())


def initial_sync(bench):
    count = min(SYNCED, bench.messages)
    server = bench.start("dovecot", "sync-server", 1, filling=True)
    fill(server, 1, "INBOX", count, lambda chance: chance.randrange(500, 3000))
    ours, theirs = Runs(bench, "eilpost sync"), Runs(bench, "mbsync to Maildir")
    for number in range(bench.rounds):
        home = bench.directory / f"sync{number}"
        home.mkdir()
        command = [str(bench.options.eilpost), "sync", *account("", server, 1), "--mailbox",
                   "INBOX", "--maildir", str(home / "mail"), "--state", str(home / "state"),
                   "--quiet"]
        other = mbsync(bench, home / "mbsync", (server, 1), None)
        for runs, line, folder in ((ours, command, home / "mail"),
                                   (theirs, other, home / "mbsync" / "mail" / "INBOX")):
            runs.run(runs.seconds, line)
            # Not removed before the end: ext4 passes over inodes that were just deleted, one by
            # one, so that whoever comes next would pay for it.
            expect(bench, line[0], in_maildir(folder), count)
    pair_rows(bench, f"first sync of {count:,} small messages", ours, theirs, 2, count)
    bench.end(server)


def nothing_to_do(bench):
    """Against Eilpost, which has QRESYNC. The first runs are not measured."""
    count = bench.messages
    server = bench.start("eilpost", "sync-nothing", 1)
    bench.run(server, "fill", "--mailbox", "Big", "--messages", count)
    ours, theirs = Runs(bench, "eilpost sync"), Runs(bench, "mbsync to Maildir")
    home = bench.directory / "nothing"
    home.mkdir()
    command = [str(bench.options.eilpost), "sync", *account("", server, 1), "--mailbox", "Big",
               "--maildir", str(home / "mail"), "--state", str(home / "state"), "--quiet"]
    other = mbsync(bench, home / "mbsync", (server, 1), None, "Big")
    for runs, line in ((ours, command), (theirs, other)):
        runs.run(runs.seconds, line)
    first = most(ours.mib)
    expect(bench, "eilpost sync", in_maildir(home / "mail" / ".Big"), count)
    ours.mib, theirs.mib = [], []
    for _ in range(bench.rounds):
        for runs, line in ((ours, command), (theirs, other)):
            runs.run(runs.again, line)
    mine, others = median(ours.again), median(theirs.again)
    bench.row(f"sync of {count:,} messages, nothing to do", mine, others, "< 1 s",
              at_most(mine, 1), "s", ratio_of(others, mine), "mbsync")
    mine, others = most(ours.mib), most(theirs.mib)
    bench.row("  peak memory", mine, others, "<= 200 MiB", at_most(mine, 200), "MiB",
              ratio_of(others, mine), "mbsync")
    bench.row("  peak memory of the first sync", first, None, "<= 200 MiB", at_most(first, 200),
              "MiB", None, "mbsync")
    bench.end(server)


def rows(bench):
    if shutil.which("mbsync") is None:
        raise SystemExit("bench: there is no mbsync; ./dev bench installs it (isync)")
    migrate(bench)
    initial_sync(bench)
    nothing_to_do(bench)
