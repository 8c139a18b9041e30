"""curl: single commands, uploads, and the ways to log in."""

import re

from cases import by_subject, case
from harness import check, check_equal, message


def curl(ctx, path, *arguments, kind="imap", secret=True, status=0, verbose=False):
    command = ["curl", "-sSv" if verbose else "-sS", "--max-time", "20"]
    if secret:
        command += ["--user", f"{ctx.user}:pass"]
    if kind == "imaps" or "--ssl-reqd" in arguments:
        command += ["--cacert", ctx.server.certificate]
    url = f"{kind}://localhost:{ctx.server.port(kind)}/{path}"
    return ctx.run(*command, *arguments, url, status=status)


@case("curl lists, uploads, fetches and searches", "curl")
def commands(ctx):
    client = ctx.imap()
    octets = message("uploaded", body="x" * 70 + "\r\n" + ". a dot\r\n" * 2000)
    ctx.write("mail", octets)
    curl(ctx, "", "-X", "CREATE Archive", kind="imaps")
    for folder in ("INBOX", "INBOX", "Archive"):
        curl(ctx, folder, "-T", ctx.path("mail"), kind="imaps")
    listed = curl(ctx, "", kind="imaps")
    check("INBOX\r\n" in listed and "Archive\r\n" in listed, f"LIST: {listed}")
    check_equal(client.status("INBOX", "MESSAGES")["MESSAGES"], 2, "uploaded messages")
    check_equal(by_subject(client, "Archive")["uploaded"][2], octets, "what was uploaded")

    curl(ctx, "INBOX;MAILINDEX=1", "-o", ctx.path("got"), kind="imaps")
    check_equal(ctx.read("got"), octets, "FETCH of a message by number")
    curl(ctx, "Archive;UID=1", "-o", ctx.path("got"), kind="imaps")
    check_equal(ctx.read("got"), octets, "FETCH of a message by uid")
    subject = curl(ctx, "INBOX;UID=2;SECTION=HEADER.FIELDS%20(SUBJECT)", kind="imaps")
    check_equal(subject, "Subject: uploaded\r\n\r\n", "a section")
    check("SEARCH 1 2" in curl(ctx, "INBOX?SUBJECT%20uploaded", kind="imaps"), "SEARCH finds")
    nothing = curl(ctx, "INBOX?SUBJECT%20elsewhere", kind="imaps")
    check_equal(re.findall(r"\d", nothing), [], "SEARCH without a find")
    curl(ctx, "INBOX", "-X", "STORE 1 +Flags \\Deleted", kind="imaps")
    curl(ctx, "INBOX", "-X", "EXPUNGE", kind="imaps")
    check_equal(client.status("INBOX", "MESSAGES")["MESSAGES"], 1, "expunged")
    status = curl(ctx, "", "-X", "STATUS Archive (MESSAGES SIZE)", kind="imaps")
    check(f"STATUS Archive (MESSAGES 1 SIZE {len(octets)})" in status, f"STATUS: {status}")
    curl(ctx, "No/Such", "-T", ctx.path("mail"), kind="imaps", status=25)
    curl(ctx, "INBOX;UID=99", kind="imaps", status=78)
    client.close()


@case("curl by STARTTLS and without TLS", "curl")
def transports(ctx):
    check("INBOX" in curl(ctx, ""), "without TLS")
    for version in (["--tlsv1.3"], ["--tls-max", "1.2"]):
        check("INBOX" in curl(ctx, "", "--ssl-reqd", *version), f"STARTTLS, {version}")
        check("INBOX" in curl(ctx, "", *version, kind="imaps"), f"IMAPS, {version}")
    curl(ctx, "", "--tls-max", "1.1", kind="imaps", status=35)


@case("curl's ways to log in", "curl")
def mechanisms(ctx):
    known = ctx.run("curl", "--version")
    ways = ["PLAIN", "LOGIN"] + (["SCRAM-SHA-256"] if "SCRAM" in known or "GSASL" in known else [])
    for way in ways:
        for initial in ([], ["--sasl-ir"]):
            seen = curl(ctx, "", "--login-options", f"AUTH={way}", *initial, verbose=True)
            check(f"AUTHENTICATE {way}" in seen, f"curl did not use {way}:\n{seen}")
            check("INBOX" in seen, f"{way} {initial}:\n{seen}")
    wrong = ["--user", f"{ctx.user}:wrong"]
    for way in ways:
        options = ["--login-options", f"AUTH={way}"]
        curl(ctx, "", *wrong, *options, secret=False, status=67)
