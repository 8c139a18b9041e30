"""What a client knows of its mailbox from what the server has said, and of the results that the
server keeps up to date for it (RFC 5267). Whatever cannot be true of a server that keeps to the
RFCs is a Failure at once; that it is the truth, the checkpoints look at.
"""

import re

from harness import check, flag_set


def numbers(text):
    """The numbers of a set, in its order (RFC 5267 writes orders as sets)."""
    out = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        first, last = int(first), int(last or first)
        out += range(first, last + 1) if first <= last else range(first, last - 1, -1)
    return out


class Known:
    """One message in a client's view; its uid may not be known yet."""

    __slots__ = ("uid", "flags", "modseq")

    def __init__(self, uid=None):
        self.uid = uid
        self.flags = None
        self.modseq = 0


def name_of(member):
    return f"uid {member.uid if isinstance(member, Known) else member}"


class Context:
    """A search or sort with UPDATE. `result` holds uids, or Known messages where it is told in
    message numbers; for SORT in order."""

    def __init__(self, tag, uid, key, meaning, criteria):
        self.tag = tag
        self.uid = uid
        self.key = key
        self.meaning = meaning
        self.criteria = criteria
        self.result = []
        self.ending = False

    def uids(self):
        return list(self.result) if self.uid else [m.uid for m in self.result]


class Mirror:
    def __init__(self, name, uid_validity, read_only):
        self.name = name
        self.uid_validity = uid_validity
        self.read_only = read_only
        self.messages = []  # of Known, by message number
        self.by_uid = {}
        self.contexts = {}
        self.highest = 0
        self.told = 0  # news that came without being asked for

    # --- what is said of messages ---

    def exists(self, count):
        check(count >= len(self.messages), f"{count} EXISTS after {len(self.messages)}")
        while len(self.messages) < count:
            self.messages.append(Known())

    def at(self, number):
        check(1 <= number <= len(self.messages), f"message {number} of {len(self.messages)}")
        return self.messages[number - 1]

    def name_uid(self, known, uid):
        if known.uid is None:
            check(uid not in self.by_uid, f"uid {uid} is told of two messages")
            known.uid = uid
            self.by_uid[uid] = known
            place = self.messages.index(known)
            before = [m.uid for m in self.messages[:place] if m.uid]
            after = [m.uid for m in self.messages[place + 1 :] if m.uid]
            check(not before or before[-1] < uid, f"uid {uid} behind {before[-1:]}")
            check(not after or uid < after[0], f"uid {uid} before {after[:1]}")
        check(known.uid == uid, f"uid {uid} for the message with uid {known.uid}")

    def fetched(self, known, items):
        if "UID" in items:
            self.name_uid(known, int(items["UID"]))
        if "FLAGS" in items:
            known.flags = flag_set(items["FLAGS"])
        if "MODSEQ" in items:
            modseq = int(items["MODSEQ"][0])
            check(modseq >= known.modseq, f"uid {known.uid}: MODSEQ {modseq} after {known.modseq}")
            known.modseq = modseq

    def expunged(self, known):
        for context in self.contexts.values():
            # RFC 5267 4.3.4: REMOVEFROM goes first.
            in_it = (known.uid if context.uid else known) in context.result
            check(context.ending or not in_it, f"{context.tag}: uid {known.uid} is gone and in it")
        self.messages.remove(known)
        if known.uid:
            del self.by_uid[known.uid]

    def vanished(self, uids, earlier):
        for uid in uids:
            known = self.by_uid.get(uid)
            if known is None and not earlier:
                # One of those that came and were not asked for yet; they are the last.
                # RFC 5267 4.3.4: it has left every result before.
                results = [c.result for c in self.contexts.values() if not c.uid]
                free = [m for m in self.unknown() if not any(m in r for r in results)]
                check(free, f"VANISHED {uid}, which never was there")
                known = free[0]
            if known is not None:
                self.expunged(known)

    # --- what is said of results ---

    def member(self, context, number):
        if not context.uid:
            return self.at(number)
        check(self.may_be(number), f"{context.tag}: uid {number} is not in the mailbox")
        return number

    def may_be(self, uid):
        """Whether a message has it, or one that has come and was not asked for yet may have."""
        if uid in self.by_uid:
            return True
        last = 0
        for m in self.messages:
            if m.uid is None:
                return uid > last
            last = m.uid
        return False

    def updated(self, tag, kind, pairs):
        context = self.contexts.get(tag)
        check(context, f"{kind} for {tag}, which is no live search")
        if context.ending:
            return
        for position, members in zip(pairs[::2], pairs[1::2]):
            found = [self.member(context, n) for n in numbers(members)]
            change = self.added if kind == "ADDTO" else self.removed
            change(context, int(position), found)
        self.told += 1

    def added(self, context, position, found):
        for known in found:
            check(known not in context.result, f"{context.tag}: ADDTO of {name_of(known)} again")
        if context.criteria is None:
            context.result += found
            return
        size = len(context.result)
        check(1 <= position <= size + 1, f"{context.tag}: ADDTO at {position} of {size}")
        context.result[position - 1 : position - 1] = found

    def removed(self, context, position, found):
        for known in found:
            check(known in context.result, f"{context.tag}: REMOVEFROM of {name_of(known)}")
        if context.criteria is None:
            context.result = [m for m in context.result if m not in found]
            return
        there = context.result[position - 1 : position - 1 + len(found)]
        check(there == found, f"{context.tag}: REMOVEFROM at {position}, which are others")
        del context.result[position - 1 : position - 1 + len(found)]

    def unknown(self):
        return [m for m in self.messages if m.uid is None]


def response_codes(text):
    """[CODE arguments] of an untagged status response, or ("", "")."""
    found = re.match(r"\[([A-Z-]+)(?: ([^\]]*))?\]", text)
    return (found.group(1), found.group(2) or "") if found else ("", "")
