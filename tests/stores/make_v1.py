#!/usr/bin/env python3
"""Makes v1.tar.gz, a small store in the on-disk format 1, and v1.json, what a client sees of it.

  tests/stores/make_v1.py --eilpost build/dev/eilpost

It is run once for a format number, by the release that first writes it; from then on the two files
stay as they are, so that run.py shows that later releases still read what that one wrote. While a
format belongs to no release, run it again after each change of what is stored. For format 2: copy
it as make_v2.py, whose store has what is new.

What is in it: flags, keywords, names beyond ASCII, more than 128 messages in one mailbox (a sealed
page), expunged, moved and copied messages, a message by LMTP, large and odd ones, renamed and
deleted mailboxes, special uses, subscriptions, an account with an alias and a quota.
"""

import argparse
import json
import os
import random
import re
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from harness import Failure, Server, message, user  # noqa: E402
from observe import ACCOUNTS, admin, observe, resynchronize  # noqa: E402

NAME = "v1"
MANY = 300

PICTURE = """MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary="b"\r
"""
ODD = (
    b"Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\r\nFrom: \xff\xfe <odd@example.net>\r\n\r\n"
    b"bare\nline\rends \x80\x81\r\n"
)


def picture(chance, size):
    """A message with an attachment that does not compress well."""
    lines = "".join(
        "".join(chance.choice("ABCDEFGHabcdefgh0123+/") for _ in range(76)) + "\r\n"
        for _ in range(size // 78)
    )
    body = (
        "--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>A picture.</p>\r\n"
        "--b\r\nContent-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{lines}--b--\r\n"
    )
    return message("A picture", body=body, headers=PICTURE)


def append_many(client):
    """One MULTIAPPEND: two sealed pages and a part of a third."""
    flags = ["", "\\Seen", "\\Seen \\Answered", "\\Flagged $Forwarded", "\\Draft"]
    parts, literals = [], []
    for n in range(MANY):
        day = f"{n % 28 + 1:2d}-Mar-2024 12:{n % 60:02d}:00 +0100"
        parts.append(f'({flags[n % len(flags)]}) "{day}" {{}}')
        literals.append(message(f"Number {n}", body=f"Text of message {n}.\r\n" * (n % 4 + 1)))
    client.do(f"APPEND INBOX {' '.join(parts)}", *literals)


def fill_first(server, chance):
    client = server.imap(1)
    client.do("ENABLE IMAP4rev2 CONDSTORE")
    for name, use in (("Sent", "Sent"), ("Trash", "Trash"), ("Entwürfe", "Drafts")):
        client.do(f'CREATE "{name}" (USE (\\{use}))')
    for name in ("Work/Projects/Alpha", "Passing", "日本語"):
        client.do(f'CREATE "{name}"')
    append_many(client)
    client.append("Sent", picture(chance, 40_000), ["\\Seen"])
    client.append("日本語", ODD, ["keyword", "Another-Keyword"])
    client.append("Passing", message("Gone with its mailbox"))
    server.deliver(1, message("By LMTP", body="Hello.\r\n"))
    for name in ("INBOX", "Sent", "Work/Projects/Alpha"):
        client.do(f'SUBSCRIBE "{name}"')
    client.do("SELECT INBOX")
    client.do("UID STORE 5:9 +FLAGS ($Junk custom)")
    client.do("UID STORE 200 FLAGS (\\Flagged)")
    client.do("UID COPY 10,20,30 Sent")
    client.do("UID MOVE 40:45 Work/Projects/Alpha")
    client.do('RENAME "Work/Projects/Alpha" "Work/Projects/Beta"')
    client.do("DELETE Passing")
    modseq = int(client.status("INBOX", "HIGHESTMODSEQ")["HIGHESTMODSEQ"])
    client.do("UID STORE 3,130,290 +FLAGS (\\Deleted)")
    client.do("UID EXPUNGE 3,130,290")
    client.do("UID STORE 77,288 +FLAGS (late)")
    client.close()
    return modseq


def fill_second(server, chance):
    client = server.imap(2)
    client.do('CREATE "Archive" (USE (\\Archive))')
    for n in range(12):
        client.append("Archive", message(f"Archived {n}"), ["\\Seen"])
    client.append("INBOX", picture(chance, 20_000))
    client.do("RENAME INBOX Before")
    client.append("INBOX", message("After the rename"))
    client.close()
    admin(server, "account", "alias", user(2), "info@example.org")
    admin(server, "account", "set", user(2), "--quota-messages", "5000")


def kept(entry):
    """Neither the engine's diary, which names places of this machine, nor what is made anew."""
    name = os.path.basename(entry.name)
    if re.match(r"LOG|OPTIONS-|LOCK$|control\.sock$|.*\.pem$", name):
        return None
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def stop(server):
    wrong = server.stop()
    if wrong:
        raise Failure(wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eilpost", required=True)
    options = parser.parse_args()
    chance = random.Random(1)
    server = Server(options.eilpost, "rocksdb", ACCOUNTS)
    try:
        server.start()
        modseq = fill_first(server, chance)
        # With a start in between there are rows in sorted files and rows in the log.
        stop(server)
        server.start()
        fill_second(server, chance)
        seen = {"accounts": observe(server)}
        validity = seen["accounts"][user(1)]["mailboxes"]["INBOX"]["STATUS"]["UIDVALIDITY"]
        seen["resynchronize"] = {"uid_validity": validity, "modseq": modseq}
        seen["resynchronize"].update(resynchronize(server, 1, "INBOX", validity, modseq))
        seen["account list"] = admin(server, "account", "list", "--json").splitlines()
        stop(server)
        with open(os.path.join(server.data, "engine", "FORMAT")) as file:
            seen["format"] = file.read()
        with tarfile.open(os.path.join(HERE, NAME + ".tar.gz"), "w:gz") as archive:
            archive.add(server.data, "data", filter=kept)
        with open(os.path.join(HERE, NAME + ".json"), "w") as file:
            json.dump(seen, file, indent=1, ensure_ascii=True)
            file.write("\n")
    finally:
        server.remove()


if __name__ == "__main__":
    main()
