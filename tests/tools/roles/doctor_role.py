"""eilpost doctor: whatever it finds, the mail is afterwards as it was before."""

import json

import scenes
from harness import check
from roles import Role


class Doctor(Role):
    name = "doctor"
    tool = "doctor"

    def prepare(self, rows):
        super().prepare(rows)
        self.before = self.side.snapshot()

    def command(self):
        return ["doctor", "--write", "--tries", "4", "--format", "json", *self.account()]

    def attempt(self):
        outcome = super().attempt()
        check(outcome.status in (0, 1, 2), f"no such status: {outcome}")
        if outcome.status != 2:
            json.loads(outcome.out)
        return outcome

    def check_unharmed(self):
        """Mailboxes of its own may be left when it could not take them away."""
        after = self.side.snapshot()
        scenes.check_same({box: rows for box, rows in after.items() if box in self.before},
                          self.before, "the account")

    def finish(self):
        outcome = self.attempt()
        check(outcome.status in (0, 1), f"when all is well: {outcome}")
        self.check_right()

    def check_right(self):
        self.check_unharmed()
