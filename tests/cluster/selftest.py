#!/usr/bin/env python3
"""Whether the checker of the fault tests finds what it is there for: on a node without faults, each
case does behind the model's back what a server must not do.

  selftest.py --eilpost build/dev/eilpost

Ends with "N passed, N failed".
"""

import argparse
import os
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "crash"), os.path.dirname(HERE)]
import nodes  # noqa: E402
import world as worlds  # noqa: E402
from harness import Count, Failure, message  # noqa: E402


def inbox_copy(world):
    """An acknowledged message of the first account's INBOX."""
    account = world.accounts[0]
    copies = [c for c in account.copies if c.mailbox.name == "INBOX" and c.uid]
    return min(copies, key=lambda copy: copy.uid)


def client_of(world):
    client = nodes.NodeImap(world.nodes[0])
    client.login(world.accounts[0].name)
    client.do("SELECT INBOX")
    return client


def lose(world):
    uid = inbox_copy(world).uid
    client = client_of(world)
    client.do(f"UID STORE {uid} +FLAGS (\\Deleted)")
    client.do(f"UID EXPUNGE {uid}")


def double(world):
    uid = inbox_copy(world).uid
    client_of(world).do(f"UID COPY {uid} INBOX")


def invent(world):
    client_of(world).append("INBOX", message("nobody sent this"))


def change_flags(world):
    client_of(world).do(f"UID STORE {inbox_copy(world).uid} FLAGS (nobodys)")


def reuse_uid(world):
    copy = inbox_copy(world)
    copy.mailbox.used[copy.uid] = "another message"


def go_back(world):
    world.accounts[0].mailboxes["INBOX"].modseq += 10**6


def keep_from_followers(world):
    """A node that keeps its news to itself would leave followers with what they had."""
    for follower in world.followers:
        if follower.account is world.accounts[0]:
            follower.stopping = True
            follower.join(30)
    worlds.SAME_SECONDS = 1
    world.start_load(99)
    time.sleep(1)
    world.stop_load()


CASES = {
    lose: "lost",
    double: "nothing accounts for",
    invent: "nothing accounts for",
    change_flags: "its flags",
    reuse_uid: "was another message",
    go_back: "HIGHESTMODSEQ",
    keep_from_followers: "a follower of",
}


def run(case, wanted, options, count):
    directory = tempfile.mkdtemp(prefix="eilpost-selftest-", dir="/var/tmp")
    node = nodes.Node(1, directory, options.eilpost, 'engine = "rocksdb"')
    world = worlds.World([node], None, 1)
    try:
        world.begin()
        world.start_load(1)
        time.sleep(1.5)
        world.stop_load()
        world.settle()
        world.compare_all()
        case(world)
        try:
            world.compare_all()
            count.say("failed", case.__name__, ": it was not found")
        except Failure as found:
            right = wanted in str(found)
            count.say("passed" if right else "failed", case.__name__, f": {str(found)[:120]}")
    finally:
        for follower in world.followers:
            follower.stopping = True
        node.remove()
        shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="Tests the checker of the fault tests.")
    parser.add_argument("--eilpost", required=True, help="the binary to start")
    options = parser.parse_args()
    count = Count()
    for case, wanted in CASES.items():
        run(case, wanted, options, count)
    return count.end()


if __name__ == "__main__":
    sys.exit(main())
