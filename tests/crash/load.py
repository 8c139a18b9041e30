"""The load of the crash test: workers that change an account in every way and note in the model
what the server acknowledged, until the server dies under them."""

import random
import threading

from harness import Closed, Imap, Lmtp, check, message, parse_response, quoted, user
from model import Copy, Mailbox, Message, Operation

FLAGS = ["\\Seen", "\\Flagged", "\\Answered", "\\Draft", "$Label1", "Work"]
COPIES_MAX = 250  # of one worker; above, it removes more than it adds
SENDER = "sender@example.net"


def uid_list(text):
    """The uids of a set as APPENDUID and COPYUID write it, in its order."""
    uids = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        uids += range(int(first), int(last or first) + 1)
    return uids


def uid_set(copies):
    return ",".join(str(copy.uid) for copy in copies)


class Worker(threading.Thread):
    """One IMAP and one LMTP connection. `pending` is what was under way when the server died:
    [(account, operation)]; `failure` is what the server did wrong before."""

    def __init__(self, number, account, accounts, server, seed, round_number, lock):
        super().__init__(daemon=True)
        self.number = number
        self.account = account
        self.accounts = accounts  # all of them, for deliveries
        self.server = server
        self.random = random.Random(f"{seed} {round_number} {number}")
        self.round_number = round_number
        self.lock = lock  # over all models
        self.pending = []
        self.failure = None
        self.acknowledged = 0
        self.messages = 0
        self.selected = None
        self.imap = self.lmtp = None

    def run(self):
        try:
            self.imap = Imap(self.server.port("imap"))
            self.imap.login(self.account.name)
            self.imap.do("ENABLE CONDSTORE")
            self.lmtp = Lmtp(self.server.port("lmtp"))
            while True:
                self.step()
        except Closed:
            pass
        except Exception as error:  # what it is, the round tells
            self.failure = error
        finally:
            for connection in (self.imap, self.lmtp):
                if connection:
                    connection.close()

    def step(self):
        many = len(self.own_copies()) > COPIES_MAX
        steps = [
            (self.append, 1 if many else 6),
            (self.deliver, 1 if many else 4),
            (self.copy, 0 if many else 3),
            (self.move, 3),
            (self.store, 6),
            (self.expunge, 8 if many else 2),
            (self.create, 2),
            (self.rename, 1),
            (self.delete, 1),
            (self.status, 2),
        ]
        self.random.choices([s for s, _ in steps], [weight for _, weight in steps])[0]()

    # --- helpers ---

    def own_copies(self, mailbox=None):
        with self.lock:
            return sorted(
                (
                    copy
                    for copy in self.account.copies
                    if copy.owner == self.number
                    and copy.uid is not None
                    and mailbox in (None, copy.mailbox)
                ),
                key=lambda copy: (copy.mailbox.name, copy.uid),
            )

    def mailboxes(self, own):
        with self.lock:
            every = sorted(self.account.mailboxes.values(), key=lambda one: one.name)
        return [m for m in every if m.owner == self.number or (not own and m.owner is None)]

    def some_copies(self):
        """A few copies of one mailbox; none at times."""
        copies = self.own_copies()
        if not copies:
            return []
        mailbox = self.random.choice(copies).mailbox
        copies = [copy for copy in copies if copy.mailbox is mailbox]
        return sorted(
            self.random.sample(copies, min(len(copies), self.random.choice([1, 1, 2, 5, 20]))),
            key=lambda copy: copy.uid,
        )

    def select(self, mailbox):
        if self.selected is not mailbox:
            self.selected = None
            self.imap.do(f"SELECT {quoted(mailbox.name)}")
            self.selected = mailbox

    def unselect(self, *mailboxes):
        """A session ends when its mailbox is deleted or gets a new UIDVALIDITY with its name."""
        if self.selected in mailboxes:
            self.imap.do("UNSELECT")
            self.selected = None

    def attempt(self, operation, command, *literals):
        """Sends it; the reply, which has to be OK. Until then the operation is pending."""
        self.pending = [(self.account, operation)]
        return self.imap.do(command, *literals)

    def settle(self, operation):
        with self.lock:
            self.account.apply(operation)
        self.pending = []
        self.acknowledged += 1

    def new_message(self):
        self.messages += 1
        key = f"{self.round_number}.{self.number}.{self.messages}@crash.example"
        lines = self.random.choice([1, 5, 40, 200, 200, 4000 if self.messages % 9 == 0 else 10])
        body = f"{self.random.random()} and some more text\r\n" * lines
        return key, message(f"load {key}", f"<{key}>", body)

    # --- steps ---

    def append(self):
        mailbox = self.random.choice(self.mailboxes(own=False))
        copies, literals = [], []
        for _ in range(self.random.choice([1, 1, 1, 2, 4])):
            key, octets = self.new_message()
            flags = self.random.sample(FLAGS, self.random.randrange(3))
            copies.append(Copy(Message(key, octets), mailbox, flags, self.number))
            literals.append(octets)
        parts = "".join(f" ({' '.join(sorted(copy.flags))}) {{}}" for copy in copies)
        operation = Operation(f"APPEND to {mailbox.name}", adds=copies)
        reply = self.attempt(operation, f"APPEND {quoted(mailbox.name)}{parts}", *literals)
        word, validity, uids = reply.code.split(" ")
        check(word == "APPENDUID", f"APPEND answers {reply}")
        self.take_uids(copies, int(validity), uid_list(uids))
        self.settle(operation)

    def take_uids(self, copies, validity, uids):
        check(len(uids) == len(copies), f"{len(copies)} copies got the uids {uids}")
        with self.lock:
            self.account.saw_validity(copies[0].mailbox, validity)
        for copy, uid in zip(copies, uids):
            copy.uid = uid

    def deliver(self):
        accounts = self.random.sample(self.accounts, self.random.choice([1, 1, len(self.accounts)]))
        key, octets = self.new_message()
        stored = Message(key, f"Return-Path: <{SENDER}>\r\n".encode() + octets)
        self.pending = []
        by_name = {}
        for account in accounts:
            copy = Copy(stored, account.mailboxes["INBOX"], [], self.owner_in(account))
            by_name[account.name] = (account, Operation(f"LMTP for {account.name}", adds=[copy]))
        self.pending = list(by_name.values())

        def told(name, answer):
            self.told(*by_name[name], answer)

        self.lmtp.deliver(SENDER, [account.name for account in accounts], octets, told)

    def owner_in(self, account):
        """Who may change what this worker delivers there, once its uid is known."""
        return self.number

    def told(self, account, operation, answer):
        """What LMTP answered for one recipient."""
        check(answer.startswith("250"), f"LMTP for {account.name}: {answer}")
        with self.lock:
            account.apply(operation)
        self.pending.remove((account, operation))
        self.acknowledged += 1

    def store(self):
        copies = self.some_copies()
        if not copies:
            return
        self.select(copies[0].mailbox)
        flags = frozenset(self.random.sample(FLAGS, self.random.randrange(1, 4)))
        sign = self.random.choice(["+", "-", ""])
        self.set_flags(copies, sign, flags)

    def set_flags(self, copies, sign, flags):
        def after(copy):
            return {"+": copy.flags | flags, "-": copy.flags - flags, "": flags}[sign]

        uids = uid_set(copies)
        command = f"UID STORE {uids} {sign}FLAGS ({' '.join(sorted(flags))})"
        operation = Operation(command, flags={copy: after(copy) for copy in copies})
        by_uid = {copy.uid: copy for copy in copies}
        modseqs = {}
        for response in self.attempt(operation, command).untagged:
            fields = parse_response(response)
            if len(fields) == 4 and fields[2] == "FETCH":
                items = dict(zip(fields[3][::2], fields[3][1::2]))
                if int(items.get("UID", 0)) in by_uid and "MODSEQ" in items:
                    modseqs[int(items["UID"])] = int(items["MODSEQ"][0])
        for copy in copies:
            if operation.flags[copy] != copy.flags:
                check(copy.uid in modseqs, f"{command}: no FETCH with MODSEQ for {copy}")
            copy.modseq = modseqs.get(copy.uid, copy.modseq)
        with self.lock:
            mailbox = copies[0].mailbox
            mailbox.modseq = max([mailbox.modseq, *modseqs.values()])
        self.settle(operation)

    def target_of(self, source):
        others = [mailbox for mailbox in self.mailboxes(own=False) if mailbox is not source]
        return self.random.choice(others) if others else None

    def copies_in(self, copies, target):
        return [Copy(copy.message, target, copy.flags, self.number) for copy in copies]

    def copy(self):
        copies = self.some_copies()
        target = self.target_of(copies[0].mailbox) if copies else None
        if target is None:
            return
        self.select(copies[0].mailbox)
        added = self.copies_in(copies, target)
        operation = Operation(f"COPY of {copies} to {target.name}", adds=added)
        command = f"UID COPY {uid_set(copies)} {quoted(target.name)}"
        code = self.attempt(operation, command).code
        self.take_copyuid(code, copies, added)
        self.settle(operation)

    def move(self):
        copies = self.some_copies()
        target = self.target_of(copies[0].mailbox) if copies else None
        if target is None:
            return
        self.select(copies[0].mailbox)
        added = self.copies_in(copies, target)
        operation = Operation(f"MOVE of {copies} to {target.name}", removes=copies, adds=added)
        command = f"UID MOVE {uid_set(copies)} {quoted(target.name)}"
        reply = self.attempt(operation, command)
        told = [one.decode() for one in reply.untagged if one.startswith(b"* OK [COPYUID ")]
        codes = [one[len("* OK [") :].split("]")[0] for one in told]
        check(len(codes) == 1, f"MOVE: no COPYUID in {reply}")
        self.take_copyuid(codes[0], copies, added)
        self.settle(operation)

    def take_copyuid(self, code, copies, added):
        word, validity, sources, targets = code.split(" ")
        pairs = dict(zip(uid_list(sources), uid_list(targets)))
        check(word == "COPYUID" and set(pairs) == {c.uid for c in copies}, f"{code} for {copies}")
        self.take_uids(added, int(validity), [pairs[copy.uid] for copy in copies])

    def expunge(self):
        copies = self.some_copies()
        if not copies:
            return
        self.select(copies[0].mailbox)
        self.set_flags(copies, "+", frozenset(["\\Deleted"]))
        operation = Operation(f"UID EXPUNGE {uid_set(copies)}", removes=copies)
        self.attempt(operation, operation.text)
        self.settle(operation)

    def create(self):
        own = self.mailboxes(own=True)
        if len(own) > 6:
            return
        name = self.free_name(self.random.choice([None, *own]))
        if name is None:
            return
        mailbox = Mailbox(name, self.number)
        operation = Operation(f"CREATE {name}", create=mailbox)
        self.attempt(operation, f"CREATE {quoted(name)}")
        self.settle(operation)
        self.learn(mailbox)

    def free_name(self, parent):
        """Names come again, so that a mailbox follows another of its name."""
        prefix = f"{parent.name}/" if parent else f"of{self.number}-"
        name = prefix + self.random.choice("abcd")
        with self.lock:
            taken = name in self.account.mailboxes or name.count("/") > 2
        return None if taken else name

    def learn(self, mailbox):
        status = self.imap.status(mailbox.name, "UIDNEXT UIDVALIDITY HIGHESTMODSEQ")
        with self.lock:
            self.account.saw_validity(mailbox, status["UIDVALIDITY"])

    def rename(self):
        own = self.mailboxes(own=True)
        if not own:
            return
        mailbox = self.random.choice(own)
        name = self.free_name(None)
        if name is None or name.startswith(mailbox.name):
            return
        inside = [one for one in own if one.name.startswith(mailbox.name + "/")]
        changes = [(one, name + one.name[len(mailbox.name) :]) for one in [mailbox, *inside]]
        command = f"RENAME {quoted(mailbox.name)} {quoted(name)}"
        operation = Operation(command, rename=changes)
        self.unselect(*[one for one, _ in changes])
        self.attempt(operation, command)
        self.settle(operation)
        for one, _ in changes:
            self.learn(one)

    def delete(self):
        own = self.mailboxes(own=True)
        leaves = [m for m in own if not any(o.name.startswith(m.name + "/") for o in own)]
        if not leaves:
            return
        mailbox = self.random.choice(leaves)
        self.unselect(mailbox)
        operation = Operation(f"DELETE {mailbox.name}", delete=mailbox)
        self.attempt(operation, f"DELETE {quoted(mailbox.name)}")
        self.settle(operation)

    def status(self):
        """What STATUS says of the next uid and the modseq must never be less afterwards."""
        mailbox = self.random.choice(self.mailboxes(own=False))
        status = self.imap.status(mailbox.name, "UIDNEXT UIDVALIDITY HIGHESTMODSEQ")
        with self.lock:
            self.account.saw_validity(mailbox, status["UIDVALIDITY"])
            mailbox.uid_next = max(mailbox.uid_next, status["UIDNEXT"])
            mailbox.modseq = max(mailbox.modseq, status["HIGHESTMODSEQ"])


def workers_of(accounts, server, seed, round_number, per_account):
    lock = threading.Lock()
    out = []
    for account in accounts:
        for _ in range(per_account):
            number = len(out)
            out.append(Worker(number, account, accounts, server, seed, round_number, lock))
    return out


def account_names(count):
    return [user(number + 1) for number in range(count)]
