#!/usr/bin/env python3
"""Runs the simulation over many seeds, a block of them at a time on every core, for a while.

usage: run.py --build DIR [--rounds N] [--minutes M] [--first SEED] [--steps N]

Without --rounds it goes on for --minutes (8). The last line counts seeds: "N passed, N failed". A
failing seed is printed with what led to it; run it alone with DIR/eilpost_simulation --seeds SEED.
"""

import argparse
import concurrent.futures
import itertools
import os
import re
import subprocess
import sys
import time

BLOCK = 100


def run_block(binary, first, steps):
    """The seeds [first, first + BLOCK): (passed, failed, output)."""
    command = [binary, "--seeds", f"{first}:{first + BLOCK - 1}", "--steps", str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=1800)
    output = done.stdout + done.stderr
    counts = re.search(r"^(\d+) passed, (\d+) failed$", output, re.M)
    if not counts:
        return 0, 1, f"seeds {first}+: ended with {done.returncode} and no count\n{output}"
    return int(counts[1]), int(counts[2]), output


def main():
    parser = argparse.ArgumentParser(description="the simulation over many seeds")
    parser.add_argument("--build", required=True, help="build directory with eilpost_simulation")
    parser.add_argument("--rounds", type=int, help=f"blocks of {BLOCK} seeds (default: by time)")
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--first", type=int, default=1000, help="the first seed")
    parser.add_argument("--steps", type=int, default=1500)
    options = parser.parse_args()
    binary = os.path.join(options.build, "eilpost_simulation")
    if not os.access(binary, os.X_OK):
        sys.exit(f"there is no {binary}")
    end = time.monotonic() + options.minutes * 60
    blocks = range(options.rounds) if options.rounds else itertools.count()
    workers = os.cpu_count() or 1
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        waiting = set()
        for block in blocks:
            if not options.rounds and time.monotonic() > end:
                break
            first = options.first + block * BLOCK
            waiting.add(pool.submit(run_block, binary, first, options.steps))
            if len(waiting) >= workers:
                done, waiting = concurrent.futures.wait(
                    waiting, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    good, bad, output = future.result()
                    passed, failed = passed + good, failed + bad
                    if bad:
                        print(output, flush=True)
        for future in waiting:
            good, bad, output = future.result()
            passed, failed = passed + good, failed + bad
            if bad:
                print(output, flush=True)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
