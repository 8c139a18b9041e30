"""What a client sees of a store, as plain values that go into a JSON file and compare with ==.

Not a test by itself: make_v1.py records it, run.py looks whether it is still so.
"""

import hashlib
import json
import os
import subprocess
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
from harness import Failure, Imap, check, parse_response, quoted, user  # noqa: E402

ACCOUNTS = 2
ITEMS = (
    "UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ EMAILID SAVEDATE ENVELOPE BODYSTRUCTURE BODY.PEEK[]"
)


def plain(value):
    """Lists as they are, octets and None as text."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value


def digest(octets):
    return hashlib.sha256(octets).hexdigest()


def observe_message(fields):
    """ENVELOPE and BODYSTRUCTURE come from what was stored beside the message: digests of them."""
    out = {item: plain(value) for item, value in fields.items()}
    out["FLAGS"] = sorted(flag for flag in fields["FLAGS"] if flag != "\\Recent")
    out["BODY[]"] = digest(fields["BODY[]"])
    for item in ("ENVELOPE", "BODYSTRUCTURE"):
        out[item] = digest(json.dumps(plain(fields[item])).encode())
    del out["UID"]
    return out


def list_lines(client, command):
    """{name: attributes} of LIST or LSUB."""
    out = {}
    for response in client.do(f'{command} "" "*"').untagged:
        fields = plain(parse_response(response))
        if fields[1] == command.split(" ")[0]:
            out[fields[4]] = sorted(fields[2])
    return out


def observe_mailbox(client, name):
    items = "MESSAGES UIDNEXT UIDVALIDITY UNSEEN SIZE HIGHESTMODSEQ MAILBOXID"
    out = {}
    for response in client.do(f"STATUS {quoted(name)} ({items})").untagged:
        fields = plain(parse_response(response))
        if fields[1] == "STATUS":
            out["STATUS"] = dict(zip(fields[3][::2], fields[3][1::2]))
    client.do(f"EXAMINE {quoted(name)}")
    found = client.fetch("1:*", ITEMS)
    out["messages"] = {str(uid): observe_message(found[uid]) for uid in sorted(found)}
    return out


def observe_account(server, number):
    client = Imap(server.port("imap"))
    client.login(user(number))
    client.do("ENABLE IMAP4rev2 CONDSTORE")  # names as UTF-8
    folders = list_lines(client, "LIST")
    out = {"LIST": folders, "subscribed": list_lines(client, "LIST (SUBSCRIBED)")}
    out["mailboxes"] = {
        name: observe_mailbox(client, name)
        for name, attributes in folders.items()
        if "\\Noselect" not in attributes and "\\NonExistent" not in attributes
    }
    client.close()
    return out


def observe(server):
    return {user(n): observe_account(server, n) for n in range(1, ACCOUNTS + 1)}


def resynchronize(server, number, mailbox, validity, modseq):
    """What QRESYNC says has changed since then: {uid: flags} and the uids that vanished."""
    client = Imap(server.port("imap"))
    client.login(user(number))
    client.do("ENABLE QRESYNC")
    changed, vanished = {}, []
    reply = client.do(f"SELECT {quoted(mailbox)} (QRESYNC ({validity} {modseq}))")
    for response in reply.untagged:
        fields = plain(parse_response(response))
        if fields[1] == "VANISHED":
            check(fields[2] == ["EARLIER"], f"not EARLIER: {response!r}")
            vanished += uids_of(fields[3])
        elif len(fields) == 4 and fields[2] == "FETCH":
            one = dict(zip(fields[3][::2], fields[3][1::2]))
            changed[one["UID"]] = sorted(f for f in one["FLAGS"] if f != "\\Recent")
    client.close()
    return {"changed": changed, "vanished": sorted(vanished)}


def uids_of(text):
    out = []
    for part in text.split(","):
        ends = part.split(":")
        out += range(int(ends[0]), int(ends[-1]) + 1)
    return out


def admin(server, *arguments):
    """The output of an eilpost command on the server's data, which has to answer 0."""
    done = subprocess.run(
        [server.binary, *arguments, "--data", server.data],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )
    if done.returncode != 0:
        raise Failure(f"{' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
