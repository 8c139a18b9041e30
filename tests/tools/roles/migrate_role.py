"""eilpost migrate between two accounts, of which one may misbehave: `side` is the one that tests
trouble, as source or as target."""

import scenes
from harness import check, check_equal
from mailboxes import sort_key
from roles import Role
from sides import BadSide, number_of, numbers

OWN = ("Archive", scenes.letter(9500), ["\\Seen"], scenes.BEGIN)  # is in the target before


class Migrate(Role):
    tool = "migrate"
    without = ("copyuid",)
    good_status = (0,)

    def __init__(self, context, side, other=None):
        super().__init__(context, side)
        self.other = other or BadSide()
        self.source, self.target = self.ends()

    def ends(self):
        raise NotImplementedError

    def account(self):
        out = []
        for prefix, end in (("from-", self.source), ("to-", self.target)):
            out += end.options(prefix, self.by_port if end is self.side else None)
        return out

    def command(self):
        return ["migrate", "--ledger", self.context.path("ledger"), *self.account()]

    def prepare(self, rows):
        self.source.fill(rows)
        self.target.create(OWN[0])
        self.target.fill([OWN])
        self.before = self.source.snapshot()

    def wanted(self):
        out = {}
        for box, rows in self.source.snapshot().items():
            kept = [(self.target.shows(octets), flags, epoch) for octets, flags, epoch in rows]
            out[box] = [row for row in kept if row[0] is not None]
        out[OWN[0]].append((OWN[1], frozenset(OWN[2]), OWN[3]))
        return {box: sorted(rows, key=sort_key) for box, rows in out.items()}

    def check_unharmed(self):
        scenes.check_same(self.source.snapshot(), self.before, "the source")
        check(number_of(OWN[1]) in numbers(self.target.snapshot()),
              "what was in the target before is lost")

    def finish(self):
        outcome = self.attempt()
        if "next run looks for each" in outcome.out:
            outcome = self.attempt()
        good = (0, 3) if self.wrong else self.good_status
        check(outcome.status in good, f"when all is well: {outcome}")
        self.check_right()

    def check_right(self):
        wanted = self.wanted()
        self.check_same(self.target.snapshot(), wanted, "the target")
        again = self.attempt()
        self.check_same(self.target.snapshot(), wanted, f"the target after a run more: {again}")
        scenes.check_same(self.source.snapshot(), self.before, "the source")

    def change_source(self):
        """What happens there between two runs."""
        self.source.fill([("INBOX", scenes.letter(9020), ["\\Flagged"], scenes.BEGIN + 99)])
        self.source.flag("INBOX", 1, "\\Answered")
        self.source.flag("INBOX", 4, "Later")
        self.before = self.source.snapshot()

    def stop(self):
        super().stop()
        self.other.stop()


class MigrateFrom(Migrate):
    name = "migrate from"
    without = ("append", "appenduid", "copyuid", "store", "copy", "expunge")

    def ends(self):
        return self.side, self.other


class MigrateTo(Migrate):
    name = "migrate to"

    def ends(self):
        return self.other, self.side


class MigrateDelta(MigrateTo):
    """The second run, after the source has changed."""

    name = "migrate delta to"

    def prepare(self, rows):
        super().prepare(rows)
        check_equal(self.attempt().status, 0, "the first run")
        self.change_source()
