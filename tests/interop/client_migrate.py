"""eilpost migrate: from account to account on one server, through files and back, cut short and
done again; every octet, flag, keyword and date arrives once."""

import json
import os
import signal
import subprocess

from cases import case
from harness import check, check_equal, message

STRANGE = (b"Received: from a\r\n\tby b\r\nSubject: strange\r\n"
           b"X-Eight: \xe4 \xf0\x9f\x98\x80\r\n\r\n"
           b".\r\nFrom the start of a line\r\n>From another\r\n" + b"y" * 3000 + b"\r\n")


def fill(ctx):
    client = ctx.imap()
    client.do("CREATE Lists")
    client.do("CREATE Lists/dev")
    client.do("SUBSCRIBE Lists/dev")
    for number in range(30):
        client.append("INBOX", message(f"number {number}"), (r"\Seen", "work"))
    client.append("INBOX", message("number 3"))
    client.append("Lists/dev", STRANGE, (r"\Flagged", "$Forwarded"))
    return client


def side(ctx, which, user):
    return [f"--{which}-server", f"imap+plain://127.0.0.1:{ctx.server.port('imap')}",
            f"--{which}-user", user, f"--{which}-password", "env:SECRET"]


def migrate(ctx, *arguments, status=0):
    report = ctx.path("report")
    ctx.run(os.path.abspath(ctx.options.eilpost), "migrate", "--report", report, *arguments,
            env={"SECRET": "pass"}, status=status)
    with open(report, encoding="utf-8") as file:
        return json.load(file)


def contents(client, mailbox):
    """What is in it: octets, flags and dates, sorted."""
    client.do(f'EXAMINE "{mailbox}"')
    found = client.fetch("1:*", "UID FLAGS INTERNALDATE BODY.PEEK[]")
    return sorted((one["BODY[]"], sorted(set(one["FLAGS"]) - {"\\Recent"}), one["INTERNALDATE"])
                  for one in found.values())


def compare(source, target, beneath=""):
    for mailbox in ("INBOX", "Lists/dev"):
        check_equal(contents(target, beneath + mailbox), contents(source, mailbox), mailbox)


@case("migrate from account to account")
def accounts(ctx):
    source = fill(ctx)
    ends = side(ctx, "from", ctx.user) + side(ctx, "to", ctx.user2)
    ends += ["--ledger", ctx.path("ledger")]
    plan = migrate(ctx, "plan", *ends)
    check_equal((plan["sum"]["in_source"], plan["sum"]["copied"]), (32, 0), "the plan")
    first = migrate(ctx, *ends, "--verify", "content")
    check_equal((first["sum"]["copied"], first["sum"]["failed"], first["whole"]), (32, 0, True),
                "the first run")
    target = ctx.server.imap(ctx.number + 1)
    compare(source, target)
    check(b"Lists/dev" in b"".join(target.do('LSUB "" "*"').untagged), "subscribed")
    source.do("SELECT INBOX")
    source.do(r"STORE 1 -FLAGS (\Seen)")
    source.append("INBOX", message("later"))
    second = migrate(ctx, "cutover", *ends)
    check_equal((second["sum"]["copied"], second["sum"]["flags_changed"]), (1, 1), "the delta")
    compare(source, target)
    last = migrate(ctx, *ends)
    check_equal((last["sum"]["copied"], last["sum"]["before"], last["whole"]), (0, 33, True),
                "the last run")
    # Without what was remembered, what is there is found.
    os.remove(ctx.path("ledger"))
    again = migrate(ctx, *ends)
    check_equal((again["sum"]["copied"], again["sum"]["found"]), (0, 33), "without the ledger")
    compare(source, target)


@case("migrate through a Maildir and mbox files")
def files(ctx):
    source = fill(ctx)
    steps = [
        side(ctx, "from", ctx.user) + ["--to-maildir", ctx.path("maildir")],
        ["--from-maildir", ctx.path("maildir"), "--to-mbox", ctx.path("mbox")],
        ["--from-mbox", ctx.path("mbox")] + side(ctx, "to", ctx.user2),
    ]
    for number, step in enumerate(steps):
        ends = [*step, "--ledger", ctx.path(f"ledger{number}"), "--verify", "content"]
        report = migrate(ctx, *ends)
        check_equal((report["sum"]["copied"], report["whole"]), (32, True), f"step {number}")
        check_equal(migrate(ctx, *ends)["sum"]["copied"], 0, f"step {number}, once more")
    compare(source, ctx.server.imap(ctx.number + 1))


@case("migrate killed at any moment")
def killed(ctx):
    source = fill(ctx)
    for number in range(400):
        source.append("INBOX", message(f"more {number}", body="A line.\r\n" * 200))
    ends = side(ctx, "from", ctx.user) + side(ctx, "to", ctx.user2)
    ends += ["--ledger", ctx.path("ledger")]
    for milliseconds in (30, 60, 90, 120, 160, 200):
        process = subprocess.Popen(
            [os.path.abspath(ctx.options.eilpost), "migrate", *ends], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd=ctx.directory,
            env={"PATH": "/usr/bin:/bin", "SECRET": "pass"})
        try:
            process.wait(milliseconds / 1000)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    report = migrate(ctx, *ends)
    check_equal(report["whole"], True, "the last run")
    compare(source, ctx.server.imap(ctx.number + 1))


@case("migrate a list of accounts, and refuse one that others may read")
def batch(ctx):
    source = fill(ctx)
    rows = f"EmailAddress,UserName,Password\r\n{ctx.user2},{ctx.user},pass\r\n"
    path = ctx.write("list.csv", rows, 0o644)
    server = f"imap+plain://127.0.0.1:{ctx.server.port('imap')}"
    ends = ["--batch", path, "--from-server", server, "--to-server", server, "--to-password",
            "env:SECRET", "--ledger", ctx.path("ledgers")]
    said = ctx.run(os.path.abspath(ctx.options.eilpost), "migrate", *ends,
                   env={"SECRET": "pass"}, status=2)
    check("chmod 600" in said, said)
    os.chmod(path, 0o600)
    reports = migrate(ctx, *ends)
    check_equal([report["sum"]["copied"] for report in reports], [32], "the list")
    compare(source, ctx.server.imap(ctx.number + 1))
