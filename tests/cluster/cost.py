#!/usr/bin/env python3
"""What each IMAP operation costs in RADOS operations and octets, on a quiet cluster of two nodes,
held against an upper bound for each.

  cost.py --eilpost build/dev/eilpost [--messages 20000] [--table]

The figures come from the nodes' own metrics, of which the probes and the beats of an idle node are
no part: an operation is measured several times, and its cheapest counts. --table prints the table
of docs/cluster.md. Ends with "N passed, N failed".
"""

import argparse
import collections
import os
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "crash"), os.path.dirname(HERE)]
import mini  # noqa: E402
import nodes  # noqa: E402
from harness import PASSWORD, Count, Failure, check, message, user  # noqa: E402

TIMES = 5
SETTLE_SECONDS = 0.3  # what follows an answer: notifies, what they wake
BACKGROUND = {"probe", "watch"}
BODY_BYTES = 16384

Cost = collections.namedtuple("Cost", "operations read written")
Bound = collections.namedtuple("Bound", "operations kilobytes")


class Meter:
    """RADOS operations of a node since it began, by kind, and octets in both directions."""

    def __init__(self, node):
        self.node = node
        self.begin()

    def look(self):
        metrics = self.node.metrics()
        operations = collections.Counter()
        octets = {}
        for name, value in metrics.items():
            if name.startswith('eilpost_rados_operations_total{op="'):
                operations[name.split('"')[1]] = int(value)
            if name.startswith('eilpost_rados_bytes_total{direction="'):
                octets[name.split('"')[1]] = int(value)
        return operations, octets

    def begin(self):
        self.operations, self.octets = self.look()

    def end(self):
        operations, octets = self.look()
        operations.subtract(self.operations)
        kinds = {kind: n for kind, n in operations.items() if n and kind not in BACKGROUND}
        return Cost(
            kinds,
            octets.get("in", 0) - self.octets.get("in", 0),
            octets.get("out", 0) - self.octets.get("out", 0),
        )


def total(cost):
    return sum(cost.operations.values())


def words(cost):
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(cost.operations.items()))
    return kinds or "none"


class Measurement:
    def __init__(self, node, other, count):
        self.node = node
        self.other = other
        self.count = count
        self.rows = []

    def measure(self, name, action, bound, prepare=None, node=None, times=TIMES):
        """The cheapest of several times; `prepare` is not counted."""
        node = node or self.node
        seen = []
        for _ in range(times):
            if prepare:
                prepare()
                time.sleep(SETTLE_SECONDS)
            meter = Meter(node)
            action()
            time.sleep(SETTLE_SECONDS)
            seen.append(meter.end())
        cost = min(seen, key=lambda one: (total(one), one.read + one.written))
        self.rows.append((name, cost, bound))
        fits = total(cost) <= bound.operations and cost.read + cost.written <= bound.kilobytes << 10
        text = f": {words(cost)}; {cost.read} octets read, {cost.written} written"
        if not fits:
            text += f"; at most {bound.operations} operations and {bound.kilobytes} KiB are allowed"
        self.count.say("passed" if fits else "failed", name, text)

    def print_table(self):
        print("\n| operation | RADOS operations | octets read | octets written |")
        print("|---|---|---|---|")
        for name, cost, _ in self.rows:
            print(f"| {name} | {words(cost)} | {cost.read:,} | {cost.written:,} |")
        print()


