#!/usr/bin/env python3
"""Simulated clients at one account, each with a mirror of what the server has told it.

  run.py --eilpost build/release/eilpost [--engine memory] [--clients 8] [--hours 2] [--seed N]
         [--seconds N] [--real]

Each client lives so many hours of its own time: between two commands it thinks, for some seconds,
which pass at once unless --real is given. Clients take their turns one at a time, in the order of
their clocks, so that a seed is a run. They connect in all ways that the extensions offer, change
mailboxes under each other's eyes and listen; every few minutes of theirs all of them are held to a
fresh look: mirrors to a FETCH, results that are kept up to date to what the messages say, SORT and
THREAD to a second implementation, STATUS that NOTIFY told to STATUS. --seconds ends the run early.
Ends with "N passed, N failed".
"""

import argparse
import heapq
import os
import random
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import mail  # noqa: E402
import overflow  # noqa: E402
from client import Client  # noqa: E402
from harness import (Count, Failure, Imap, Server, check, check_equal, flag_set,  # noqa: E402
                     parse_response, quoted, user)
from mirror import numbers  # noqa: E402

MAILBOXES = ["INBOX", "Archive", "Copies"]
CHECK_EVERY = 300  # seconds of the clients' time


class World:
    """What the test knows: every message that ever was, by the uid that it was given."""

    def __init__(self, port, rng, log):
        self.port = port
        self.log = log
        self.mail = mail.Mail(rng)
        self.mailboxes = MAILBOXES
        self.passing = []
        self.passed = 0
        self.given = {}
        self.resyncs = 0
        self.contexts = 0
        self.auditor = Imap(port)
        self.auditor.login(user(1))
        self.auditor.do("ENABLE CONDSTORE")
        for name in MAILBOXES[1:]:
            self.auditor.command(f"CREATE {name}")

    def came(self, name, uids, messages):
        check_equal(len(uids), len(messages), f"uids of new messages in {name}")
        for uid, message in zip(uids, messages):
            check((name, uid) not in self.given, f"{name}: uid {uid} is given again")
            self.given[name, uid] = message

    def message(self, name, uid):
        return self.given[name, uid]

    def truth(self, name):
        """{uid: (flags, modseq)}"""
        self.auditor.do(f"EXAMINE {quoted(name)}")
        found = self.auditor.fetch("1:*", "UID FLAGS MODSEQ")
        return {u: (flag_set(o["FLAGS"]), int(o["MODSEQ"][0])) for u, o in sorted(found.items())}


