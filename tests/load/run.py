#!/usr/bin/env python3
"""Keeps a server under every kind of load for a while, and looks at what that leaves behind.

  run.py --eilpost build/release/eilpost --load build/release/eilpost_load [--rounds 6]
         [--seconds 60]

Each round runs the load generator's mixed sessions, deliveries and sessions in IDLE, one after the
other, since each counts what its accounts hold; it checks every answer. Afterwards the server's
memory must not have grown with the rounds beyond what its settings allow, no connection and no open
file may be left over, the server must stop in good order, and `eilpost check --all` must find
nothing wrong. Ends with "N passed, N failed".
"""

import argparse
import os
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE)]
from harness import Count, Failure, Server, check, wait_for  # noqa: E402

ACCOUNTS = 50
# The server's cache may fill up to its setting (512 MiB by default) in the first rounds; what grows
# beyond this from the second round to the last is a leak.
GROWTH_MAX = 256 * 1024 * 1024


def generators(options, server, number):
    """The command lines of one round, by name."""
    common = [os.path.abspath(options.load), "--accounts", str(ACCOUNTS)]
    for kind in ("imap", "imaps", "lmtp"):
        common += [f"--{kind}", str(server.port(kind))]
    common += ["--seed", str(options.seed * 1000 + number)]
    seconds = ["--seconds", str(options.seconds)]
    return {
        "mixed": common + ["mixed", "--sessions", "100", *seconds],
        "deliveries": common + ["lmtp", "--connections", "8", *seconds],
        "idle": common + ["idle", "--sessions", "500", "--per-second", "50", *seconds],
    }


def memory_of(process):
    """Octets that the process alone keeps in memory."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    raise Failure("no RssAnon in /proc")


def files_of(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def run_round(options, server, number):
    """Fails when one answer was wrong."""
    for name, command in generators(options, server, number).items():
        done = subprocess.run(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=options.seconds * 4 + 300,
            check=False,
        )
        said = done.stderr[-1500:].strip()
        check(done.returncode == 0, f"{name} ended with {done.returncode}: {said}")
    check(not server.ended(), f"{server.ended()}\n{server.tail()}")


def no_session_left(server):
    url = f"http://127.0.0.1:{server.port('http')}/metrics"

    def none():
        with urllib.request.urlopen(url, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        open_now = [line for line in lines if line.startswith("eilpost_sessions{")]
        check(open_now, "no eilpost_sessions among the metrics")
        return all(float(line.rsplit(" ", 1)[1]) == 0 for line in open_now)

    wait_for(none, 60, "every session has ended")


def check_store(options, server):
    config = os.path.join(server.directory, "check.toml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f'data_dir = "{server.data}"\n')
    command = [os.path.abspath(options.eilpost), "check", "--config", config, "--all"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    check(done.returncode == 0, (done.stdout + done.stderr)[-2000:])


def run(options, count, server):
    server.start()
    files = files_of(server.process)
    memory = []
    for number in range(1, options.rounds + 1):
        run_round(options, server, number)
        memory.append(memory_of(server.process))
        count.say("passed", f"round {number}", f": {memory[-1] / 2**20:.0f} MiB")
    no_session_left(server)
    count.say("passed", "no session left")
    grown = memory[-1] - memory[min(1, len(memory) - 1)]
    check(grown <= GROWTH_MAX, f"{grown / 2**20:.0f} MiB more than after the second round")
    count.say("passed", "memory", f": {grown / 2**20:+.0f} MiB since the second round")
    wait_for(lambda: files_of(server.process) <= files + 64, 30, "open files are closed")
    count.say("passed", "open files")
    trouble = server.stop()
    check(not trouble, str(trouble))
    count.say("passed", "it stops")
    check_store(options, server)
    count.say("passed", "eilpost check --all")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eilpost", required=True, help="the server's binary")
    parser.add_argument("--load", required=True, help="the load generator's binary")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=60, help="of each of its three loads")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    options = parser.parse_args()
    print(f"seed {options.seed}")
    count = Count()
    server = Server(options.eilpost, "rocksdb", ACCOUNTS)
    try:
        run(options, count, server)
    except Exception as failure:
        count.say("failed", "load", f", seed {options.seed}: {failure}\n{server.tail()}")
    finally:
        server.remove()
    return count.end()


if __name__ == "__main__":
    sys.exit(main())