def body(subject):
    line = "0123456789" * 7 + "\r\n"
    return message(subject, body=line * (BODY_BYTES // len(line)))


class Mailbox:
    """A session on a mailbox that holds `messages` messages."""

    def __init__(self, node, name, number=1):
        self.client = nodes.NodeImap(node, timeout=120)
        self.client.login(user(number))
        self.name = name

    def do(self, text, *literals):
        return lambda: self.client.do(text, *literals)

    def fill(self, messages):
        """Appends a thousand, then copies them: a large mailbox in little time."""
        have = self.client.status(self.name, "MESSAGES")["MESSAGES"]
        while have < min(messages, 1000):
            batch = [message(f"{self.name} {have + i}") for i in range(50)]
            self.client.do(f"APPEND {self.name}{' () {}' * len(batch)}", *batch)
            have += len(batch)
        self.client.do(f"SELECT {self.name}")
        while have < messages:
            self.client.do(f"UID COPY 1:{min(1000, messages - have)} {self.name}")
            have += min(1000, messages - have)


def idle(client):
    def begin_and_end():
        client.start_idle()
        client.send(b"DONE\r\n")
        check(client.finish(f"h{client.tags}").status == "OK", "IDLE")

    return begin_and_end


def entering(run):
    """A session's beginning where the account is in memory."""

    def enter():
        client = nodes.NodeImap(run.node)
        client.login(user(1))
        client.close()

    run.measure("LOGIN, the account in memory", enter, Bound(4, 16))


def small_operations(run, session):
    """Of one session on INBOX, whose account and view are warm."""
    do = session.do
    one = Bound(1, 2)
    run.measure("NOOP", do("NOOP"), one)
    run.measure("STATUS", do("STATUS INBOX (MESSAGES UNSEEN UIDNEXT HIGHESTMODSEQ)"), one)
    run.measure("STATUS of another mailbox", do("STATUS Other (MESSAGES UNSEEN)"), one)
    run.measure("IDLE begun and ended", idle(session.client), Bound(2, 2))
    run.measure("FETCH FLAGS of a thousand", do("FETCH 1:1000 (FLAGS)"), Bound(0, 0))
    run.measure("FETCH ENVELOPE of one", do("UID FETCH 5 (ENVELOPE)"), Bound(3, 64))
    run.measure("FETCH ENVELOPE of a thousand", do("UID FETCH 1:1000 (ENVELOPE)"), Bound(26, 2048))
    run.measure("FETCH BODY[] of 16 KB", do("UID FETCH * (BODY.PEEK[])"), Bound(3, 96))
    flags = iter(range(1000))
    run.measure(
        "STORE of one",
        lambda: session.client.do(f"UID STORE 7 FLAGS (k{next(flags) % 9})"),
        Bound(1, 16),
    )
    run.measure(
        "STORE of a thousand",
        lambda: session.client.do(f"UID STORE 1:1000 FLAGS (k{next(flags) % 9})"),
        Bound(1, 128),
    )


def writing(run, session):
    do, client = session.do, session.client
    octets = body("cost")
    run.measure("APPEND of 16 KB", do("APPEND INBOX () {}", octets), Bound(2, 64))
    run.measure("COPY of one", do("UID COPY 5 Other"), Bound(7, 128))
    run.measure("COPY of a hundred", do("UID COPY 101:200 Other"), Bound(11, 384))
    uids = iter(range(300, 400))
    run.measure(
        "MOVE of one", lambda: client.do(f"UID MOVE {next(uids)} Other"), Bound(10, 160)
    )

    firsts = iter(range(20, 100, 5))

    def mark():
        first = next(firsts)
        client.do(f"UID STORE {first}:{first + 4} +FLAGS.SILENT (\\Deleted)")

    run.measure("EXPUNGE of five", do("EXPUNGE"), Bound(5, 32), prepare=mark)


def between_nodes(run, session):
    """What one node's change costs the other, and a delivery."""
    octets = body("delivered")
    idler = Mailbox(run.other, "INBOX")
    idler.client.do("SELECT INBOX")
    idler.client.start_idle()
    lmtp = nodes.NodeLmtp(run.node)

    def deliver():
        replies = lmtp.deliver("sender@example.net", [user(1)], octets)
        check(replies[0].startswith("250"), f"LMTP: {replies}")

    run.measure("delivery of 16 KB by LMTP", deliver, Bound(7, 64))
    run.measure("IDLE: woken on another node by a delivery", deliver, Bound(3, 16), node=run.other)

    def flag():
        session.client.do("UID STORE 9 FLAGS (a)")
        session.client.do("UID STORE 9 FLAGS (b)")

    run.measure("IDLE: woken by two STOREs there", flag, Bound(5, 32), node=run.other)
    idler.client.close()
    lmtp.close()


def opening(run, session, messages):
    """SELECT on the other node: cached, changed, cold."""
    far = Mailbox(run.other, "Large")
    select = far.do("SELECT Large")
    select()
    there = {"node": run.other}
    one = Bound(1, 2)
    run.measure(f"SELECT of {messages:,}, cached and unchanged", select, one, **there)
    run.measure(f"STATUS of {messages:,}", far.do("STATUS Large (MESSAGES UNSEEN)"), one, **there)
    run.measure(f"NOOP in {messages:,}", far.do("NOOP"), one, **there)

    def change():
        session.client.do("SELECT Large")
        session.client.do("UID STORE 9 +FLAGS (x)")
        session.client.do("UID STORE 9 -FLAGS (x)")

    run.measure(
        f"SELECT of {messages:,}, changed by another node", select, Bound(3, 64), change, **there
    )
    pages = messages // 128 + 1

    def restart():
        nonlocal far
        far.client.close()
        check(run.other.stop() is None, "the node did not stop")
        run.other.start()
        far = Mailbox(run.other, "Large")

    run.measure(
        f"SELECT of {messages:,}, cold ({pages:,} pages)",
        lambda: far.client.do("SELECT Large"),
        Bound(40, 64 + pages),
        prepare=restart,
        times=2,
        **there,
    )
    envelopes = "UID FETCH 1:100 (ENVELOPE)"
    what = "FETCH ENVELOPE of a hundred, cold"
    run.measure(what, far.do(envelopes), Bound(8, 512), times=1, **there)
    bodies = "UID FETCH 1:10 (BODY.PEEK[])"
    run.measure("FETCH BODY[] of ten, cold", far.do(bodies), Bound(26, 512), times=1, **there)
    status, said = run.node.command("cluster", "status", "--account", user(1))
    run.count.say("failed" if status else "passed", "the account's object", f": {said.strip()}")


def run(options, directory, count):
    ceph, engine = mini.start(directory, isolated=False)
    pair = []
    try:
        for number in (1, 2):
            pair.append(nodes.Node(number, directory, options.eilpost, engine))
            pair[-1].start()
        status, said = pair[0].command("account", "add", user(1), input=f"{PASSWORD}\n")
        check(status == 0, f"account add: {said}")
        measurement = Measurement(pair[0], pair[1], count)
        session = Mailbox(pair[0], "INBOX")
        session.client.do("CREATE Other")
        session.client.do("CREATE Large")
        session.fill(1000)
        session.client.do("APPEND INBOX () {}", body("the last"))
        session.client.do("SELECT INBOX")
        entering(measurement)
        small_operations(measurement, session)
        writing(measurement, session)
        between_nodes(measurement, session)
        begin = time.monotonic()
        Mailbox(pair[0], "Large").fill(options.messages)
        print(f"        {options.messages:,} messages in {time.monotonic() - begin:.0f} s")
        opening(measurement, session, options.messages)
        for node in pair:
            trouble = node.stop()
            count.say("failed" if trouble else "passed", f"{node.name} stops", trouble or "")
        if options.table:
            measurement.print_table()
    except Failure as failure:
        count.say("failed", "cost", f": {failure}\n" + "".join(one.tail() for one in pair))
    finally:
        for node in pair:
            node.remove()
        ceph.remove()


def main():
    parser = argparse.ArgumentParser(description="Counts RADOS operations of IMAP operations.")
    parser.add_argument("--eilpost", required=True, help="the binary to start")
    parser.add_argument("--messages", type=int, default=20_000, help="of the large mailbox")
    parser.add_argument("--table", action="store_true", help="print it for docs/cluster.md")
    options = parser.parse_args()
    count = Count()
    directory = tempfile.mkdtemp(prefix="eilpost-cost-", dir="/var/tmp")
    try:
        run(options, directory, count)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return count.end()


if __name__ == "__main__":
    sys.exit(main())
