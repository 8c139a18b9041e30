#!/usr/bin/env python3
"""`eilpost store copy` against kill -9: copies ahead while mail comes, the server is killed at any
moment and started again, and at the end source and target are the same to a client.

  copy_store.py --eilpost build/dev/eilpost [--engine rados] [--kills 6] [--seed 1]

With --engine rados the target is the cluster of EILPOST_TEST_CEPH. Ends with "N passed, N failed".
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from harness import (  # noqa: E402
    PORTS, Closed, Count, Failure, Lmtp, Server, check, check_equal, free_ports, message, user,
)
from observe import observe_account  # noqa: E402

ACCOUNTS = 4


class Copier:
    """Two stores and the command between them."""

    def __init__(self, options):
        self.binary = os.path.abspath(options.eilpost)
        self.directory = tempfile.mkdtemp(prefix="eilpost-copy-")
        self.random = random.Random(options.seed)
        self.namespace = f"copy-{os.getpid()}-{options.seed}"
        self.engine = options.engine
        self.source = Server(self.binary, accounts=ACCOUNTS, directory=self.path("one"))
        self.target = Server(
            self.binary, self.engine, ACCOUNTS, self.path("two"), namespace=self.namespace
        )
        self.sent = 0
        self.write("from.toml", f'data_dir = "{self.source.data}"\n')
        more = ""
        if self.engine == "rados":
            conf = os.environ["EILPOST_TEST_CEPH"]
            more = f'engine = "rados"\n[rados]\nceph_conf = "{conf}"\n'
            more += f'namespace = "{self.namespace}"\n'
        self.write("to.toml", f'data_dir = "{self.target.data}"\n{more}')

    def path(self, name):
        path = os.path.join(self.directory, name)
        if "." not in name:
            os.makedirs(path, exist_ok=True)
        return path

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def start_copy(self, *more):
        return subprocess.Popen(
            [self.binary, "store", "copy", "--from", self.path("from.toml"), "--to",
             self.path("to.toml"), *more],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )

    def copy(self, *more):
        process = self.start_copy(*more)
        said = process.communicate(timeout=300)[0]
        return process.returncode, said

    def deliver(self, count):
        """Mail of many sizes; the same message to several accounts now and then."""
        lmtp = Lmtp(self.source.port("lmtp"))
        for _ in range(count):
            body = "x" * 70 + "\r\n"
            octets = message(f"number {self.sent}", body=body * int(self.random.paretovariate(0.7)))
            to = self.random.sample(range(1, ACCOUNTS + 1), self.random.choice([1, 1, 1, 2]))
            replies = lmtp.deliver("sender@example.net", [user(n) for n in to], octets[:3_000_000])
            check(all(r.startswith("250") for r in replies), f"LMTP: {replies}")
            self.sent += 1
        lmtp.close()

    def disturb(self):
        """Flags, copies and expunges, so that every kind of row changes between two copies."""
        client = self.source.imap(self.random.randint(1, ACCOUNTS))
        client.do("SELECT INBOX")
        client.command("CREATE Kept")
        low = self.random.randint(1, 50)
        client.do(f"UID STORE {low}:{low + 9} +FLAGS ($Work \\Flagged)")
        client.do(f"UID COPY {low}:{low + 19} Kept")
        client.do(f"UID MOVE {low + 30}:{low + 33} Kept")
        client.do(f"UID STORE {low + 20}:{low + 22} +FLAGS.SILENT (\\Deleted)")
        client.do("EXPUNGE")
        client.close()

    def remove(self):
        self.source.remove()
        self.target.remove()
        shutil.rmtree(self.directory, ignore_errors=True)


def survives_kills(copier, kills):
    copier.source.start()
    copier.deliver(400)
    for _ in range(kills):
        copier.disturb()
        process = copier.start_copy()
        killed = threading.Timer(copier.random.uniform(0.02, 0.8), copier.source.kill)
        killed.start()
        try:
            copier.deliver(40)
        except (Closed, Failure):
            pass
        process.communicate(timeout=60)
        killed.join()
        copier.source.start()
    code, said = copier.copy()
    check_equal(code, 0, said)


def follows_and_hands_over(copier):
    stop = threading.Event()
    load = threading.Thread(target=lambda: [copier.deliver(5) for _ in iter(stop.is_set, True)])
    load.start()
    try:
        copier.copy()
        time.sleep(0.2)
    finally:
        stop.set()
        load.join()
    code, said = copier.copy("--final")
    check_equal(code, 0, said)
    check("handed over" in said, said)
    lmtp = Lmtp(copier.source.port("lmtp"))
    replies = lmtp.deliver("sender@example.net", [user(1)], message("too late"))
    lmtp.close()
    check(replies[0].startswith("451"), f"the source still takes mail: {replies}")


def both_are_the_same(copier):
    copier.target.base_port = free_ports(PORTS.values(), 7)
    copier.target.start()
    for number in range(1, ACCOUNTS + 1):
        seen = [observe_account(s, number) for s in (copier.source, copier.target)]
        check("INBOX" in seen[0]["mailboxes"], "nothing to compare")
        check_equal(seen[1], seen[0], user(number))
    client = copier.target.imap(1)
    copier.target.deliver(1, message("at home"))
    client.close()
    for server in (copier.source, copier.target):
        check_equal(server.stop(), None, "the end")


def main():
    parser = argparse.ArgumentParser(description="Copies a store under kill -9.")
    parser.add_argument("--eilpost", required=True)
    parser.add_argument("--engine", default="rocksdb", help="of the target: rocksdb or rados")
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    count = Count()
    copier = Copier(options)
    try:
        for name, case in (
            ("survives kill -9", lambda: survives_kills(copier, options.kills)),
            ("follows and hands over", lambda: follows_and_hands_over(copier)),
            ("source and target are the same", lambda: both_are_the_same(copier)),
        ):
            try:
                case()
                count.say("passed", name)
            except Failure as failure:
                count.say("failed", name, f": {failure}")
                break
    finally:
        copier.remove()
    return count.end()


if __name__ == "__main__":
    sys.exit(main())
