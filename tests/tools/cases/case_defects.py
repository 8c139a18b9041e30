"""Every defect of the bad server, for every role of a tool: the tool ends in time and does no
harm, and gets everything right when the defect is gone; at once where the defect is harmless. The
seed draws which the short run has."""

import defects
import roles
import scenes
from cases import case
from harness import check
from sides import BadSide

SHARE = 0.08  # of the short run; --slow has all of them


def try_defect(context, role_kind, kind):
    side = BadSide(carrier=kind.carrier)
    role = role_kind(context, side)
    try:
        role.prepare(scenes.small())
        side.bad.fall_ill(kind())
        if is_silent(kind):
            role.tools.deadline = 400  # each try of each mailbox takes its 5 s
        role.wrong, role.renumbered = kind.wrong, kind.renumbers
        outcome = role.attempt()
        role.check_unharmed()
        side.bad.defect.check(side.bad, outcome)
        again = "next run looks for each" in outcome.out  # a target that was renumbered
        # The journal knows a message by its size, which was another when it was moved: told.
        again |= role.name == "cleanup undo" and kind.name.startswith("size:")
        if kind.harmless and role.tool != "doctor" and not again:  # doctor's status tells of it
            check(outcome.status == 0, f"it fails, though it need not: {outcome}")
        side.bad.heal()
        role.finish()
        return f"status {outcome.status} at first"
    finally:
        role.stop()


def is_silent(kind):
    return kind.name.startswith("silence")


def register():
    for role_name, role in roles.load().items():
        for name, kind in defects.load().items():
            if role.tool in kind.tools and name.split(":")[0] not in role.without:
                slow = is_silent(kind) and role.tool != "watch"
                case(f"{role_name}, {name}", role.tool, slow, 5 if slow else 1, SHARE)(
                    lambda context, r=role, k=kind: try_defect(context, r, k))


register()
