"""eilpost doctor against our own server: it finds nothing to be done but what is so on purpose."""

import json
import os

from cases import case
from harness import check, check_equal, message


def examine(ctx, *options, status, secret="pass", whole=True):
    printed = ctx.run(
        os.path.abspath(ctx.options.eilpost), "doctor", "--user", ctx.user,
        "--password", "env:S", "--ca-file", ctx.server.certificate, "--format", "json",
        "--output", ctx.path("report"), "--trace", ctx.path("trace"), *options,
        env={"S": secret}, status=status)
    check_equal(printed, "", "what the doctor says besides its report")
    report = json.loads(ctx.read("report"))
    for name in ("report", "trace"):
        check(b"AUTHENTICATE PLAIN AG" not in ctx.read(name), f"a secret in the {name}")
    findings = {finding["id"]: finding for section in report["sections"]
                for finding in section["findings"]}
    for section in report["sections"]:
        check(not whole or section["unfinished"] == "",
              f"{section['id']}: {section['unfinished']}")
    return report, findings


@case("doctor examines every section, writes and leaves nothing behind")
def everything(ctx):
    client = ctx.imap()
    for number in range(5):
        client.append("INBOX", message(f"examined {number}"))
    for use in ("Sent", "Drafts", "Junk", "Trash"):
        client.do(rf"CREATE {use} (USE (\{use}))")
    server = ctx.server
    report, findings = examine(
        ctx, "--server", f"imaps://localhost:{server.port('imaps')}",
        "--also", f"imap://localhost:{server.port('imap')}", "--write", "--tries", "10",
        "--patience", "1", status=1)
    on_purpose = {"ports.password-in-the-clear"}  # on loopback a demo takes them
    for name, finding in findings.items():
        check(finding["grade"] in ("good", "note") or name in on_purpose,
              f"{name}: {finding['what']}")
    for name in ("tls.trusted", "messages.honest", "folders.special-use",
                 "folders.same-for-all", "push.idle", "push.idle-held", "writing.octets",
                 "writing.date", "writing.flags", "writing.appenduid", "writing.copyuid",
                 "writing.move", "writing.uid-expunge", "writing.keywords", "writing.news",
                 "conduct.no-quirks"):
        check(findings.get(name, {}).get("grade") == "good", f"{name} among {sorted(findings)}")
    claimed = [row for section in report["sections"] if section["id"] == "capabilities"
               for row in section["tables"][0]["rows"]]
    proven = [row["claimed"] for row in claimed if row["result"] == "proven"]
    for name in ("CONDSTORE", "QRESYNC", "ESEARCH", "SORT", "THREAD=REFERENCES", "LIST-STATUS",
                 "COMPRESS=DEFLATE", "NOTIFY", "OBJECTID", "LITERAL+", "UTF8=ACCEPT", "PREVIEW"):
        check(name in proven, f"{name} among {proven}")
    left = [line for line in client.do('LIST "" "*"') if "doctor" in str(line)]
    check_equal(left, [], "mailboxes left behind")


@case("doctor explains a wrong password and tries it once")
def wrong(ctx):
    report, findings = examine(
        ctx, "--server", f"imap+plain://127.0.0.1:{ctx.server.port('imap')}", "--tries", "0",
        status=1, secret="wrong", whole=False)
    check_equal(report["sign_ins"], 1, "how often it was tried")
    check_equal(findings["sign-in.fails"]["grade"], "problem", "the grade of that")


@case("doctor tells a server that is not there apart")
def nobody(ctx):
    report, _ = examine(ctx, "--server", "imap+plain://127.0.0.1:1", status=2, whole=False)
    check_equal(report["connected"], False, "whether it was there")
