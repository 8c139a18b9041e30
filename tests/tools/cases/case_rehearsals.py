"""What only shows what would be done changes nothing, what is remembered included."""

import scenes
import sync_role
from cases import case
from harness import check_equal
from sides import BadSide


def rebuild(context):
    """After --dry-run --rebuild an emptied Maildir is still asked about."""
    side = BadSide()
    role = sync_role.Sync(context, side)
    try:
        role.side.fill(scenes.small())
        role.tools.succeed(*role.command())
        before = side.snapshot()
        outcome = role.tools.succeed(*role.command(), "--dry-run", "--rebuild")
        check_equal(outcome.out.strip().splitlines()[-1], "3 mailboxes, nothing was changed",
                    "what it says")
        maildir = sync_role.Maildir(context.path("mail"))
        for box, rows in before.items():
            for octets, _, _ in rows:
                maildir.remove(box, octets)
        check_equal(role.tools.run(*role.command()).status, 3, "with an empty Maildir")
        scenes.check_same(side.snapshot(), before, "the server")
    finally:
        role.stop()


def register():
    case("sync, a rehearsal of --rebuild", "sync")(rebuild)


register()
