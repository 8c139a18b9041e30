"""alpine on a terminal of its own: lists, reads, deletes, expunges, and sees a delivery."""

import os
import pty
import select
import subprocess
import time

from cases import Failure, by_subject, case, find_program
from harness import check_equal, message

CONFIG = """
personal-name=Somebody
inbox-path={{localhost:{port}/ssl/novalidate-cert/user="{user}"}}INBOX
folder-collections=Mail {{localhost:{port}/ssl/novalidate-cert/user="{user}"}}[]
feature-list=enable-full-screen-prompts,no-quit-without-confirm,expunge-without-confirm,
    expunge-without-confirm-everywhere,quit-without-confirm,no-use-current-dir,disable-pipes-in-sigs
mail-check-interval=2
last-version-used=9.99
personal-print-category=0
new-version-threshold=9.99
"""


def alpine(ctx, steps, seconds=45):
    """steps: (text to wait for, keys to type then or a function to call). The last ends it."""
    config = ctx.write(
        "pinerc", CONFIG.format(port=ctx.server.port("imaps"), user=ctx.user)
    )
    master, inner = pty.openpty()
    process = subprocess.Popen(
        [find_program("alpine"), "-p", config, "-i"],
        stdin=inner, stdout=inner, stderr=inner, cwd=ctx.directory, start_new_session=True,
        env=dict(os.environ, HOME=ctx.directory, TERM="xterm", LC_ALL="C.UTF-8", LINES="24",
                 COLUMNS="80"),
    )
    os.close(inner)
    screen, steps = b"", list(steps)
    deadline = time.monotonic() + seconds
    try:
        while process.poll() is None:
            if time.monotonic() > deadline:
                raise Failure(f"alpine waits for {steps[:1]}: {screen[-1500:]!r}")
            if select.select([master], [], [], 0.05)[0]:
                try:
                    screen += os.read(master, 65536)
                except OSError:
                    process.wait(5)
            if steps and steps[0][0] in screen:
                _, what = steps.pop(0)
                screen = b""
                if callable(what):
                    what()
                else:
                    os.write(master, what)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)
    return screen


@case("alpine", "alpine")
def reads_and_deletes(ctx):
    client = ctx.imap()
    for name in ("first", "second", "third"):
        client.append("INBOX", message(name, body=f"body of {name}\r\n"))
    arrives = message("arrives meanwhile")
    alpine(ctx, [
        (b"PASSWORD", b"pass\r"),
        (b"Preserve", b"n"),
        (b"third", b"j1\r\r"),
        (b"body of first", b"d"),
        (b"body of second", b"i"),
        (b"first", lambda: ctx.server.deliver(ctx.number, arrives)),
        (b"arrives meanwhile", b"x"),
        (b"", b"q"),
    ])
    inbox = by_subject(client, "INBOX")
    check_equal(sorted(inbox), ["arrives meanwhile", "second", "third"], "INBOX after deleting")
    check_equal(inbox["second"][1], {"\\Seen"}, "flags of what was read")
    client.close()
