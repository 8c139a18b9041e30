#!/usr/bin/env python3
"""The bad server is a good one until it is told otherwise: clients that are not ours say so, and
each defect shows in what a client hears. A test of the tests.

  selftest.py [NAME...]
"""

import base64
import concurrent.futures
import imaplib
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import traceback
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402, F401 (where the others are found)
import defects  # noqa: E402
import scenes  # noqa: E402
from bad_server import BadServer, Cut  # noqa: E402
from carriers import CARRIERS  # noqa: E402
from channel import RAW  # noqa: E402
from harness import Count, Failure, Imap, check, check_equal  # noqa: E402
from proxy import Proxy  # noqa: E402

CASES = []


def case(function):
    CASES.append(function)
    return function


def served(profile="rich", defect=None, carrier="plain"):
    server = BadServer(profile, defect, carrier=carrier)
    scenes.fill_bad(server.account, scenes.small())
    return server


@case
def imaplib_reads_and_writes():
    with served() as server:
        client = imaplib.IMAP4("127.0.0.1", server.port)
        client.login("user", "pass")
        check_equal(client.select("INBOX"), ("OK", [b"7"]), "SELECT")
        _, rows = client.uid("fetch", "1:*", "(BODY.PEEK[])")
        octets = [row[1] for row in rows if isinstance(row, tuple)]
        check_equal(octets, [row[1] for row in scenes.small()[:7]], "octets")
        date = '"07-Feb-2022 21:52:25 -0800"'
        reply = client.append("INBOX", "(\\Flagged)", date, scenes.letter(9))
        check_equal(reply[0], "OK", "APPEND")
        check_equal(client.uid("search", "SUBJECT", '"letter 9"')[1], [b"8"], "SEARCH")
        client.uid("store", "8", "+FLAGS", "(\\Deleted)")
        check_equal(client.expunge(), ("OK", [b"8"]), "EXPUNGE")
        check_equal(client.uid("copy", "1:2", "Archive")[0], "OK", "COPY")
        reply = client.status("Archive", "(MESSAGES)")
        check_equal(reply[1], [b'"Archive" (MESSAGES 5)'], "STATUS")
        check_equal(client.logout()[0], "BYE", "LOGOUT")
        check_equal([one.epoch for _, one in server.account.expunged], [1644299545], "date")


@case
def only_what_is_listed():
    with served("plain") as server:
        client = logged_in(server)
        client.do("SELECT INBOX")
        for text in ("NAMESPACE", "ENABLE CONDSTORE", "UID EXPUNGE 1", "UID MOVE 1 Archive",
                     "UID SEARCH RETURN (ALL) ALL", 'LIST "" * RETURN (SUBSCRIBED)'):
            check_equal(client.command(text).status, "BAD", text)


def logged_in(server):
    client = Imap(server.port)
    client.do('LOGIN "user" "pass"')
    return client


@case
def qresync_tells_what_has_happened():
    with served() as server:
        one, other = logged_in(server), logged_in(server)
        one.do("ENABLE QRESYNC")
        one.do("SELECT INBOX")
        box = server.account.mailboxes["INBOX"]
        validity, modseq = box.uid_validity, box.highest_modseq
        one.do("UNSELECT")
        other.do("SELECT INBOX")
        other.do("UID STORE 2 +FLAGS (\\Deleted)")
        other.do("EXPUNGE")
        other.do("UID STORE 4 FLAGS (\\Seen)")
        told = one.do(f"SELECT INBOX (QRESYNC ({validity} {modseq}))").untagged
        check(b"* VANISHED (EARLIER) 2" in told, f"VANISHED is not among {told}")
        check(any(b"UID 4 FLAGS (\\Seen) MODSEQ" in line for line in told), f"no FETCH: {told}")
        check(not [line for line in told if b"UID 5 " in line], f"too much: {told}")
        one.start_idle()
        other.do("UID STORE 1 +FLAGS (\\Deleted)")
        other.do("UID EXPUNGE 1")
        one.wait_untagged(rb"VANISHED 1$", 10)


