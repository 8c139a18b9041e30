"""The mail of one account of the bad server, held in memory: what is true, whatever the server
says of it. Tests fill it, change it behind a tool's back, and compare it with what should be
there.

Account.lock is held by whoever reads or changes; Account.changed is notified after each change.
"""

import calendar
import hashlib
import itertools
import re
import threading
import time

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
DATE_TIME = re.compile(r"\s*(\d+)-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$")


def epoch_of(text):
    """Seconds since 1970 of an INTERNALDATE."""
    found = DATE_TIME.match(text)
    if not found:
        raise ValueError(f"no date-time: {text!r}")
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = found.groups()
    seconds = calendar.timegm((int(year), MONTHS.index(month.title()) + 1, int(day), int(hour),
                               int(minute), int(second)))
    offset = (int(zone_hours) * 60 + int(zone_minutes)) * 60
    return seconds - offset if sign == "+" else seconds + offset


def internal_date(epoch):
    t = time.gmtime(epoch)
    return (f"{t.tm_mday:02}-{MONTHS[t.tm_mon - 1]}-{t.tm_year:04} "
            f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} +0000")


class Message:
    ids = itertools.count(1)

    def __init__(self, octets, flags=(), epoch=None):
        self.octets = octets
        self.flags = {flag for flag in flags if flag.lower() != "\\recent"}
        self.epoch = int(time.time()) if epoch is None else epoch
        self.email_id = "M" + hashlib.sha256(octets).hexdigest()[:20]
        self.identity = next(self.ids)  # of this copy, wherever it goes
        self.uid = 0
        self.modseq = 0

    def same(self):
        """All that has to be alike in two copies of a message."""
        return self.octets, frozenset(self.flags), self.epoch


class Mailbox:
    def __init__(self, name, uid_validity, special_use=""):
        self.name = name
        self.uid_validity = uid_validity
        self.uid_next = 1
        self.highest_modseq = 1
        self.messages = []
        self.vanished = []  # (modseq, uid)
        self.subscribed = False
        self.special_use = special_use

    def next_modseq(self):
        self.highest_modseq += 1
        return self.highest_modseq

    def add(self, message):
        message.uid = self.uid_next
        self.uid_next += 1
        message.modseq = self.next_modseq()
        self.messages.append(message)
        return message

    def remove(self, messages):
        modseq = self.next_modseq()
        gone = {message.identity for message in messages}
        self.vanished += [(modseq, message.uid) for message in messages]
        self.messages = [one for one in self.messages if one.identity not in gone]

    def by_uid(self, uid):
        return next((one for one in self.messages if one.uid == uid), None)


class Account:
    def __init__(self):
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.mailboxes = {}
        self.validities = itertools.count(1_700_000_000)
        self.expunged = []  # (mailbox name, Message): all that a client has removed for good
        self.create("INBOX")

    def create(self, name, special_use=""):
        with self.lock:
            box = self.mailboxes[name] = Mailbox(name, next(self.validities), special_use)
            self.changed.notify_all()
            return box

    def find(self, name):
        return self.mailboxes.get("INBOX" if name.upper() == "INBOX" else name)

    def append(self, name, octets, flags=(), epoch=None):
        with self.lock:
            message = self.mailboxes[name].add(Message(octets, flags, epoch))
            self.changed.notify_all()
            return message

    def copy(self, message, target):
        made = Message(message.octets, message.flags, message.epoch)
        return target.add(made)

    def expunge(self, box, messages):
        with self.lock:
            self.expunged += [(box.name, one) for one in messages]
            box.remove(messages)
            self.changed.notify_all()

    def store(self, box, message, flags):
        with self.lock:
            if flags != message.flags:
                message.flags = set(flags)
                message.modseq = box.next_modseq()
                self.changed.notify_all()

    def delete(self, name):
        with self.lock:
            box = self.mailboxes.pop(name)
            self.expunged += [(name, one) for one in box.messages]
            self.changed.notify_all()

    def rename(self, old, new):
        with self.lock:
            for name in sorted(self.mailboxes):
                if name == old or name.startswith(old + "/"):
                    box = self.mailboxes.pop(name)
                    box.name = new + name[len(old):]
                    self.mailboxes[box.name] = box
            self.changed.notify_all()

    def renumber(self):
        """Every mailbox gets another UIDVALIDITY and other uids, as after a repair."""
        with self.lock:
            for box in self.mailboxes.values():
                box.uid_validity = next(self.validities)
                box.vanished = []
                for message in box.messages:
                    message.uid += 1000
                    message.modseq = box.next_modseq()
                box.uid_next += 1000
            self.changed.notify_all()

    def reset_modseqs(self):
        """They begin again at 1, and nobody knows what has vanished."""
        with self.lock:
            for box in self.mailboxes.values():
                box.vanished = []
                box.highest_modseq = 1
                for message in box.messages:
                    message.modseq = 1
            self.changed.notify_all()

    def snapshot(self):
        """{mailbox: sorted list of (octets, flags, epoch)}."""
        with self.lock:
            return {name: sorted((one.same() for one in box.messages), key=sort_key)
                    for name, box in self.mailboxes.items()}


def sort_key(same):
    octets, flags, epoch = same
    return octets, sorted(flags), epoch
