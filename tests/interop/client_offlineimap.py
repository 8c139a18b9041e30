"""offlineimap: two-way synchronization of a Maildir with the server, in short."""

import os

from cases import (
    by_subject,
    case,
    maildir_add,
    maildir_by_subject,
    maildir_flags,
    maildir_rename,
)
from harness import check, check_equal, message, utf7

CONFIG = """
[general]
accounts = test
metadata = {home}/metadata
maxsyncaccounts = 1

[Account test]
localrepository = here
remoterepository = there

[Repository here]
type = Maildir
localfolders = {home}/mail
sync_deletes = yes

[Repository there]
type = IMAP
remotehost = localhost
remoteport = {port}
remoteuser = {user}
remotepass = pass
auth_mechanisms = PLAIN, LOGIN
{tls}
maxconnections = 2
"""

UMLAUTS = "Entwürfe"


def prepare(ctx, kind):
    tls = "ssl = no\nstarttls = no"
    if kind == "imaps":
        tls = f"ssl = yes\nsslcacertfile = {ctx.server.certificate}"
    text = CONFIG.format(
        home=ctx.directory, port=ctx.server.port(kind), user=ctx.user, tls=tls
    )
    ctx.write("offlineimaprc", text)


def sync(ctx):
    return ctx.run("offlineimap", "-c", ctx.path("offlineimaprc"), "-o", "-u", "basic")


def local(ctx, folder):
    # Its folder names separate levels by dots.
    return ctx.path("mail", utf7(folder).replace("/", "."))


def check_same(ctx, client, folders):
    for folder in folders:
        here = maildir_by_subject(local(ctx, folder))
        there = by_subject(client, utf7(folder))
        check_equal(sorted(here), sorted(there), f"subjects in {folder}, Maildir and server")
        for subject, (path, octets) in here.items():
            _, flags, stored = there[subject]
            check_equal(octets, stored, f"{subject} in {folder}, Maildir and server")
            seen = "S" in maildir_flags(path), "F" in maildir_flags(path)
            known = "\\Seen" in flags, "\\Flagged" in flags
            check_equal(seen, known, f"flags of {subject} in {folder}")


def two_ways(ctx):
    client = ctx.imap()
    folders = ["INBOX", "Archive/2022", UMLAUTS]
    for folder in folders[1:]:
        client.do(f'CREATE "{utf7(folder)}"')
    client.append("INBOX", message("one"), ["\\Seen"])
    client.append("INBOX", message("two", body="Grüße\r\n.\r\n"), ["\\Flagged"])
    client.append("Archive/2022", message("deep"))
    client.append(utf7(UMLAUTS), message("umlauts"))
    sync(ctx)
    check_same(ctx, client, folders)
    items = "MESSAGES UIDNEXT HIGHESTMODSEQ"
    before = [client.status(utf7(folder), items) for folder in folders]
    sync(ctx)
    after = [client.status(utf7(folder), items) for folder in folders]
    check_equal(after, before, "a second run changes nothing")

    here = maildir_by_subject(local(ctx, "INBOX"))
    maildir_rename(here["one"][0], "FS")
    os.remove(here["two"][0])
    maildir_add(local(ctx, "Archive/2022"), "1.added", message("added here"), "S")
    client.do(f'SELECT "{utf7(UMLAUTS)}"')
    client.do("STORE 1 +FLAGS (\\Deleted)")
    client.do("EXPUNGE")
    client.do("UNSELECT")
    ctx.server.deliver(ctx.number, message("delivered"))
    sync(ctx)
    inbox = by_subject(client, "INBOX")
    check_equal(sorted(inbox), ["delivered", "one"], "INBOX")
    check_equal(inbox["one"][1], {"\\Seen", "\\Flagged"}, "flags that the Maildir changed")
    check_equal(sorted(by_subject(client, "Archive/2022")), ["added here", "deep"], "Archive")
    check(not maildir_by_subject(local(ctx, UMLAUTS)), "expunged, and still in the Maildir")
    sync(ctx)
    check_same(ctx, client, ["INBOX", UMLAUTS])
    client.close()


@case("offlineimap over IMAPS", "offlineimap")
def imaps(ctx):
    prepare(ctx, "imaps")
    two_ways(ctx)


@case("offlineimap without TLS", "offlineimap")
def plain(ctx):
    prepare(ctx, "imap")
    two_ways(ctx)
