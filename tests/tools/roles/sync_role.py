"""eilpost sync: both sides have changed since they were in step."""

import scenes
from harness import check, check_equal
from maildirs import Maildir
from mailboxes import sort_key
from roles import Role
from sides import number_of, numbers


class Wanted:
    """What both sides have to hold at the end: {(mailbox, key): [octets, flags, epoch]}, the key a
    message's number, or its octets where it has none."""

    def __init__(self, snapshot):
        self.rows = {}
        for box, rows in snapshot.items():
            for octets, flags, epoch in rows:
                self.rows[box, number_of(octets) or octets] = [octets, set(flags), epoch]

    def move(self, box, number, target):
        self.rows[target, number] = self.rows.pop((box, number))

    def snapshot(self):
        out = {}
        for (box, _), (octets, flags, epoch) in self.rows.items():
            out.setdefault(box, []).append((octets, frozenset(flags), epoch))
        return {box: sorted(rows, key=sort_key) for box, rows in out.items()}


class Sync(Role):
    name = "sync"
    tool = "sync"

    def prepare(self, rows):
        super().prepare(rows)
        self.tools.succeed(*self.command())
        self.maildir = Maildir(self.context.path("mail"))
        self.before = self.side.snapshot()
        scenes.check_same(self.maildir.snapshot(), self.before, "the first run")
        self.wanted = Wanted(self.before)
        self.change_server()
        self.change_maildir()

    def command(self):
        return ["sync", "--maildir", self.context.path("mail"), "--state",
                self.context.path("state.db"), *self.account()]

    def change_server(self):
        rows = self.wanted.rows
        octets, epoch = scenes.letter(9020), scenes.BEGIN + 99
        self.side.fill([("INBOX", octets, ["\\Flagged"], epoch)])
        rows["INBOX", 9020] = [octets, {"\\Flagged"}, epoch]
        self.side.flag("INBOX", 1, "\\Answered")
        rows["INBOX", 1][1].add("\\Answered")
        self.side.move("INBOX", 2, "Archive")
        self.wanted.move("INBOX", 2, "Archive")
        self.side.remove("Archive", 8)
        del rows["Archive", 8]

    def change_maildir(self):
        rows, maildir = self.wanted.rows, self.maildir
        octets, epoch = scenes.letter(9030), scenes.BEGIN + 77
        maildir.add("INBOX", octets, epoch, "S")
        rows["INBOX", 9030] = [octets, {"\\Seen"}, epoch]
        maildir.flag("INBOX", rows["INBOX", 4][0], "S")
        rows["INBOX", 4][1].add("\\Seen")
        maildir.move("INBOX", rows["INBOX", 6][0], "Archive")
        self.wanted.move("INBOX", 6, "Archive")
        maildir.remove("Archive", rows["Archive", 9][0])
        del rows["Archive", 9]

    def check_unharmed(self):
        """What nobody has deleted is on one side at least."""
        there = numbers(self.maildir.snapshot()) | numbers(self.side.snapshot())
        lost = numbers(self.wanted.snapshot()) - there
        check(not lost, f"lost: {sorted(lost)}")

    def check_right(self):
        if self.renumbered:
            self.check_whole()
        else:
            wanted = self.wanted.snapshot()
            self.check_same(self.side.snapshot(), wanted, "the server")
            self.check_same(self.maildir.snapshot(), wanted, "the Maildir")
        for options in ([], ["--rebuild"]):
            outcome = self.tools.succeed(*self.command(), *options)
            # What the server has made of a message is not written over the user's own.
            self.check_same(self.maildir.snapshot(), self.side.snapshot(),
                            f"after a run more: {outcome}")

    def check_whole(self):
        """Each mailbox has what it should have, once; and what was taken from it meanwhile, or not.
        """
        there = self.side.snapshot()
        for box, wanted in self.wanted.snapshot().items():
            got = sorted(number_of(octets) for octets, _, _ in there[box])
            check_equal(got, sorted(set(got)), f"{box}: each message once")
            needed = {number_of(octets) for octets, _, _ in wanted}
            before = {number_of(octets) for octets, _, _ in self.before[box]}
            check(needed <= set(got) <= needed | before,
                  f"{box} has {got}, where {sorted(needed)} should be")
        self.check_same(self.maildir.snapshot(), there, "the Maildir")
