#!/usr/bin/env python3
"""Runs Debian's mail programs against one server process and looks at both sides of what they do.

  run.py --eilpost build/dev/eilpost [NAME...]     cases whose name begins with one of the names

Each client has its module client_*.py. A program that is missing is a failure unless
--allow-missing says otherwise. Ends with "N passed, N failed[, N skipped]".
"""

import argparse
import concurrent.futures
import glob
import importlib
import os
import re
import shutil
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
from harness import Count, Failure, Server  # noqa: E402


def load():
    for path in sorted(glob.glob(os.path.join(cases.HERE, "client_*.py"))):
        importlib.import_module(os.path.basename(path)[: -len(".py")])


def run_one(number, server, options, count):
    name, programs, function = cases.CASES[number]
    missing = [program for program in programs if not cases.find_program(program)]
    if missing:
        what = "skipped" if options.allow_missing else "failed"
        count.say(what, name, f": there is no {' and no '.join(missing)}")
        return
    directory = tempfile.mkdtemp(prefix=f"eilpost-{re.sub('[^a-z0-9]+', '-', name.lower())}-")
    start = time.monotonic()
    try:
        function(cases.Context(server, number, directory, options))
        count.say("passed", name, f" ({time.monotonic() - start:.1f} s)")
    except cases.Skipped as reason:
        count.say("skipped", name, f": {reason}")
    except Failure as failure:
        count.say("failed", name, f" ({time.monotonic() - start:.1f} s): {failure}")
    except Exception:  # a defect of the test, or an answer that it cannot read
        count.say("failed", name, f":\n{traceback.format_exc()}")
    finally:
        if options.keep:
            print(f"        {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="Runs mail programs against the server.")
    parser.add_argument("names", nargs="*", help="cases to run, by the start of their names")
    parser.add_argument("--eilpost", required=True, help="the binary to start")
    parser.add_argument("--engine", default="rocksdb", help="memory or rocksdb")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--allow-missing", action="store_true")
    parser.add_argument("--postfix-root", help="where Debian's postfix package lies unpacked")
    parser.add_argument("--keep", action="store_true", help="leave the directories")
    options = parser.parse_args()
    load()
    numbers = [
        number
        for number, (name, _, _) in enumerate(cases.CASES)
        if not options.names or any(name.startswith(start) for start in options.names)
    ]
    count = Count()
    server = Server(options.eilpost, options.engine, 2 * len(cases.CASES) + 2)
    try:
        server.start()
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for run in [pool.submit(run_one, n, server, options, count) for n in numbers]:
                run.result()
        trouble = server.stop()
        count.say("failed" if trouble else "passed", "the server stops", f": {trouble or 'yes'}")
    except (Failure, OSError) as failure:
        count.say("failed", "the server", f": {failure}")
    finally:
        server.remove()
    return count.end()


if __name__ == "__main__":
    sys.exit(main())
