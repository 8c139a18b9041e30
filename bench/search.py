"""The rows `search` (a rare word among many small messages, through an index and without one) and
`indexing` (what making the index costs those who deliver)."""
import json
import random
import socket
import subprocess
import time

from figures import at_least, at_most, median, ratio_of

RARE = "quokkasaurus"
# Shorter than what any index knows: every message is looked into.
SHORT = "qz"
WORDS = ("the meeting about garden invoice number order letter from house river mountain please "
         "answer today tomorrow morning evening budget report status holiday train ticket music "
         "window table chair project number street winter summer colour doctor school teacher "
         "kitchen bottle orange yellow purple silver golden copper forest island desert "
         "ocean").split()


class Session:
    """As little of an IMAP client as measures a server and not itself."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 600)
        self.stream = self.socket.makefile("rb")
        self.stream.readline()
        self.tag = 0
        self.call(b"LOGIN user1@example.org pass")

    def call(self, command):
        self.tag += 1
        tag = b"t%d" % self.tag
        self.socket.sendall(tag + b" " + command + b"\r\n")
        lines = []
        while True:
            line = self.stream.readline()
            if not line:
                raise SystemExit("bench: the server closed the connection")
            if line.startswith(tag + b" "):
                if not line.startswith(tag + b" OK"):
                    raise SystemExit(f"bench: {command[:60]!r}: {line!r}")
                return lines
            lines.append(line)


def message(rng, number, rare):
    words = [rng.choice(WORDS) for _ in range(33)]
    if rare:
        words[20] = RARE
    text = " ".join(words)[:196].replace(SHORT, "xx")
    return (f"From: Sender {rng.randrange(500)} <s{rng.randrange(500)}@example.org>\r\n"
            f"To: user1@example.org\r\nSubject: {rng.choice(WORDS)} {rng.choice(WORDS)}\r\n"
            f"Message-ID: <{number}.{rng.getrandbits(48):012x}@example.org>\r\n"
            f"Date: Mon, 7 Feb 2022 21:52:25 +0000\r\n\r\n{text}\r\n").encode()


def fill(session, count):
    rng = random.Random(1)
    for first in range(0, count, 500):
        command = b"APPEND INBOX"
        for number in range(first, min(first + 500, count)):
            octets = message(rng, number, number == count // 2)
            command += b" {%d+}\r\n" % len(octets) + octets
        session.call(command)


def wait_for_index(bench, server, count):
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        said = subprocess.run([str(bench.options.eilpost), "index", "status", "--json", "--data",
                               str(server.directory), "user1@example.org"], capture_output=True,
                              text=True, check=False).stdout
        status = json.loads(said) if said.startswith("{") else {"indexed": 0}
        if status["indexed"] + 256 > count:
            return status
        time.sleep(0.2)
    bench.errors.append("Eilpost: the index is not made")
    return {"bytes": 0, "text_bytes": 1}


def timed(session, needle, found, rounds):
    times = []
    for _ in range(rounds):
        began = time.monotonic()
        lines = session.call(b"UID SEARCH BODY " + needle.encode())
        times.append((time.monotonic() - began) * 1000)
        numbers = [n for line in lines if line.startswith(b"* SEARCH") for n in line.split()[2:]]
        if len(numbers) != found:
            raise SystemExit(f"bench: {needle}: {len(numbers)} messages were found, not {found}")
    return {"first": times[0], "warm": median(times[1:])}


def search_of(bench, kind, count, **more):
    server = bench.start(kind, "search", 1, **more)
    session = Session(server.base + 143)
    fill(session, count)
    status = wait_for_index(bench, server, count) if kind == "eilpost" else {}
    session.call(b"SELECT INBOX")
    figures = {"word": timed(session, RARE, 1, 8), "scan": timed(session, SHORT, 0, 8), **status}
    bench.end(server)
    return figures


def indexing(bench):
    """Deliveries at a steady rate, each pushed to sessions in IDLE, with the index and without."""
    accounts, seconds = 16, min(bench.seconds, 20)
    p99 = {"true": [], "false": []}
    behind = []
    for _ in range(bench.rounds):
        for index, seen in p99.items():
            server = bench.start("eilpost", f"indexing-{index}", accounts,
                                 config=f"[search]\nindex = {index}\n")
            got = bench.run(server, "idle", "--sessions", accounts, "--settle", 2, "--seconds",
                            seconds, "--per-second", 500)
            seen.append(got.get("push", {}).get("sent_to_push_p99_ms"))
            if index == "true":
                behind.append(unindexed(bench, server))
            bench.end(server)
    if None in p99["true"] + p99["false"]:
        return  # what went wrong is among the errors
    mine, bare = median(p99["true"]), median(p99["false"])
    bench.row("MAIL FROM to push at 500 deliveries/s, p99, while they are indexed", mine, None,
              "<= 1.2x of without", at_most(mine / bare, 1.2), "ms", None)
    bench.row("  without an index", bare, None, "", None, "ms", None)
    bench.row("  messages not indexed at the end, of one account", median(behind), None, "< 256",
              at_most(median(behind), 256), "", None)


def unindexed(bench, server):
    """How many messages of the first account the index lacks right after the deliveries."""
    session = Session(server.base + 143)
    there = int(session.call(b"STATUS INBOX (MESSAGES)")[0].split(b"MESSAGES ")[1].split(b")")[0])
    said = subprocess.run([str(bench.options.eilpost), "index", "status", "--json", "--data",
                           str(server.directory), "user1@example.org"], capture_output=True,
                          text=True, check=False).stdout
    return there - json.loads(said)["indexed"] if said.startswith("{") else there


def search(bench):
    count = min(bench.messages, 100_000)
    ours = search_of(bench, "eilpost", count)
    plain = search_of(bench, "dovecot", count)
    fts = search_of(bench, "dovecot", count, fts=True)
    shown = f"{count:,}"
    bench.row(f"SEARCH BODY of a rare word in {shown}, indexed, warm", ours["word"]["warm"],
              fts["word"]["warm"], "< 50 ms", at_most(ours["word"]["warm"], 50), "ms",
              ratio_of(fts["word"]["warm"], ours["word"]["warm"]), "Dovecot with fts-xapian")
    for when in ("first", "warm"):
        ratio = ratio_of(plain["scan"][when], ours["scan"][when])
        bench.row(f"SEARCH BODY of two letters in {shown}, no index helps, {when}",
                  ours["scan"][when], plain["scan"][when], ">= 2x", at_least(ratio, 2), "ms", ratio)
    part = 100 * ours["bytes"] / max(1, ours["text_bytes"])
    bench.row(f"the index of {shown}, of the text", part, None, "< 40 %", at_most(part, 40), "%")