@case
def two_sessions_keep_their_numbers():
    with served() as server:
        one, other = logged_in(server), logged_in(server)
        one.do("SELECT INBOX")
        other.do("SELECT INBOX")
        other.do("STORE 1:2 +FLAGS.SILENT (\\Deleted)")
        other.do("EXPUNGE")
        told = one.do("FETCH 7 (UID)").untagged
        check(b"* 7 FETCH (UID 7)" in told, f"numbers moved during FETCH: {told}")
        told = one.do("NOOP").untagged
        check_equal([line for line in told if b"EXPUNGE" in line],
                    [b"* 2 EXPUNGE", b"* 1 EXPUNGE"], "EXPUNGE")


@case
def a_cut_ends_the_connection_at_every_octet():
    """An append is there or not there, and the client hears no more than was let through."""
    with served() as server:
        def dialog():
            client = logged_in(server)
            client.append("Archive", scenes.letter(77))
            client.close()

        before = server.octets_in, server.octets_out
        dialog()
        total = {"in": server.octets_in - before[0], "out": server.octets_out - before[1]}
        outcomes = set()
        for way, octets in total.items():
            for at in range(0, octets, 7):
                count = len(server.account.mailboxes["Archive"].messages)
                server.cut = Cut(way, at)
                try:
                    dialog()
                    raise Failure(f"nothing was cut at {way} {at}")
                except Failure as failure:
                    check("nothing was cut" not in str(failure), str(failure))
                outcomes.add(len(server.account.mailboxes["Archive"].messages) - count)
        server.cut = Cut("none", 0)
        check(outcomes <= {0, 1} and 0 in outcomes, f"appended: {outcomes}")


@case
def a_proxy_cuts():
    with served() as server, Proxy(server.port, seed=3, cut_after=(300, 301)) as proxy:
        client = Imap(proxy.port)
        try:
            client.do('LOGIN "user" "pass"')
            raise Failure("it was not cut")
        except Failure as failure:
            check("broke" in str(failure) or "closed" in str(failure), str(failure))
        check_equal(proxy.cuts, 1, "cuts")


MBSYNC = """
IMAPAccount server
Host 127.0.0.1
Port {port}
User user
Pass pass
SSLType None
AuthMechs {mechanism}

IMAPStore remote
Account server

MaildirStore local
Path {home}/mail/
Inbox {home}/mail/INBOX
SubFolders Verbatim

Channel all
Far :remote:
Near :local:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
CopyArrivalDate yes
"""


@case
def mbsync_takes_it_for_a_server():
    for profile in ("rich", "gmail", "exchange"):
        home = tempfile.mkdtemp(prefix="eilpost-mbsync-")
        try:
            with served(profile) as server:
                mbsync_both_ways(server, home, "PLAIN" if profile != "gmail" else "LOGIN")
        finally:
            shutil.rmtree(home)


def mbsync_both_ways(server, home, mechanism):
    def sync():
        done = subprocess.run(["mbsync", "-c", f"{home}/rc", "-a"], capture_output=True, text=True,
                              timeout=60, check=False)
        check_equal(done.returncode, 0, f"mbsync: {done.stdout}{done.stderr}")

    def here():
        return sum(len(files) for path, _, files in os.walk(f"{home}/mail")
                   if os.path.basename(path) in ("cur", "new"))

    os.mkdir(f"{home}/mail")
    with open(f"{home}/rc", "w", encoding="utf-8") as file:
        file.write(MBSYNC.format(port=server.port, home=home, mechanism=mechanism))
    sync()
    check_equal(here(), 11, "messages in the Maildir")
    with open(f"{home}/mail/INBOX/new/1.from.here", "wb") as file:
        file.write(scenes.letter(50).replace(b"\r\n", b"\n"))
    box = server.account.mailboxes["INBOX"]
    server.account.expunge(box, [box.by_uid(2)])
    sync()
    check_equal((here(), len(box.messages)), (11, 7), "after a change on both sides")
    sync()
    check_equal((here(), len(box.messages)), (11, 7), "after nothing has changed")


