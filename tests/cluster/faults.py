#!/usr/bin/env python3
"""Faults of every kind on real processes, under load from several nodes on shared accounts.

  faults.py --eilpost build/dev/eilpost --faults 200 [--seed N] [--nodes 3] [--engine rados]

Three OSDs, a monitor and `eilpost serve` nodes of one cluster; clients.py is the load,
disturbances.py what is done to them, crash/model.py what is compared. The seed decides what is done
and when, not what the operating system makes of it. Ends with "N passed, N failed[, N skipped]".
"""

import argparse
import collections
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "crash"), os.path.dirname(HERE)]
import disturbances  # noqa: E402
import mini  # noqa: E402
import nodes  # noqa: E402
from harness import Count, Failure  # noqa: E402
from world import World, chance_of  # noqa: E402

FAULTS_PER_ROUND = 4
ROUNDS_PER_ACCOUNT = 6


def make_world(options, directory):
    """(the world, what ends it), with everything but the load running."""
    ceph = None
    engine = 'engine = "rocksdb"'
    namespaces = []
    if options.engine == "rados":
        ceph, engine = mini.start(directory, options.isolated)
    try:
        for number in range(1, options.nodes + 1):
            namespaces.append(nodes.Namespace(number) if options.isolated else None)
        made = [
            nodes.Node(number, directory, options.eilpost, engine, namespaces[number - 1])
            for number in range(1, options.nodes + 1)
        ]
        return World(made, ceph, options.seed)
    except Exception:
        for namespace in filter(None, namespaces):
            namespace.remove()
        if ceph:
            ceph.remove()
        raise


def kinds_of(options):
    if options.engine != "rados":
        return [disturbances.NodeKill, disturbances.NodeFreeze]
    kinds = list(disturbances.WEIGHTS)
    if not options.isolated:
        kinds.remove(disturbances.NodeCut)
    if options.only:
        kinds = [kind for kind in kinds if kind.__name__ in options.only]
    return kinds


def run_round(world, number, faults, count, seen):
    """Load, faults one after the other, quiet, comparing."""
    chance = chance_of(world.seed, f"round {number}")
    begin = time.monotonic()
    world.start_load(number)
    for fault in faults:
        time.sleep(chance.uniform(0.2, 1.2))
        world.raise_failures()
        started = time.monotonic()
        fault.begin()
        try:
            fault.last()
        finally:
            lasted = time.monotonic() - started
            fault.end()
        over = time.monotonic() - started - lasted
        print(f"        {fault.label()}; well again after {over:.1f} s", flush=True)
        seen[type(fault).__name__] += 1
    time.sleep(chance.uniform(0.3, 1.0))
    refusals, losses = world.refusals(), sum(worker.losses for worker in world.workers)
    acknowledged = world.acknowledged()
    world.stop_load()
    world.settle()
    loaded = time.monotonic() - begin
    world.compare_all()
    doubtful = sum(len(worker.doubtful) for worker in world.workers)
    labels = "; ".join(fault.label() for fault in faults)
    text = (
        f"{labels}: {acknowledged} acknowledged, {refusals} refused, {losses} connections lost, "
        f"{doubtful} in doubt; {loaded:.0f} s, "
        f"and {time.monotonic() - begin - loaded:.0f} s for comparing"
    )
    for _ in faults:
        count.passed += 1
    print(f"passed  round {number}: {text}", flush=True)


def run(options, directory, count):
    world = make_world(options, directory)
    seen = collections.Counter()
    try:
        world.begin()
        faults = disturbances.plan(
            world,
            chance_of(options.seed, "plan"),
            options.faults,
            kinds_of(options),
            disturbances.LONG if options.long else [],
        )
        for number, first in enumerate(range(0, len(faults), FAULTS_PER_ROUND), 1):
            if number % ROUNDS_PER_ACCOUNT == 0:
                world.next_accounts()
            run_round(world, number, faults[first : first + FAULTS_PER_ROUND], count, seen)
            if time.monotonic() > options.deadline:
                raise Failure(f"no time left after {sum(seen.values())} faults")
        end(world, options, count)
    except Exception as failure:
        text = failure if isinstance(failure, Failure) else traceback.format_exc()
        count.say("failed", "faults", f", seed {options.seed}: {text}")
        for node in world.nodes:
            print(f"    the end of {node.name}'s log:\n{node.tail(12)}")
        options.keep = True
    finally:
        kinds = ", ".join(f"{name} {number}" for name, number in sorted(seen.items()))
        print(f"        {kinds}\n        {world.summary()}", flush=True)
        remove(world)


def end(world, options, count):
    status, said = world.nodes[0].command("check", "--all", timeout=300)
    count.say("failed" if status else "passed", "eilpost check --all", f": {said.strip()[-500:]}")
    world.finish()
    for node in world.nodes:
        trouble = node.stop()
        count.say("failed" if trouble else "passed", f"{node.name} stops", f": {trouble or 'yes'}")
    for node in world.nodes:
        node.start()
    world.workers = []
    world.accounts, world.retired = world.retired + world.accounts, []
    world.compare_all()
    count.say("passed", "the same after an orderly stop of every node")


def remove(world):
    for follower in world.followers:
        follower.stopping = True
    for node in world.nodes:
        try:
            node.remove()
        except OSError as error:
            print(f"        {node.name}: {error}")
    if world.ceph:
        world.ceph.remove()


def main():
    parser = argparse.ArgumentParser(description="Breaks a cluster and looks what is left.")
    parser.add_argument("--eilpost", required=True, help="the binary to start")
    parser.add_argument("--engine", choices=["rados", "rocksdb"], default="rados")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--faults", type=int, default=12)
    parser.add_argument("--only", action="append", help="a kind of fault; may come again")
    parser.add_argument("--long", action="store_true", help="some freezes and cuts last 60 s")
    parser.add_argument("--minutes", type=float, default=55, help="give up after so many")
    parser.add_argument("--seed", type=int, help="(default: random, printed)")
    parser.add_argument("--keep", action="store_true", help="leave the logs")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 31)
    options.deadline = time.monotonic() + options.minutes * 60
    if "EILPOST_ISOLATED" not in os.environ and nodes.may_isolate():
        os.environ["EILPOST_ISOLATED"] = "yes"
        command = [sys.executable, os.path.abspath(__file__), *sys.argv[1:]]
        return nodes.run_isolated(command + ["--seed", str(options.seed)])
    options.isolated = "EILPOST_ISOLATED" in os.environ
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    count = Count()
    print(f"seed {options.seed}", flush=True)
    if not options.isolated:
        count.say("skipped", "network cuts", ": no right to make network namespaces here")
    directory = tempfile.mkdtemp(prefix="eilpost-cluster-", dir="/var/tmp")
    try:
        run(options, directory, count)
    finally:
        if options.keep:
            print(f"        logs: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    return count.end()


if __name__ == "__main__":
    sys.exit(main())
