"""What belongs to a mailbox besides its messages, from one real server to another: subscriptions,
METADATA and access control lists where both have them; else the report names what is missing."""

import contextlib

import migrate_role
import scenes
from cases import case
from harness import check, check_equal, parse_response
from peers import KINDS
from sides import RealSide

BOX = "Archive"
COMMENTS = {"/private/comment": "mine", "/shared/comment": "ours"}
VENDOR = {"/private/vendor/kolab/color": "ff00ff"}  # Cyrus lets nobody set what it does not know
WHO, RIGHTS = "colleague", "lrs"

DOVECOT = """
mail_plugins = acl
mail_attribute_dict = file:%h/attributes
plugin {
  acl = vfile
}
protocol imap {
  mail_plugins = acl imap_acl
  imap_metadata = yes
}
"""


def capabilities(client):
    return client.do("CAPABILITY").untagged[0].decode().split()


def entries(client):
    """{name: value} of the mailbox's METADATA."""
    out = {}
    for response in client.do(f"GETMETADATA (DEPTH infinity) {BOX} (/private /shared)").untagged:
        fields = parse_response(response)
        if fields[1] == "METADATA":
            names = [one.decode() if isinstance(one, bytes) else one for one in fields[3][::2]]
            out.update(zip(names, fields[3][1::2]))
    return {name: value.decode() if isinstance(value, bytes) else value
            for name, value in out.items() if value not in (None, "NIL")}


def rights(client):
    """{identifier: rights} of the mailbox."""
    for response in client.do(f"GETACL {BOX}").untagged:
        fields = [one.decode() if isinstance(one, bytes) else one
                  for one in parse_response(response)]
        if fields[1] == "ACL":
            return dict(zip(fields[3::2], fields[4::2]))
    return {}


def fill(client, kind):
    given = dict(COMMENTS) if kind == "cyrus" else {**COMMENTS, **VENDOR}
    for name, value in given.items():
        client.do(f'SETMETADATA {BOX} ({name} "{value}")')
    acl = "ACL" in capabilities(client)
    if acl:
        client.do(f"SETACL {BOX} {WHO} {RIGHTS}")
    client.do(f"SUBSCRIBE {BOX}")
    return given, acl


def compare(client, kind, told, given, acl):
    """`told`: the report's lines."""
    subscribed = b"".join(client.do('LSUB "" "*"').untagged)
    check(BOX.encode() in subscribed, f"not subscribed: {subscribed!r}")
    there = entries(client)
    lost = {name for name in given if kind == "cyrus" and name in VENDOR}
    check_equal({name: there.get(name) for name in given if name not in lost},
                {name: value for name, value in given.items() if name not in lost}, "METADATA")
    for name in lost:
        check(f"METADATA {name}: " in told, f"nothing is said of {name}:\n{told}")
    if kind != "cyrus":
        check_equal(sorted(set(there) - set(given)), [], "METADATA of the other server")
    if acl and "ACL" in capabilities(client):
        check(set(RIGHTS) <= set(rights(client).get(WHO, "")), f"rights: {rights(client)}")
    elif acl:
        check(f"ACL {WHO} " in told, f"nothing is said of the ACL:\n{told}")


@contextlib.contextmanager
def started(context, *kinds):
    with contextlib.ExitStack() as stack:
        peers = []
        for kind in kinds:
            peer = KINDS[kind](context.options, 3)
            stack.callback(peer.stop)
            if kind == "dovecot":
                peer.server.more_config = DOVECOT
            peers.append(peer.start())
        yield peers


def carried(context, source, target):
    with started(context, source, target) as (one, other):
        role = migrate_role.MigrateFrom(context, RealSide(one, 1), RealSide(other, 2))
        role.prepare(scenes.small())
        client = role.source.client()
        given, acl = fill(client, source)
        client.close()
        outcome = role.tools.succeed(*role.command())
        client = role.target.client()
        compare(client, target, outcome.out, given, acl)
        client.close()


def register():
    for source, target in (("dovecot", "eilpost"), ("dovecot", "cyrus"), ("eilpost", "cyrus"),
                           ("cyrus", "eilpost"), ("cyrus", "dovecot")):
        case(f"migrate extras, {KINDS[source].kind} to {KINDS[target].kind}", "migrate", weight=10)(
            lambda context, s=source, t=target: carried(context, s, t))


register()
