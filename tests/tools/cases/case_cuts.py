"""Connections that end at every octet, of what the server says and of what the tool says: no harm
is done, and a run afterwards puts everything right. The short run takes a sample by seed, --slow
all."""

import contextlib
import random
import socket

import roles
import scenes
from bad_server import Cut
from cases import case
from harness import Failure, check, check_equal
from sides import BadSide
from tool import Tool

SAMPLE = 3   # of each direction, of each role
SHARES = 16  # cases into which all octets are divided


def octets_of(context, role_kind):
    """How many pass in each direction when nothing is cut."""
    side = BadSide()
    role = role_kind(context, side)
    try:
        role.prepare(scenes.small())
        before = side.bad.octets_in, side.bad.octets_out
        role.attempt()
        return {"in": side.bad.octets_in - before[0], "out": side.bad.octets_out - before[1]}
    finally:
        role.stop()


def try_cut(context, role_kind, cut):
    side = BadSide()
    role = role_kind(context.fresh(), side)
    try:
        role.prepare(scenes.small())
        side.bad.cut = cut
        role.attempt()
        role.check_unharmed()
        side.bad.heal()
        role.finish()
    except Failure as failure:
        raise Failure(f"cut {cut.way} at {cut.at}{' for good' if cut.for_good else ''}: "
                      f"{failure}") from None
    finally:
        role.stop()


def sample(context, role_kind):
    chance = random.Random(context.seed)
    count = 0
    for way, octets in octets_of(context.fresh(), role_kind).items():
        for _ in range(SAMPLE):
            cut = Cut(way, chance.randrange(octets), for_good=chance.random() < 0.1)
            try_cut(context, role_kind, cut)
            count += 1
    return f"{count} cuts"


def every(context, role_kind, share):
    count = 0
    for way, octets in octets_of(context.fresh(), role_kind).items():
        for at in range(share, octets, SHARES):
            try_cut(context, role_kind, Cut(way, at, for_good=at % 5 == 0))
            count += 1
    return f"{count} cuts"


def nobody_listens(context):
    """A wrong port is told, and not tried for ever."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    side = ["--from-server", f"imap+plain://127.0.0.1:{port}", "--from-user", "anna",
            "--from-password", "env:SECRET"]
    other = [word.replace("--from", "--to").replace("anna", "ben") for word in side]
    done = Tool(context.binary, context.directory).run(
        "migrate", "--ledger", context.path("ledger"), *side, *other)
    check_equal(done.status, 1, f"status: {done}")
    check("Connection refused" in done.err, done.err)


def register():
    case("migrate, nobody listens", "migrate", slow=True)(nobody_listens)
    for name, role in roles.load().items():
        case(f"{name}, cut connections", role.tool, weight=9, share=0.5)(
            lambda context, r=role: sample(context, r))
        for share in range(SHARES):
            case(f"{name}, cut at every octet, {share + 1} of {SHARES}", role.tool, slow=True)(
                lambda context, r=role, s=share: every(context, r, s))


register()
