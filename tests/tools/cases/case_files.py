"""Mail goes from a server into a Maildir or mbox files and from there into another account, by runs
that are killed on their way: what comes out is what went in."""

import random
import re
import time

import scenes
from case_pairs import started
from cases import case
from harness import check_equal
from peers import KINDS
from sides import RealSide
from tool import Tool

COUNT = 40


class Transfer:
    """Account 1 of a server, files, account 2."""

    def __init__(self, context, peer, form):
        self.context, self.form = context, form
        self.chance = random.Random(context.seed)
        self.tools = Tool(context.binary, context.directory)
        self.source, self.target = RealSide(peer, 1), RealSide(peer, 2)
        self.files = context.path("files")

    def steps(self):
        files = [f"-{self.form}", self.files]
        yield ["migrate", "--ledger", self.context.path("ledger.in"),
               *self.source.options("from-"), "--to" + files[0], files[1]]
        yield ["migrate", "--ledger", self.context.path("ledger.out"), "--from" + files[0],
               files[1], *self.target.options("to-")]

    def run(self, kills):
        for command in self.steps():
            for _ in range(kills):
                process = self.tools.begin(*command)
                time.sleep(self.chance.random() ** 2 * 0.5)
                process.kill()
                self.tools.end(process, killed=True)
            self.tools.succeed(*command)
            again = self.tools.succeed(*command)
            copied = re.search(r"in all: (\d+) copied", again.out)
            check_equal(copied and copied.group(1), "0", f"copied by another run: {again}")

    def check_same(self):
        wanted = self.source.snapshot()
        scenes.check_same(self.target.snapshot(), wanted, "what came out of the files")


def there_and_back(context, kind, form):
    with started(context.options, kind) as (peer,):
        transfer = Transfer(context, peer, form)
        strange = set(scenes.STRANGE.values())
        rows = [row for row in scenes.small() + scenes.mixed(context.seed, COUNT)
                if row[1] not in strange]
        transfer.source.fill(rows)
        transfer.run(2)
        transfer.check_same()
        transfer.source.fill([("INBOX", scenes.letter(9020), ["\\Flagged"], scenes.BEGIN + 99)])
        if form == "maildir":  # flags in mbox files stay as they were written
            transfer.source.flag("INBOX", 1, "\\Answered")
        transfer.run(1)
        transfer.check_same()


def register():
    for kind in KINDS:
        for form in ("maildir", "mbox"):
            case(f"migrate {KINDS[kind].kind} by {form}", "migrate", weight=10)(
                lambda context, k=kind, f=form: there_and_back(context, k, f))


register()
