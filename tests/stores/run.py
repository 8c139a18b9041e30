#!/usr/bin/env python3
"""Opens the stores that earlier releases wrote, and looks whether everything is still there.

  run.py --eilpost build/dev/eilpost

Each NAME.tar.gz here is a data directory, NAME.json what a client saw of it when it was made
(make_NAME.py; to record both anew: make_v1.py --eilpost BINARY). A release reads the format that it
writes and the one before; the store of a format goes when no release reads it any more. Ends with
"N passed, N failed".
"""

import argparse
import glob
import json
import os
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from harness import Count, Failure, Server, check, check_equal, user  # noqa: E402
from observe import ACCOUNTS, admin, observe, resynchronize  # noqa: E402


def compare(got, wanted, what):
    """As check_equal, but names the place of the first difference."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        check_equal(sorted(got), sorted(wanted), f"{what}: what is there")
        for key in wanted:
            compare(got[key], wanted[key], f"{what} > {key}")
        return
    check_equal(got, wanted, what)


def unpacked(name, directory):
    with tarfile.open(os.path.join(HERE, name + ".tar.gz")) as archive:
        archive.extractall(directory)
    with open(os.path.join(HERE, name + ".json")) as file:
        return json.load(file)


def format_file(server):
    return os.path.join(server.data, "engine", "FORMAT")


def everything_is_there(server, seen):
    compare(observe(server), seen["accounts"], "accounts")
    listed = [json.loads(line) for line in admin(server, "account", "list", "--json").splitlines()]
    wanted = [json.loads(line) for line in seen["account list"]]
    check_equal(len(listed), len(wanted), "accounts listed")
    # Later releases may tell more of an account.
    known = [{key: account.get(key) for key in old} for account, old in zip(listed, wanted)]
    check_equal(known, wanted, "account list")


def resynchronizes(server, seen):
    """What was expunged long ago may be told with more of what is not there."""
    wanted = seen["resynchronize"]
    got = resynchronize(server, 1, "INBOX", wanted["uid_validity"], wanted["modseq"])
    check_equal(got["changed"], wanted["changed"], "changed since")
    present = set(seen["accounts"][user(1)]["mailboxes"]["INBOX"]["messages"])
    vanished = set(got["vanished"])
    check(vanished.issuperset(wanted["vanished"]), f"vanished: {got['vanished']}")
    check(not vanished & {int(uid) for uid in present}, f"vanished too much: {got['vanished']}")


def holds_together(server, _):
    lines = admin(server, "check", "--all").splitlines()
    check_equal(len(lines), ACCOUNTS, "accounts checked")
    for line in lines:
        check(line.endswith("nothing wrong"), line)


def goes_on(server, seen):
    """It can be written to: the next uid is the one that was promised."""
    status = seen["accounts"][user(1)]["mailboxes"]["INBOX"]["STATUS"]
    client = server.imap(1)
    validity, uid = client.append("INBOX", b"Subject: later\r\n\r\nlater\r\n")
    check_equal((validity, uid), (int(status["UIDVALIDITY"]), int(status["UIDNEXT"])), "APPENDUID")
    # A name that was in use before: its UIDVALIDITY must be a new one.
    client.do("CREATE Passing")
    taken = [int(m["STATUS"]["UIDVALIDITY"])
             for m in seen["accounts"][user(1)]["mailboxes"].values()]
    check(client.status("Passing", "UIDVALIDITY")["UIDVALIDITY"] > max(taken), "UIDVALIDITY")
    client.close()


def starts_again(server, seen):
    """What this release wrote, it reads; and the store still holds together."""
    wrong = server.stop()
    check(wrong is None, wrong)
    server.start()
    client = server.imap(1)
    status = seen["accounts"][user(1)]["mailboxes"]["INBOX"]["STATUS"]
    now = client.status("INBOX", "MESSAGES")["MESSAGES"]
    check_equal(now, int(status["MESSAGES"]) + 1, "messages of INBOX")
    client.close()
    holds_together(server, seen)


def run_store(name, binary, count):
    with tempfile.TemporaryDirectory(prefix="eilpost-test-") as directory:
        seen = unpacked(name, directory)
        server = Server(binary, "rocksdb", ACCOUNTS, directory)
        cases = [everything_is_there, resynchronizes, holds_together, goes_on, starts_again]
        try:
            server.start()
            for case in cases:
                label = f"{name}: {case.__name__.replace('_', ' ')}"
                one_case(count, label, lambda case=case: case(server, seen))
            one_case(count, f"{name}: stops", lambda: check_equal(server.stop(), None, "stop"))
        except Failure as failure:
            count.say("failed", f"{name}: starts", f": {failure}")
        finally:
            server.remove()


def one_case(count, label, case):
    try:
        case()
    except Failure as failure:
        count.say("failed", label, f": {failure}")
    else:
        count.say("passed", label)


def refuses(name, binary, text, wanted):
    """A FORMAT of this text: the server does not start, says why, and changes nothing."""
    with tempfile.TemporaryDirectory(prefix="eilpost-test-") as directory:
        unpacked(name, directory)
        server = Server(binary, "rocksdb", ACCOUNTS, directory)
        with open(format_file(server), "w") as file:
            file.write(text)
        done = subprocess.run(
            [server.binary, "serve", "--data", server.data],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )
        check_equal(done.returncode, 1, "exit code")
        check(wanted in done.stderr, f"not said: {wanted}\n{done.stderr}")
        with open(format_file(server)) as file:
            check_equal(file.read(), text, "FORMAT afterwards")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eilpost", required=True)
    options = parser.parse_args()
    count = Count()
    names = sorted(os.path.basename(p)[: -len(".tar.gz")] for p in glob.glob(f"{HERE}/*.tar.gz"))
    check(names, "no store to open")
    for name in names:
        run_store(name, options.eilpost, count)
    for label, text, wanted in (
        ("a newer format is refused", "eilpost-store 999\n", "written by a newer release"),
        ("a damaged FORMAT is refused", "something else\n", "FORMAT is damaged"),
    ):
        one_case(count, label, lambda t=text, w=wanted: refuses(names[-1], options.eilpost, t, w))
    return count.end()


if __name__ == "__main__":
    sys.exit(main())