class Run:
    def __init__(self, options, server):
        self.options = options
        self.rng = random.Random(options.seed)
        self.world = World(server.port("imap"), self.rng, options.log)
        self.clients = [Client(n + 1, self.world, random.Random(f"{options.seed} {n}"))
                        for n in range(options.clients)]
        self.highest = {}
        self.checkpoints = 0
        self.compared = 0

    def run(self):
        queue = [(0.0, n) for n in range(len(self.clients))]
        end = self.options.hours * 3600
        stop = time.monotonic() + self.options.seconds if self.options.seconds else None
        next_check = CHECK_EVERY
        now = 0.0
        while queue and not (stop and time.monotonic() > stop):
            at, n = heapq.heappop(queue)
            if self.options.real:
                time.sleep(max(at - now, 0))
            now = at
            if now >= next_check:
                self.checkpoint()
                next_check += CHECK_EVERY
            if now >= end:
                break
            self.turn(self.clients[n])
            heapq.heappush(queue, (now + self.rng.expovariate(1 / self.options.think), n))
        self.checkpoint()
        for client in self.clients:
            self.blaming(client, client.leave)
        return now

    def turn(self, client):
        self.blaming(client, client.turn)

    def blaming(self, client, work):
        try:
            return work()
        except Exception as error:
            log = "\n".join("    " + line for line in client.log[-25:])
            raise Failure(f"{client.name} ({', '.join(sorted(client.enabled))}, "
                          f"NOTIFY {client.notify}): {error}\n{log}") from error

    # --- checkpoints: nobody does anything ---

    def checkpoint(self):
        self.checkpoints += 1
        for client in self.clients:
            self.blaming(client, client.settle)
        truths = {name: self.world.truth(name) for name in MAILBOXES}
        for name, truth in truths.items():
            self.look_at_modseqs(name, truth)
        for client in self.clients:
            if client.wire and client.mirror:
                self.blaming(client, lambda c=client: self.compare(c, truths))
        for client in self.clients:
            if client.wire and client.notify == "all":
                self.blaming(client, lambda c=client: self.compare_statuses(c))

    def look_at_modseqs(self, name, truth):
        highest = self.world.auditor.status(name, "HIGHESTMODSEQ")["HIGHESTMODSEQ"]
        check(highest >= self.highest.get(name, 0), f"{name}: HIGHESTMODSEQ {highest} fell")
        check(all(modseq <= highest for _, modseq in truth.values()), f"{name}: MODSEQ > {highest}")
        self.highest[name] = highest
        check(all((name, uid) in self.world.given for uid in truth), f"{name}: unknown uids")

    def compare(self, client, truths):
        mirror = client.mirror
        truth = truths[mirror.name]
        check_equal([m.uid for m in mirror.messages], list(truth), f"uids of {mirror.name}")
        check_equal({m.uid: sorted(m.flags) for m in mirror.messages},
                    {uid: sorted(flags) for uid, (flags, _) in truth.items()},
                    f"flags of {mirror.name}")
        if client.condstore:
            told = {m.uid: m.modseq for m in mirror.messages if m.modseq}
            check_equal(told, {uid: truth[uid][1] for uid in told}, f"modseqs of {mirror.name}")
        self.compared += 1
        messages = [(uid, self.world.message(mirror.name, uid)) for uid in truth]
        flags = {uid: flags for uid, (flags, _) in truth.items()}
        for context in list(mirror.contexts.values()):
            self.compare_context(client, context, messages, flags)
        self.compare_order(client, messages, flags)
        self.compare_threads(client, messages)
        self.compare_everywhere(client, truths)

    def matching(self, meaning, messages, flags):
        return [(uid, m) for uid, m in messages if meaning(m, flags[uid], uid)]

    def compare_context(self, client, context, messages, flags):
        found = self.matching(context.meaning, messages, flags)
        got = context.uids()
        if context.criteria:
            wanted = mail.ordered(context.criteria, found)
            order = mail.print_criteria(context.criteria)
            fresh = self.numbers_of(client, f"UID SORT RETURN (ALL) ({order}) UTF-8 {context.key}")
        else:
            wanted, got = [uid for uid, _ in found], sorted(got)
            fresh = sorted(self.numbers_of(client, f"UID SEARCH RETURN (ALL) {context.key}"))
        check_equal(fresh, wanted, f"a fresh look for {context.key} {context.criteria}")
        check_equal(got, wanted, f"{context.tag}: {context.key} {context.criteria}")
        self.compared += 1

    def numbers_of(self, client, text):
        client.do(text)
        told = client.results[-1][2].get("ALL", "")
        return numbers(told) if told else []

    def compare_order(self, client, messages, flags):
        key, meaning = client.a_key()
        chosen = mail.criteria(self.rng)
        wanted = mail.ordered(chosen, self.matching(meaning, messages, flags))
        text = f"({mail.print_criteria(chosen)}) UTF-8 {key}"
        client.do(f"UID SORT {text}")
        got = [int(one) for result in client.results if result[0] == "SORT" for one in result[1:]
               if not isinstance(one, list)]
        check_equal(got, wanted, f"UID SORT {text}")
        page = self.partial(client, text)
        check_equal(page, wanted[:5], f"UID SORT RETURN (PARTIAL 1:5) {text}")

    def partial(self, client, text):
        client.do(f"UID SORT RETURN (PARTIAL 1:5) {text}")
        told = client.results[-1][2]["PARTIAL"][1]
        return numbers(told) if told else []

    def compare_threads(self, client, messages):
        client.do("UID THREAD REFERENCES UTF-8 ALL")
        wanted = mail.by_references(messages)
        if wanted is not None:
            check_equal(mail.parsed_threads(self.thread_of(client)), wanted, "THREAD=REFERENCES")
            self.compared += 1
        client.do("UID THREAD ORDEREDSUBJECT UTF-8 ALL")
        got = [flattened(one) for one in self.thread_of(client)]
        check_equal(got, mail.by_subject(messages), "THREAD=ORDEREDSUBJECT")

    def thread_of(self, client):
        return [one for result in client.results if result[0] == "THREAD" for one in result[1:]]

    def compare_everywhere(self, client, truths):
        """ESEARCH in all mailboxes (RFC 7377)."""
        key, meaning = client.a_key()
        wanted = {}
        for name, truth in truths.items():
            found = [uid for uid, (flags, _) in truth.items()
                     if meaning(self.world.message(name, uid), flags, uid)]
            if found:
                wanted[name] = found
        client.do(f"ESEARCH IN (mailboxes ({' '.join(map(quoted, MAILBOXES))})) RETURN (ALL) {key}")
        got = {}
        for _, where, words in client.results:
            about = dict(zip(where[::2], where[1::2]))
            name = about["MAILBOX"]
            name = name.decode() if isinstance(name, bytes) else name
            got[name] = sorted(numbers(words["ALL"]))
        check_equal(got, wanted, f"ESEARCH of {key}")

    def compare_statuses(self, client):
        """What NOTIFY said last of each mailbox, if somebody else did what it is about."""
        for name, told in client.statuses.items():
            mine = name in client.touched or (client.mirror and client.mirror.name == name)
            if mine or name not in MAILBOXES or "MESSAGES" not in told:
                continue
            now = self.world.auditor.status(name, "MESSAGES UIDNEXT")
            check_equal({item: told[item] for item in now}, now, f"NOTIFY of {name}")
            self.compared += 1


