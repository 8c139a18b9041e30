"""eilpost cleanup: what was not meant stays, what was meant is not lost on its way to
Trash, and what was moved comes back."""

import scenes
from harness import check
from mailboxes import sort_key
from roles import Role
from sides import number_of, numbers


class Cleanup(Role):
    tool = "cleanup"
    without = ("append", "appenduid")
    trash_use = "\\Trash"
    going = frozenset()  # the numbers of those that shall be removed for good

    def prepare(self, rows):
        super().prepare(rows)
        self.side.create("Trash", self.trash_use)
        for box, number in (("INBOX", 3), ("INBOX", 6), ("INBOX", 2), ("Archive", 9)):
            self.side.flag(box, number, "\\Deleted")
        self.before = self.side.snapshot()
        self.wanted = self.right()

    def options(self):
        return [*self.account(), "--journal", self.context.path("journal"),
                "--apply"]

    def right(self):
        """What has to be there at the end."""
        raise NotImplementedError

    def check_unharmed(self):
        there = numbers(self.side.snapshot())
        lost = numbers(self.before) - there - self.going
        check(not lost, f"lost: {sorted(lost)}")

    def check_right(self):
        scenes.check_same(self.side.snapshot(), self.wanted, "the account")
        outcome = self.tools.succeed(*self.command())
        scenes.check_same(self.side.snapshot(), self.wanted, f"after a run more: {outcome}")


def moved(snapshot, goes, target=None):
    """The snapshot when those rows have gone from INBOX for which goes(octets, flags) is true."""
    going = [row for row in snapshot["INBOX"] if goes(row[0], row[1])]
    out = {**snapshot, "INBOX": [row for row in snapshot["INBOX"] if row not in going]}
    if target:
        out[target] = sorted(out.get(target, []) + going, key=sort_key)
    return out


class Purge(Cleanup):
    """3 and 6 of INBOX; 2 is marked as well and stays, for it is flagged."""

    name = "cleanup purge"
    going = frozenset({3, 6})

    def command(self):
        return ["cleanup", "purge", "--mailbox", "INBOX", "--flagged", "no", *self.options()]

    def right(self):
        return moved(self.before, lambda octets, _: number_of(octets) in self.going)


class Trash(Cleanup):
    """The unread of INBOX (3, 4 and 6 of the small scene), whatever else is said of them."""

    name = "cleanup trash"

    def command(self):
        return ["cleanup", "trash", "--mailbox", "INBOX", "--seen", "no", "--marked", "any",
                *self.options()]

    def right(self):
        return moved(self.before, lambda _, flags: "\\Seen" not in flags, "Trash")


class Undo(Trash):
    """The same, taken back."""

    name = "cleanup undo"

    def prepare(self, rows):
        super().prepare(rows)
        self.tools.succeed(*super().command())
        if self.stays_marked():
            there = self.side.snapshot()
            scenes.check_same({"Trash": self.wanted["Trash"]}, {"Trash": there["Trash"]}, "copies")
        else:
            scenes.check_same(self.side.snapshot(), self.wanted, "moved to Trash")
        self.wanted = self.before

    def stays_marked(self):
        """With neither MOVE nor UIDPLUS EXPUNGE would take what others have marked."""
        return self.side.kind == "a bad server" and not self.side.bad.has("UIDPLUS")

    def command(self):
        return ["cleanup", "undo", *self.options()]

    def finish(self):
        """Nothing to take back is no success, so the last run may say that."""
        outcome = self.tools.run(*self.command())
        check("nothing to take back" in outcome.err or outcome.status == 0, str(outcome))
        scenes.check_same(self.side.snapshot(), self.wanted, "the account")
