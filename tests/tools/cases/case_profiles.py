"""Each role on servers that can do little or much (bad_server.PROFILES), without a defect: what a
server lacks costs time and nothing else."""

import cleanup_role
import roles
import scenes
from bad_server import PROFILES
from cases import case
from harness import check, check_equal
from sides import BadSide, number_of


def try_profile(context, role_kind, profile):
    side = BadSide(profile)
    role = role_kind(context, side)
    try:
        role.prepare(scenes.small())
        outcome = role.attempt()
        role.check_unharmed()
        if role_kind is cleanup_role.Purge and not side.bad.has("UIDPLUS"):
            # EXPUNGE would take what others have marked: it has to be left, and told.
            scenes.check_same(side.snapshot(), role.before, "what cannot be purged alone")
            check(outcome.status != 0, f"it says that all is well: {outcome}")
            return "refused"
        if role.name in ("cleanup trash", "cleanup undo") and profile == "plain":
            # Copied, and what was copied stays, marked: without UIDPLUS nothing else is safe.
            marked = {number_of(octets) for octets, flags, _ in side.snapshot()["INBOX"]
                      if "\\Deleted" in flags}
            check_equal(marked, {2} if role.name == "cleanup undo" else {2, 3, 4, 6}, "marked")
            return "marked"
        if role.tool != "doctor":
            check_equal(outcome.status, 0, str(outcome))
        role.finish()
        return ""
    finally:
        role.stop()


def register():
    for name, role in roles.load().items():
        for profile in PROFILES:
            case(f"{name}, profile {profile}", role.tool, share=0.5)(
                lambda context, r=role, p=profile: try_profile(context, r, p))


register()