def flattened(fields):
    """The uids of a list of lists, in order."""
    out = []
    for one in fields:
        out += flattened(one) if isinstance(one, list) else [int(one)]
    return out


def offer(options, server, capability):
    command = [server.binary, "account", "set", user(1), "--offer", capability, "--data",
               server.data]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    check(done.returncode == 0, done.stdout + done.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eilpost", required=True)
    parser.add_argument("--engine", default="memory")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--hours", type=float, default=2, help="of the clients' time")
    parser.add_argument("--think", type=float, default=8, help="seconds between commands")
    parser.add_argument("--seconds", type=float, help="of real time, at most")
    parser.add_argument("--real", action="store_true", help="the clients' time passes")
    parser.add_argument("--log", type=argparse.FileType("w"), help="where to write what is said")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    count = Count()
    server = Server(options.eilpost, options.engine, 2)
    begun = time.monotonic()
    run = None
    try:
        server.start()
        offer(options, server, "UIDONLY")
        run = Run(options, server)
        overflow.run(server.port("imap"))
        count.say("passed", "NOTIFICATIONOVERFLOW")
        lived = run.run()
        trouble = server.stop()
        check(not trouble, str(trouble))
        commands = sum(client.commands for client in run.clients)
        count.say("passed", "sessions",
                  f": {lived / 3600:.1f} hours of {options.clients} clients in "
                  f"{time.monotonic() - begun:.0f} s, {commands} commands, "
                  f"{sum(c.pushes for c in run.clients)} pushes, {run.world.resyncs} QRESYNCs, "
                  f"{run.world.contexts} live searches, {run.checkpoints} checkpoints, "
                  f"{run.compared} comparisons")
    except Exception as failure:
        if not isinstance(failure, Failure):
            traceback.print_exc()
        count.say("failed", "sessions", f", seed {options.seed}: {failure}\n{server.tail()}")
    finally:
        server.remove()
    return count.end()


if __name__ == "__main__":
    sys.exit(main())
