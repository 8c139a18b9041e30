"""What each tool is asked to do, what it must not do whatever its server does, and what has to be
there in the end.

A Role is made on a side (sides.py), prepare()d while all is well, then attempt()ed under whatever
the test thinks of, each attempt followed by check_unharmed(); when all is well again, finish() runs
the tool and compares everything.
"""

import importlib
import json

import scenes
from harness import check, check_equal
from sides import numbers
from tool import Tool

ROLES = {}


class Role:
    name = ""
    tool = ""
    without = ()  # kinds of defects that it cannot meet

    def __init_subclass__(cls):
        if cls.name:
            ROLES[cls.name] = cls

    def __init__(self, context, side):
        self.context, self.side = context, side
        self.tools = Tool(context.binary, context.directory)
        self.wrong = False  # the server made something else of messages: only count them
        self.renumbered = False  # known uids became worthless
        self.by_port = None  # of a proxy in between

    def account(self):
        return self.side.options(port=self.by_port)

    def prepare(self, rows):
        self.side.fill(rows)

    def command(self):
        raise NotImplementedError

    def begin(self):
        return self.tools.begin(*self.command())

    def attempt(self):
        return self.tools.end(self.begin())

    def check_unharmed(self):
        raise NotImplementedError

    def finish(self):
        self.tools.succeed(*self.command())
        self.check_right()

    def check_right(self):
        raise NotImplementedError

    def check_same(self, got, wanted, what):
        if not self.wrong:
            scenes.check_same(got, wanted, what)
            return
        check_equal({box: sorted(map(str, numbers({box: rows}))) for box, rows in got.items()
                     if rows},
                    {box: sorted(map(str, numbers({box: rows}))) for box, rows in wanted.items()
                     if rows}, f"{what}: messages by number")
        check_equal({box: len(rows) for box, rows in got.items() if rows},
                    {box: len(rows) for box, rows in wanted.items() if rows}, f"{what}: counts")

    def stop(self):
        self.side.stop()


class Watch(Role):
    """Told by --once what has happened since a look before."""

    name = "watch"
    tool = "watch"
    without = ("append", "appenduid", "store", "copy", "copyuid", "expunge")

    def prepare(self, rows):
        super().prepare(rows)
        self.events = []
        outcome = self.tools.succeed(*self.command())
        check_equal(outcome.out, "", "what the first look tells")
        self.side.fill([("INBOX", scenes.letter(20), [], scenes.BEGIN)])
        self.side.remove("Archive", 8)
        self.before = self.side.snapshot()

    def command(self):
        return ["watch", "--once", "--json", "--mailbox", "*", "--state",
                self.context.path("state"), *self.account()]

    def attempt(self):
        outcome = super().attempt()
        self.events += [json.loads(line) for line in outcome.out.splitlines()]
        return outcome

    def check_unharmed(self):
        scenes.check_same(self.side.snapshot(), self.before, "the watched account")

    def finish(self):
        told = self.attempt()
        check_equal(told.status, 0, f"when all is well: {told}")
        self.check_right()

    def check_right(self):
        kinds = {(event["event"], event["mailbox"]) for event in self.events}
        for kind, box in (("arrived", "INBOX"), ("removed", "Archive")):
            check({(kind, box), ("reset", box), ("deleted", box)} & kinds,
                  f"{kind} in {box} is not in {kinds}")
        outcome = self.tools.succeed(*self.command())
        check_equal(outcome.out, "", "a look when nothing has happened")
        self.check_unharmed()


def load():
    for name in ("migrate_role", "sync_role", "cleanup_role", "doctor_role"):
        importlib.import_module(name)
    return ROLES
