#!/usr/bin/env python3
"""Kills the server at random moments under load, starts it again on the same store, and compares
everything with what it had acknowledged; then fills its disk.

  run.py --eilpost build/dev/eilpost --rounds 5 [--seed N]

model.py says what is compared, load.py what the load is, full_disk.py what happens there. The
seed decides what the workers do, not when the operating system lets them. Ends with
"N passed, N failed[, N skipped]".
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import full_disk  # noqa: E402
from harness import Count, Failure, Imap, Server  # noqa: E402
from load import account_names, workers_of  # noqa: E402
from model import Account, compare  # noqa: E402

ACCOUNTS = 2
WORKERS = 3  # of each account


def compare_all(accounts, server, pending):
    for account in accounts:
        client = Imap(server.port("imap"), timeout=60)
        client.login(account.name)
        compare(account, client, [one for owner, one in pending if owner is account])
        client.close()


def run_round(number, accounts, server, options):
    """Load, kill, start, compare. What happened, in words."""
    chance = random.Random(f"{options.seed} {number}")
    workers = workers_of(accounts, server, options.seed, number, WORKERS)
    for worker in workers:
        worker.start()
    seconds = chance.uniform(0.2, 3.0)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not any(w.failure for w in workers):
        time.sleep(0.005)
    ended = server.ended()
    server.kill()
    for worker in workers:
        worker.join(30)
    for worker in workers:
        if worker.failure:
            trace = "".join(traceback.format_exception(worker.failure))
            raise Failure(f"before it was killed: {worker.failure}\n{trace}")
    if ended:
        raise Failure(f"{ended}\n{server.tail()}")
    pending = [one for worker in workers for one in worker.pending]
    begin = time.monotonic()
    server.start()
    started = time.monotonic() - begin
    compare_all(accounts, server, pending)
    acknowledged = sum(worker.acknowledged for worker in workers)
    happened = sum(bool(operation.happened) for _, operation in pending)
    copies = sum(len(account.copies) for account in accounts)
    return (
        f"killed after {seconds:.2f} s; {acknowledged} acknowledged, {happened} of {len(pending)} "
        f"under way happened, {copies} messages compared, start {started:.1f} s"
    )


def rounds(options, count):
    server = Server(options.eilpost, "rocksdb", ACCOUNTS)
    accounts = [Account(name) for name in account_names(ACCOUNTS)]
    keep = options.keep
    try:
        server.start()
        for number in range(1, options.rounds + 1):
            text = run_round(number, accounts, server, options)
            count.say("passed", f"round {number}", f": {text}")
        trouble = server.stop()
        count.say("failed" if trouble else "passed", "it stops", f": {trouble or 'yes'}")
        check_store(server, options, count)
        server.start()
        compare_all(accounts, server, [])
        count.say("passed", "the same after an orderly stop")
    except Exception as failure:
        text = failure if isinstance(failure, Failure) else traceback.format_exc()
        count.say("failed", "crash", f", seed {options.seed}: {text}\n{server.tail()}")
        keep = True
    finally:
        server.own = not keep
        server.remove()
        if keep:
            print(f"        the store: {server.directory}")


def check_store(server, options, count):
    """`eilpost check` finds no damage in the store, which nobody has open."""
    config = os.path.join(server.directory, "check.toml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f'data_dir = "{server.data}"\n')
    command = [os.path.abspath(options.eilpost), "check", "--config", config, "--all"]
    known = subprocess.run(command[:1] + ["--help"], capture_output=True, text=True, check=False)
    if not re.search(r"(?m)^ +check ", known.stdout):
        count.say("skipped", "eilpost check", ": there is no such command")
        return
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    said = (done.stdout + done.stderr)[-2000:]
    count.say("failed" if done.returncode else "passed", "eilpost check", f": {said.strip()}")


def main():
    parser = argparse.ArgumentParser(description="Kills the server and looks what is left.")
    parser.add_argument("--eilpost", required=True, help="the binary to start")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, help="what the workers do (default: random, printed)")
    parser.add_argument("--keep", action="store_true", help="leave the store")
    parser.add_argument("--only", choices=["rounds", "disk"], help="one of the two parts")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 31)
    count = Count()
    if options.inside:
        full_disk.run_inside(options.inside, options.eilpost, count)
        return count.end()
    if options.only != "disk":
        print(f"seed {options.seed}", flush=True)
        rounds(options, count)
    if options.only != "rounds":
        directory = tempfile.mkdtemp(prefix="eilpost-full-")
        try:
            full_disk.run(directory, os.path.abspath(__file__), options.eilpost, count)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
    return count.end()


if __name__ == "__main__":
    sys.exit(main())
