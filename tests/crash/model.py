"""What the crash test remembers of everything that the server acknowledged, and the comparison of
that with what the server has after it was killed and started again.

A mailbox object follows its mailbox through renames. A copy is one message in one mailbox. Only the
worker that owns a copy or a mailbox changes it, so the operations that were under way when the
server died (at most one for each worker) touch different things and are judged one by one: each has
happened as a whole or not at all.
"""

import hashlib
import re

from harness import check, check_equal, flag_set, quoted

STATUS_ITEMS = "MESSAGES UNSEEN SIZE DELETED UIDNEXT UIDVALIDITY HIGHESTMODSEQ"


class Mailbox:
    def __init__(self, name, owner):
        self.name = name
        self.owner = owner  # None: shared by all workers of the account
        self.uid_validity = None  # not known yet
        self.uid_next = 1  # the highest that was ever seen or follows from an acknowledged uid
        self.modseq = 0  # likewise
        self.used = {}  # uid -> key of the message that had it, for ever

    def saw_uid(self, uid, key):
        other = self.used.setdefault(uid, key)
        check(other == key, f"{self.name}: uid {uid} was {other}, and is {key}")
        self.uid_next = max(self.uid_next, uid + 1)

    def saw_status(self, status):
        for item, name in (("UIDNEXT", "uid_next"), ("HIGHESTMODSEQ", "modseq")):
            check(
                status[item] >= getattr(self, name),
                f"{self.name}: {item} is {status[item]}, and was {getattr(self, name)}",
            )
            setattr(self, name, status[item])


class Message:
    """Octets that are in use somewhere; `key` is the Message-ID."""

    def __init__(self, key, octets):
        self.key = key
        self.size = len(octets)
        self.digest = hashlib.sha1(octets).hexdigest()


class Copy:
    def __init__(self, message, mailbox, flags, owner, uid=None):
        self.message = message
        self.mailbox = mailbox
        self.flags = frozenset(flags)
        self.owner = owner
        self.uid = uid  # None: delivered by LMTP, which tells no uid
        self.modseq = None  # not told since its last change

    def __repr__(self):
        return f"{self.message.key} uid {self.uid} in {self.mailbox.name} {sorted(self.flags)}"


class Operation:
    """A change as a whole: copies that go and come, flags that change, mailboxes that change."""

    def __init__(self, text, removes=(), adds=(), flags=None, create=None, delete=None, rename=()):
        self.text = text
        self.removes = list(removes)
        self.adds = list(adds)  # copies without a uid
        self.flags = flags or {}  # copy -> its flags afterwards
        self.create = create
        self.delete = delete
        self.rename = list(rename)  # (mailbox, name afterwards)
        self.happened = None


class Account:
    """The model of one account."""

    def __init__(self, name):
        self.name = name
        self.mailboxes = {}
        self.copies = set()
        self.validities = {}  # (name, uid_validity) -> the mailbox object that had both
        self.highest_validity = {}  # name -> the highest uid_validity that it had
        self.mailboxes["INBOX"] = Mailbox("INBOX", None)

    def saw_validity(self, mailbox, validity):
        known = self.validities.setdefault((mailbox.name, validity), mailbox)
        check(known is mailbox, f"{mailbox.name}: UIDVALIDITY {validity} was another mailbox's")
        highest = self.highest_validity.get(mailbox.name, 0)
        check(validity >= highest, f"{mailbox.name}: UIDVALIDITY {validity} after {highest}")
        self.highest_validity[mailbox.name] = validity
        if mailbox.uid_validity is None:
            mailbox.uid_validity = validity
        check_equal(validity, mailbox.uid_validity, f"UIDVALIDITY of {mailbox.name}")

    def apply(self, operation):
        """An operation that has happened."""
        for copy in operation.removes:
            self.copies.discard(copy)
        for copy in operation.adds:
            self.copies.add(copy)
            if copy.uid is not None:
                copy.mailbox.saw_uid(copy.uid, copy.message.key)
        for copy, flags in operation.flags.items():
            copy.flags = frozenset(flags)
        if operation.create:
            self.mailboxes[operation.create.name] = operation.create
        if operation.delete:
            del self.mailboxes[operation.delete.name]
            self.copies = {c for c in self.copies if c.mailbox is not operation.delete}
        for mailbox, _ in operation.rename:
            del self.mailboxes[mailbox.name]
        for mailbox, name in operation.rename:
            mailbox.name = name
            mailbox.uid_validity = None  # a name that was used before gets a higher one
            self.mailboxes[name] = mailbox


# --- what the server has ---


class Found:
    """One message as the server shows it."""

    def __init__(self, fields):
        octets = fields["BODY[]"]
        self.uid = int(fields["UID"])
        self.flags = flag_set(fields["FLAGS"])
        self.modseq = int(fields["MODSEQ"][0])
        self.size = int(fields["RFC822.SIZE"])
        self.octets = len(octets)
        self.digest = hashlib.sha1(octets).hexdigest()
        key = re.search(rb"(?m)^Message-ID: <([^>]*)>", octets)
        self.key = key.group(1).decode() if key else None

    def __repr__(self):
        return f"{self.key} uid {self.uid} {sorted(self.flags)}"


