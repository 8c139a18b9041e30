"""Each tool against each real server, migrate from each to each: octets, dates, flags and
keywords are compared, those octets that both servers preserve (Peer.shows() has what each makes
of the others)."""

import contextlib
import json

import cleanup_role
import doctor_role
import migrate_role
import roles
import scenes
import sync_role
from cases import case
from harness import check, check_equal
from peers import KINDS
from sides import RealSide

COUNT = 60  # messages besides the small scene and the strange ones


@contextlib.contextmanager
def started(options, *kinds):
    """A server of each kind, with three accounts; ended in any case."""
    with contextlib.ExitStack() as stack:
        peers = []
        for kind in kinds:
            peer = KINDS[kind](options, 3)
            stack.callback(peer.stop)
            peers.append(peer.start())
        yield peers


def scene(context):
    return scenes.small() + scenes.mixed(context.seed, COUNT)


def migrate(context, source, target):
    with started(context.options, source, target) as (one, other):
        role = migrate_role.MigrateFrom(context, RealSide(one, 1), RealSide(other, 2))
        rows = scene(context)
        role.prepare(rows)
        refused = sum(other.shows(octets) is None for box in role.before.values()
                      for octets, _, _ in box)
        # What the target refuses is told by the exit code, at every run.
        role.good_status = (3,) if refused else (0,)
        role.finish()
        role.change_source()
        role.finish()
        role.check_unharmed()
        count = sum(map(len, role.before.values()))
        return f"{count} messages, {refused} that {other.kind} refuses"


def one_sided(context, kind, role_kind):
    with started(context.options, kind) as (peer,):
        role = role_kind(context, RealSide(peer, 1))
        role.prepare(scene(context))
        outcome = role.attempt()
        if role.tool != "doctor":
            check_equal(outcome.status, 0, str(outcome))
        role.check_unharmed()
        role.finish()
        return outcome.out.strip().splitlines()[-1][:60] if role.tool == "sync" else ""


def doctor_tells(context, kind):
    """The report has the name of the server's mechanism that it signed in with, in three forms."""
    with started(context.options, kind) as (peer,):
        role = doctor_role.Doctor(context, RealSide(peer, 1))
        role.prepare(scenes.small())
        for form, word in (("text", "PLAIN"), ("json", '"'), ("html", "<html")):
            outcome = role.tools.run("doctor", "--tries", "0", "--format", form, *role.account())
            check(outcome.status in (0, 1) and word in outcome.out, f"no {word!r} in {outcome}")
        claims_hold(role)
        role.check_unharmed()


def claims_hold(role):
    """These servers do what they list, so every probe has to find that out."""
    outcome = role.tools.run("doctor", "--tries", "0", "--write", "--format", "json",
                             *role.account())
    wrong = [finding["what"] for section in json.loads(outcome.out)["sections"]
             for finding in section["findings"] if section["id"] in ("capabilities", "writing")
             and finding["grade"] in ("warning", "problem")]
    check_equal(wrong, [], "claims that do not hold")


def register():
    roles.load()
    for source in KINDS:
        for target in KINDS:
            case(f"migrate {KINDS[source].kind} to {KINDS[target].kind}", "migrate", weight=20)(
                lambda context, s=source, t=target: migrate(context, s, t))
    sided = [sync_role.Sync, cleanup_role.Purge, cleanup_role.Trash, cleanup_role.Undo,
             roles.Watch, doctor_role.Doctor]
    for kind in KINDS:
        for role in sided:
            case(f"{role.name} with {KINDS[kind].kind}", role.tool, weight=15)(
                lambda context, k=kind, r=role: one_sided(context, k, r))
        case(f"doctor's reports of {KINDS[kind].kind}", "doctor", weight=15)(
            lambda context, k=kind: doctor_tells(context, k))


register()
