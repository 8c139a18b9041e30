#!/usr/bin/env python3
"""Runs the tools (eilpost migrate, sync, cleanup, watch, doctor) against servers that misbehave
and against real ones, cuts their connections, kills them, and looks what is left on both sides.

  run.py --eilpost build/dev/eilpost [--slow] [--seed N] [PART...]    cases by a part of their name

bad/ is the server that misbehaves, defects/ what it does then, roles/ each tool with the state in
which it is put before and looked at after, cases/ which of them meet.

The short run draws its cases, and what chance decides in them, by SEED, so that two runs of one
tree do the same; --slow takes another seed each time. Ends with "N passed, N failed[, N skipped]".
"""

import argparse
import concurrent.futures
import glob
import importlib
import os
import random
import shutil
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
from harness import Count, Failure  # noqa: E402
from known import KNOWN  # noqa: E402
from peers import Missing  # noqa: E402
from tool import has_command  # noqa: E402

SEED = 905337883  # of the short run


def load():
    for path in sorted(glob.glob(os.path.join(cases.HERE, "cases", "case_*.py"))):
        importlib.import_module(os.path.basename(path)[: -len(".py")])


def run_one(name, options):
    """(what, text) of one case, in a process of its own."""
    directory = tempfile.mkdtemp(prefix="eilpost-tools-")
    os.chmod(directory, 0o755)  # Dovecot's processes are other users
    begin = time.monotonic()
    try:
        context = cases.Context(options, directory, f"{options.seed} {name}")
        said = cases.CASES[name].function(context)
        return "passed", f" ({time.monotonic() - begin:.1f} s{', ' + said if said else ''})"
    except (cases.Skipped, Missing) as reason:
        return "skipped", f": {reason}"
    except Failure as failure:
        return "failed", f", seed {options.seed}: {failure}"
    except Exception:  # a defect of the test, or an answer that it cannot read
        return "failed", f", seed {options.seed}:\n{traceback.format_exc()}"
    finally:
        if not options.keep:
            shutil.rmtree(directory, ignore_errors=True)


def judged(name, what, text):
    """What is said of a case's result: one of KNOWN fails as it should, or must leave the table."""
    known = KNOWN.get(name)
    if known and what == "failed":
        return "skipped", f", known: {known.reason}{text}"
    if known and what == "passed" and not known.sometimes:
        return "failed", f", which is in the table KNOWN, passes{text}"
    return what, text


def chosen(options):
    for case in sorted(cases.CASES.values(), key=lambda case: -case.weight):
        if options.names and not any(part in case.name for part in options.names):
            continue
        wanted = case.name in options.names or options.slow
        if not wanted and (case.slow or not (options.names or case.drawn(options.seed))):
            continue
        yield case


def arguments():
    parser = argparse.ArgumentParser(description="Runs the tools against good and bad servers.")
    parser.add_argument("names", nargs="*", help="cases to run, by a part of their names")
    parser.add_argument("--eilpost", required=True, help="the binary")
    parser.add_argument("--slow", action="store_true", help="all of it, for an hour")
    parser.add_argument("--seed", type=int, help="what chance decides (--slow: default random)")
    parser.add_argument("--jobs", type=int, default=3 * os.cpu_count())
    parser.add_argument("--keep", action="store_true", help="leave the directories")
    parser.add_argument("--list", action="store_true", help="only print the cases' names")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 31) if options.slow else SEED
    return options


def main():
    options = arguments()
    load()
    count = Count()
    if options.list:
        print("\n".join(case.name for case in chosen(options)))
        return 0
    print(f"seed {options.seed}", flush=True)
    tools = {case.tool for case in cases.CASES.values() if case.tool}
    for name in sorted(KNOWN.keys() - cases.CASES.keys()):
        count.say("failed", name, ": it is in the table KNOWN, and there is no such case")
    there = {tool for tool in tools if has_command(options.eilpost, tool)}
    for tool in sorted(tools - there):
        count.say("skipped", f"eilpost {tool}", ": there is no such command")
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        runs = {pool.submit(run_one, case.name, options): case.name for case in chosen(options)
                if not case.tool or case.tool in there}
        for run in concurrent.futures.as_completed(runs):
            what, text = judged(runs[run], *run.result())
            count.say(what, runs[run], text)
    return count.end()


if __name__ == "__main__":
    sys.exit(main())