# --- every defect shows ---

DIALOG = [
    "CAPABILITY", "ID NIL", "ENABLE QRESYNC CONDSTORE", "NAMESPACE", 'LIST "" *',
    'LIST "" * RETURN (SUBSCRIBED)', 'LSUB "" *', "STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY)",
    "SELECT Archive", "SELECT INBOX", "UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)",
    "UID FETCH 1:* (BODYSTRUCTURE)", "UID SEARCH SEEN", "UID SEARCH HEADER MESSAGE-ID letter-2",
    "UID SEARCH RETURN (ALL) UNSEEN", "UID FETCH 1:* (BODY.PEEK[])", "NOOP",
    "UID STORE 1 +FLAGS.SILENT (\\Flagged)", "UID STORE 1 +FLAGS ($Label1)",
    "UID COPY 2:4 Archive", "UID MOVE 1 Archive", "UID STORE 2 +FLAGS (\\Deleted)",
    "UID EXPUNGE 2", "UID STORE 4 +FLAGS (\\Deleted)", "EXPUNGE", "APPEND", "APPEND MORE",
    "SELECT INBOX", "UID FETCH 1:* (UID FLAGS BODY.PEEK[HEADER])", "EXAMINE INBOX (QRESYNC (%s 2))",
    "SELECT Archive", "UID FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[])", "IDLE",
]


class Deflated:
    """A socket within which both sides deflate; not more than a test can want comes out of it."""

    def __init__(self, connection):
        self.socket = connection
        self.packer, self.unpacker = zlib.compressobj(wbits=RAW), zlib.decompressobj(RAW)
        self.left = 1 << 18

    def recv(self, _):
        try:
            octets = b""
            while not octets:
                packed = self.unpacker.unconsumed_tail or self.socket.recv(1 << 16)
                if not packed:
                    return b""
                octets = self.unpacker.decompress(packed, 1 << 14)
        except zlib.error as error:
            raise OSError(str(error)) from None
        self.left -= len(octets)
        if self.left < 0:
            raise OSError("more than anybody wants")
        return octets

    def sendall(self, octets):
        self.socket.sendall(self.packer.compress(octets) + self.packer.flush(zlib.Z_SYNC_FLUSH))

    def settimeout(self, seconds):
        self.socket.settimeout(seconds)

    def close(self):
        self.socket.close()


class Client(Imap):
    """Verifies certificates, and comes by the server's carrier as far as the defect lets it."""

    def __init__(self, server, timeout):
        self.server = server
        super().__init__(server.port, timeout=timeout)

    def secure(self):
        context = ssl.create_default_context(cafile=self.server.ca_file())
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        except OSError as error:
            raise Failure(f"no TLS: {error}") from None

    def receive(self, timeout=None):
        if self.server.carrier.scheme == "imaps" and not isinstance(self.socket, ssl.SSLSocket):
            self.secure()
        return super().receive(timeout)

    def sign_in(self):
        """What is heard of it."""
        heard = []
        if self.server.carrier.scheme == "imap":
            heard += [self.command("CAPABILITY"), self.do("STARTTLS"), self.buffer]
            self.buffer = b""
            self.secure()
        mechanism, response = "PLAIN", b"\0user\0pass"
        if self.server.carrier.token:
            mechanism, response = "OAUTHBEARER", b"n,a=user,\1auth=Bearer a token\1\1"
        heard.append(self.command(f"AUTHENTICATE {mechanism} "
                                  f"{base64.b64encode(response).decode()}"))
        if self.server.carrier.deflate:
            heard += [self.do("COMPRESS DEFLATE"), self.buffer]
            self.socket = Deflated(self.socket)
        return heard


