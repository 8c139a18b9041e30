"""mutt on a terminal of its own: what a person does, by keys that its `push` command types."""

import os
import pty
import select
import subprocess
import time

from cases import Failure, by_subject, case, find_program
from harness import check, check_equal, message

CONFIG = """
set folder="{url}/"
set spoolfile="{url}/INBOX"
set imap_pass="pass"
set imap_authenticators="{mechanism}"
set certificate_file="{certificate}"
set ssl_force_tls={tls}
set ssl_starttls={tls}
set header_cache=""
set imap_keepalive=5
set mail_check=1
set timeout=1
set move=no
set delete=yes
set confirmappend=no
set confirmcreate=no
set wait_key=no
set pager_stop=yes
set mark_old=no
set copy=yes
set record="=Sent"
set sendmail="{home}/sendmail"
set from="me@example.org"
set use_from=yes
set charset=utf-8
set sort=mailbox-order
"""


def prepare(ctx, kind, mechanism):
    name = ctx.user.replace("@", "%40")
    scheme = "imaps" if kind == "imaps" else "imap"
    url = f"{scheme}://{name}@localhost:{ctx.server.port(kind)}"
    tls = "no" if kind == "imap" and mechanism == "login" else "yes"
    values = {"url": url, "home": ctx.directory, "tls": tls, "mechanism": mechanism}
    ctx.write("muttrc", CONFIG.format(certificate=ctx.server.certificate, **values))
    ctx.write("sendmail", f"#!/bin/sh\ncat > {ctx.directory}/sent\n", 0o700)


def mutt(ctx, keys, folder="=INBOX", seconds=30, meanwhile=None):
    """Types the keys, which have to end mutt; the terminal's octets."""
    terminal, inner = pty.openpty()
    process = subprocess.Popen(
        [find_program("mutt"), "-F", ctx.path("muttrc"), "-f", folder, "-e", f"push '{keys}'"],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        cwd=ctx.directory,
        env=dict(os.environ, HOME=ctx.directory, TERM="xterm", LC_ALL="C.UTF-8"),
        start_new_session=True,
    )
    os.close(inner)
    screen = b""
    deadline = time.monotonic() + seconds
    try:
        while process.poll() is None:
            if time.monotonic() > deadline:
                raise Failure(f"mutt does not end after {keys}: {screen[-1500:]!r}")
            if select.select([terminal], [], [], 0.05)[0]:
                try:
                    screen += os.read(terminal, 65536)
                except OSError:  # the terminal's other side is closed
                    process.wait(5)
            if meanwhile:
                meanwhile = meanwhile(terminal, screen)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(terminal)
    return screen


def read_list(ctx, names):
    """Waits until all are on the screen, then leaves."""

    def meanwhile(terminal, screen):
        if not all(name.encode() in screen for name in names):
            return meanwhile
        os.write(terminal, b"x")
        return None

    mutt(ctx, "<refresh>", meanwhile=meanwhile)


def read_and_file(ctx):
    """Lists, reads, saves to a folder, flags, deletes; and looks at the server's side."""
    client = ctx.imap()
    client.do("CREATE Archive")
    client.do('CREATE "Sent"')
    texts = {name: message(name, body=f"body of {name}\r\n") for name in ("one", "two", "three")}
    for name, octets in texts.items():
        client.append("INBOX", octets)
    read_list(ctx, texts)
    mutt(
        ctx,
        "<first-entry><display-message><exit>"
        f"<pipe-message>cat > {ctx.directory}/piped<enter>"
        "<flag-message>"
        "<jump>2<enter><save-message>=Archive<enter>"
        "<jump>3<enter><delete-message><sync-mailbox><quit>",
    )
    check_equal(ctx.read("piped").replace(b"\n", b"\r\n"), texts["one"], "a message in a pipe")
    inbox = by_subject(client, "INBOX")
    check_equal(list(inbox), ["one"], "INBOX after deleting and saving")
    check_equal(inbox["one"][1], {"\\Seen", "\\Flagged"}, "flags of what was read and marked")
    archive = by_subject(client, "Archive")
    check_equal(archive["two"][2], texts["two"], "what was saved")
    check_equal(by_subject(client, "INBOX")["one"][2], texts["one"], "what was read")
    client.close()


def pushed(ctx):
    """A delivery shows while mutt waits for keys."""
    state = {"delivered": False}

    def meanwhile(terminal, screen):
        if b"one" in screen and not state["delivered"]:
            state["delivered"] = True
            ctx.server.deliver(ctx.number, message("arrives meanwhile"))
        if b"arrives meanwhile" in screen:
            os.write(terminal, b"x")
            return None
        return meanwhile

    mutt(ctx, "<refresh>", meanwhile=meanwhile)


def send(ctx):
    """A message with an attachment goes to sendmail, and its copy to =Sent on the server."""
    ctx.write("file.bin", bytes(range(256)) * 40)
    ctx.run(
        *["mutt", "-F", ctx.path("muttrc"), "-s", "with an attachment"],
        *["-a", ctx.path("file.bin"), "--", "you@example.net"],
        stdin="Grüße\n".encode(),
    )
    client = ctx.imap()
    _, flags, octets = by_subject(client, "Sent")["with an attachment"]
    check("\\Seen" in flags, f"flags of the copy: {flags}")
    check(b"To: you@example.net" in ctx.read("sent"), "sendmail got it")
    client.do("EXAMINE Sent")
    structure = client.do("FETCH 1 BODYSTRUCTURE").untagged[0]
    check(b'"file.bin"' in structure and b'"mixed"' in structure.lower(), f"{structure}")
    got = client.fetch("1", "BINARY.PEEK[2]")[1]["BINARY[2]"]
    check_equal(got, bytes(range(256)) * 40, "the attachment, decoded by the server")
    check(octets.count(b"\r\n") == octets.count(b"\n"), "bare line ends in what mutt added")
    client.close()


@case("mutt over IMAPS", "mutt")
def imaps(ctx):
    prepare(ctx, "imaps", "plain")
    read_and_file(ctx)
    pushed(ctx)
    send(ctx)


@case("mutt with STARTTLS", "mutt")
def starttls(ctx):
    prepare(ctx, "imap", "plain")
    read_and_file(ctx)


@case("mutt without TLS", "mutt")
def plain(ctx):
    prepare(ctx, "imap", "login")
    read_and_file(ctx)