def read_mailbox(client, name):
    """Its STATUS and {uid: Found}, after the counters were compared with what FETCH says."""
    status = client.status(name, STATUS_ITEMS)
    client.do(f"EXAMINE {quoted(name)}")
    fetched = client.fetch("1:*", "UID FLAGS MODSEQ RFC822.SIZE BODY.PEEK[]")
    found = {uid: Found(fields) for uid, fields in fetched.items()}
    rows = list(found.values())
    for one in rows:
        check_equal(one.size, one.octets, f"RFC822.SIZE of uid {one.uid} in {name}")
    counted = {
        "MESSAGES": len(rows),
        "UNSEEN": sum("\\Seen" not in one.flags for one in rows),
        "DELETED": sum("\\Deleted" in one.flags for one in rows),
        "SIZE": sum(one.octets for one in rows),
    }
    check_equal({k: status[k] for k in counted}, counted, f"STATUS of {name} and what FETCH says")
    check(status["UIDNEXT"] > max(found, default=0), f"{name}: UIDNEXT {status['UIDNEXT']}")
    highest = max((one.modseq for one in rows), default=1)
    check(status["HIGHESTMODSEQ"] >= highest, f"{name}: HIGHESTMODSEQ below a message's MODSEQ")
    return status, found


def compare(account, client, pending):
    """Judges the operations under way and compares everything. Raises Failure."""
    names = set(client.mailboxes())
    for operation in pending:
        judge_mailboxes(account, names, operation)
    check_equal(sorted(names), sorted(account.mailboxes), f"mailboxes of {account.name}")
    actual = {}
    for mailbox in account.mailboxes.values():
        status, actual[mailbox] = read_mailbox(client, mailbox.name)
        account.saw_validity(mailbox, status["UIDVALIDITY"])
        mailbox.saw_status(status)
    place_delivered(account, actual)
    extras = unknown(account, actual)
    for operation in pending:
        if operation.happened is None:
            judge_messages(account, actual, extras, operation)
    check(not extras, f"messages that nothing accounts for: {brief_list(extras)}")
    for copy in account.copies:
        compare_copy(copy, actual[copy.mailbox].get(copy.uid))


def brief_list(found):
    return "; ".join(f"{one!r} in {mailbox.name}" for mailbox, one in list(found)[:8])


def compare_copy(copy, found):
    check(found, f"lost: {copy}")
    copy.mailbox.saw_uid(copy.uid, found.key)
    check_equal(found.key, copy.message.key, f"{copy}: the message")
    check_equal(found.digest, copy.message.digest, f"{copy}: its octets")
    check_equal(found.flags, copy.flags, f"{copy}: its flags")
    check(copy.modseq in (None, found.modseq), f"{copy}: MODSEQ {found.modseq}, {copy.modseq}")
    copy.modseq = found.modseq


def place_delivered(account, actual):
    """Gives acknowledged deliveries the uids that they got."""
    by_key = {}
    known = {(copy.mailbox, copy.uid) for copy in account.copies}
    for mailbox, rows in actual.items():
        for uid, found in rows.items():
            if (mailbox, uid) not in known:
                by_key.setdefault((mailbox, found.key), []).append(found)
    for copy in account.copies:
        if copy.uid is None:
            rows = by_key.get((copy.mailbox, copy.message.key), [])
            check(rows, f"lost: {copy}, which LMTP acknowledged")
            copy.uid = rows.pop(0).uid


def unknown(account, actual):
    """[(mailbox, Found)] that no acknowledged operation explains."""
    known = {(copy.mailbox, copy.uid) for copy in account.copies}
    return [
        (mailbox, found)
        for mailbox, rows in actual.items()
        for uid, found in rows.items()
        if (mailbox, uid) not in known
    ]


# --- operations under way ---


def judge_mailboxes(account, names, operation):
    """Whether a CREATE, DELETE or RENAME that was under way has happened."""
    if operation.create:
        operation.happened = operation.create.name in names
    elif operation.delete:
        operation.happened = operation.delete.name not in names
    elif operation.rename:
        old = [mailbox.name in names for mailbox, _ in operation.rename]
        new = [name in names for _, name in operation.rename]
        check(
            all(old) != all(new) and any(old) == all(old) and any(new) == all(new),
            f"{operation.text}: half done, {old} {new}",
        )
        operation.happened = all(new)
    if operation.happened:
        account.apply(operation)


def judge_messages(account, actual, extras, operation):
    """Whether an operation on messages that was under way has happened: as a whole, or not."""
    matched = []
    for copy in operation.adds:
        match = find_extra(extras, copy, matched)
        if match:
            matched.append((copy, match))
    here = {copy: actual[copy.mailbox].get(copy.uid) for copy in operation.removes}
    now = {copy: actual[copy.mailbox].get(copy.uid) for copy in operation.flags}
    flags = {copy: found and found.flags for copy, found in now.items()}
    all_done = (
        len(matched) == len(operation.adds)
        and not any(here.values())
        and all(flags[copy] == frozenset(after) for copy, after in operation.flags.items())
    )
    none_done = (
        not matched
        and all(here.values())
        and all(flags[copy] == copy.flags for copy in operation.flags)
    )
    check(
        all_done or none_done,
        f"{operation.text}: half done; added {[c for c, _ in matched]} of {operation.adds}, "
        f"gone {[c for c, found in here.items() if not found]} of {operation.removes}, "
        f"flags {flags}",
    )
    operation.happened = all_done
    for copy in operation.flags:
        copy.modseq = None
    if not all_done:
        return
    for copy, match in matched:
        extras.remove(match)
        copy.uid = match[1].uid
    account.apply(operation)


def find_extra(extras, copy, taken):
    used = [match for _, match in taken]
    for match in extras:
        mailbox, found = match
        same = mailbox is copy.mailbox and found.key == copy.message.key
        if same and found.digest == copy.message.digest and match not in used:
            return match
    return None