class Dialog:
    """What a client hears from first to last, over as many connections as it takes."""

    def __init__(self, server):
        self.server = server
        self.heard = []
        self.clients = []

    def connect(self):
        client = Client(self.server, timeout=0.5)
        self.clients.append(client)
        self.heard.append(client.greeting)
        self.heard += client.sign_in()
        return client

    def say(self, client, step):
        if step == "NOTIFY":
            self.heard.append(client.command("NOTIFY SET (personal (MessageNew))"))
            for number in (61, 62):
                self.server.account.append("Archive", scenes.letter(number), [], 1)
                self.heard.append(client.wait_untagged(rb"STATUS", 0.5))
            return
        if step == "IDLE":
            client.start_idle()
            self.server.account.append("Archive", scenes.letter(60), [], 1)
            self.heard.append(client.wait_untagged(rb"EXISTS", 0.5))
            return
        if step.startswith("APPEND"):
            date = '"07-Feb-2022 21:52:25 -0800"'
            flags = "(\\Flagged $Label1)"
            one = f"{flags} {date} {{}}"
            count = 2 if "MORE" in step else 1
            octets = [scenes.letter(3, 90), scenes.letter(51)][:count]
            reply = client.command("APPEND Archive " + " ".join([one] * count), *octets)
        else:
            if "%s" in step:
                step = step % self.server.account.mailboxes["INBOX"].uid_validity
            reply = client.command(step)
        self.heard.append(reply)

    def run(self):
        client, vain = None, 0
        notify = ["NOTIFY"] if self.server.has("NOTIFY") else []
        for step in DIALOG[:-1] + notify + DIALOG[-1:]:
            try:
                if client is None and vain < 5:  # in a row
                    vain += 1
                    client = self.connect()
                    client.command("SELECT INBOX")
                    vain = 0
                if client:
                    self.say(client, step)
            except (Failure, UnicodeDecodeError) as failure:
                self.heard.append(f"{step}: {str(failure)[:40]}")
                client = None
        for client in self.clients:
            client.close()
        return self.heard


def hear(defect=None, profile="rich", carrier="plain"):
    with served(profile, defect, carrier) as server:
        heard = Dialog(server).run()
        return heard, server.account.snapshot(), server.octets_out


# The dialog is short: these show elsewhere.
SHOWN_ELSEWHERE = {
    "limit: one connection at a time", "append: NO [LIMIT] for every third command",
    "limit: BYE after three errors", "slow: every answer comes octet by octet",
    "notify: as it should be",
}


@case
def every_defect_shows():
    good = {}
    for profile, carrier in [("notify", "plain"), *(("rich", carrier) for carrier in CARRIERS)]:
        good[profile, carrier] = hear(None, profile, carrier)
        told = good[profile, carrier][0]
        check_equal(hear(None, profile, carrier)[0], told, f"the same dialog twice, {carrier}")
        check(not any("BAD" in str(line)[:40] for line in told), f"a good server: {told}")
        check(not any(" " in line for line in told if isinstance(line, str)), f"{carrier}: {told}")

    def is_silent(kind):
        return hear(kind(), kind.profile, kind.carrier)[:2] == good[kind.profile, kind.carrier][:2]

    kinds = {name: kind for name, kind in defects.load().items() if name not in SHOWN_ELSEWHERE}
    # They wait rather than work.
    with concurrent.futures.ThreadPoolExecutor(48) as pool:
        silent = [name for name, told in zip(kinds, pool.map(is_silent, kinds.values(), timeout=90))
                  if told]
    check_equal(silent, [], "defects that nobody hears of")


def main():
    count = Count()
    for function in CASES:
        name = function.__name__.replace("_", " ")
        if sys.argv[1:] and not any(name.startswith(start) for start in sys.argv[1:]):
            continue
        try:
            function()
            count.say("passed", name)
        except Failure as failure:
            count.say("failed", name, f": {failure}")
        except Exception:
            count.say("failed", name, f":\n{traceback.format_exc()}")
    return count.end()


if __name__ == "__main__":
    sys.exit(main())
