"""mbsync (Debian's isync): two-way synchronization of a Maildir with the server."""

import os
import re

from cases import (
    Failure,
    by_subject,
    case,
    maildir_add,
    maildir_by_subject,
    maildir_files,
    maildir_flags,
    maildir_rename,
)
from harness import check, check_equal, message, utf7

UMLAUTS = "Entwürfe & Notizen"
FOLDERS = ["INBOX", "Archive", "Archive/2022", UMLAUTS]

CONFIG = """
IMAPAccount server
Host {host}
Port {port}
User {user}
Pass pass
{tls}
AuthMechs {mechanisms}

IMAPStore remote
Account server

MaildirStore local
Path {home}/mail/
Inbox {home}/mail/INBOX
SubFolders Verbatim

Channel all
Far :remote:
Near :local:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
CopyArrivalDate yes
"""

STRANGE = (
    b"Received: from a\r\n\tby b;\r\n  Mon, 7 Feb 2022 21:52:25 -0800\r\n"
    b"Subject: strange\r\nX-Eight: \xe4\xf6\xfc \xf0\x9f\x98\x80\r\n"
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    b"--x\r\n\r\n.\r\n..\r\nFrom the start of a line\r\n--x\r\nContent-Type: text/plain\r\n\r\n"
    b"no end \xff" + b"y" * 3000 + b"\r\n"
)


def prepare(ctx, kind, mechanisms):
    tls = "SSLType None"
    if kind != "plain":
        tls = f"SSLType {kind}\nCertificateFile {ctx.server.certificate}"
    port = ctx.server.port("imaps" if kind == "IMAPS" else "imap")
    text = CONFIG.format(
        host="localhost",
        port=port,
        user=ctx.user,
        tls=tls,
        mechanisms=mechanisms,
        home=ctx.directory,
    )
    ctx.write("mbsyncrc", text)
    os.makedirs(ctx.path("mail"), exist_ok=True)


def sync(ctx):
    return ctx.run("mbsync", "-c", ctx.path("mbsyncrc"), "-a")


def local(ctx, folder):
    return ctx.path("mail", *utf7(folder).split("/"))


def without_mark(octets):
    """mbsync puts this header field into messages that it adds, on either side."""
    return re.sub(rb"X-TUID: [^\r]*\r\n", b"", octets)


def check_same(ctx, client):
    """Both sides have the same messages: octets, and the flags that Maildir knows."""
    letters = {"\\Answered": "R", "\\Draft": "D", "\\Flagged": "F", "\\Seen": "S"}
    for folder in FOLDERS:
        here = {
            subject: (maildir_flags(path), without_mark(octets))
            for subject, (path, octets) in maildir_by_subject(local(ctx, folder)).items()
        }
        there = {}
        for subject, (_, flags, octets) in by_subject(client, utf7(folder)).items():
            known = "".join(sorted(letters[flag] for flag in flags if flag in letters))
            there[subject] = (known, without_mark(octets))
        check_equal(sorted(here), sorted(there), f"subjects in {folder}, Maildir and server")
        for subject, one in here.items():
            check_equal(one, there[subject], f"{subject} in {folder}, Maildir and server")


def fill(ctx, client):
    """Messages on both sides that the other has not seen."""
    for folder in FOLDERS[1:]:
        client.do(f'CREATE "{utf7(folder)}"')
    client.append("INBOX", message("one"), ["\\Seen"])
    client.append("INBOX", message("two"), ["\\Flagged", "\\Answered"])
    client.append("INBOX", STRANGE)
    client.append("Archive/2022", message("deep"))
    client.append(utf7(UMLAUTS), message("umlauts", body="Grüße\r\n"))
    for name, flags in (("plain", ""), ("seen", "S"), ("marked", "FRS")):
        maildir_add(local(ctx, "Archive"), f"1.{name}", message("local " + name), flags)
    maildir_add(ctx.path("mail", "FromHere"), "1.first", message("first of a new folder"))


def change_both(ctx, client):
    """Flags, deletions and messages on either side, between two runs."""
    here = maildir_by_subject(local(ctx, "INBOX"))
    maildir_rename(here["one"][0], "FS")
    os.remove(here["two"][0])
    maildir_rename(maildir_by_subject(local(ctx, UMLAUTS))["umlauts"][0], "ST")
    maildir_add(local(ctx, UMLAUTS), "1.later", message("later, from here"), "S")
    archive = by_subject(client, "Archive")
    client.do("SELECT Archive")
    client.do(f"UID STORE {archive['local plain'][0]} +FLAGS (\\Answered \\Seen)")
    client.do(f"UID STORE {archive['local marked'][0]} -FLAGS (\\Flagged)")
    client.do(f"UID STORE {archive['local seen'][0]} +FLAGS (\\Deleted)")
    client.do(f"UID EXPUNGE {archive['local seen'][0]}")
    client.do("UNSELECT")
    ctx.server.deliver(ctx.number, message("delivered meanwhile"))


def contents(ctx, client):
    """All that a run could change, on both sides."""
    names = sorted(maildir_files(ctx.path("mail")))
    for folder in FOLDERS:
        names += sorted(maildir_files(local(ctx, folder)))
    items = "MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ"
    return names, [client.status(utf7(folder), items) for folder in FOLDERS]


def two_ways(ctx):
    client = ctx.imap()
    fill(ctx, client)
    sync(ctx)
    check_same(ctx, client)
    check("FromHere" in client.mailboxes(), "the new folder of the Maildir was not created")
    before = contents(ctx, client)
    sync(ctx)
    check_equal(contents(ctx, client), before, "a second run changes nothing")

    change_both(ctx, client)
    sync(ctx)
    check_same(ctx, client)
    inbox = by_subject(client, "INBOX")
    check_equal(sorted(inbox), ["delivered meanwhile", "one", "strange"], "INBOX")
    check_equal(inbox["one"][1], {"\\Seen", "\\Flagged"}, "flags that the Maildir changed")
    archive = maildir_by_subject(local(ctx, "Archive"))
    check_equal(sorted(archive), ["local marked", "local plain"], "expunged on the server")
    check_equal(maildir_flags(archive["local plain"][0]), "RS", "flags that the server changed")
    check_equal(sorted(by_subject(client, utf7(UMLAUTS))), ["later, from here"], UMLAUTS)
    before = contents(ctx, client)
    sync(ctx)
    check_equal(contents(ctx, client), before, "a further run changes nothing")
    client.do("DELETE Archive/2022")
    client.close()


@case("mbsync over IMAPS", "mbsync")
def imaps(ctx):
    prepare(ctx, "IMAPS", "PLAIN")
    two_ways(ctx)


@case("mbsync with STARTTLS", "mbsync")
def starttls(ctx):
    prepare(ctx, "STARTTLS", "PLAIN")
    two_ways(ctx)


@case("mbsync without TLS", "mbsync")
def plain(ctx):
    prepare(ctx, "plain", "LOGIN")
    two_ways(ctx)


@case("mbsync refuses another certificate", "mbsync", "openssl")
def other_certificate(ctx):
    """The case above would pass if mbsync did not look at the certificate at all."""
    prepare(ctx, "IMAPS", "PLAIN")
    make = "req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 -keyout key -out other"
    ctx.run("openssl", *make.split())
    config = ctx.read("mbsyncrc").decode().replace(ctx.server.certificate, ctx.path("other"))
    ctx.write("mbsyncrc", config)
    try:
        sync(ctx)
    except Failure as failure:
        check("certificate" in str(failure), f"another reason: {failure}")
        return
    raise Failure("mbsync went on with a certificate that nobody pinned")
