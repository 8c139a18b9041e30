"""The clients of the fault tests: the crash test's workers, which here outlive a node (they go to
another) and a refusal (they try again later), and followers, which keep a copy of a mailbox by IDLE
and QRESYNC across nodes.

What was refused with "not now", or whose answer was lost, may have happened, or happen later. It is
judged when everything is quiet (model.compare); until then its worker leaves those messages alone.
"""

import random
import re
import threading
import time

from harness import Closed, Failure, check, flag_set, parse_response, split_status
from load import Worker, uid_list
from nodes import NodeImap, NodeLmtp, Unavailable

COPIES_MAX = 60  # of one worker; above, it removes more than it adds
NOT_NOW = re.compile(r"(421|45[0-2]|503) ")  # 503: RCPT and DATA after a refused MAIL


class ClusterWorker(Worker):
    """`doubtful`: [(account, operation)] that may have happened; the next comparison judges."""

    def __init__(
        self, number, account, accounts, nodes, seed, round_number, lock, waits, per_account
    ):
        super().__init__(number, account, accounts, None, seed, round_number, lock)
        self.nodes = nodes
        self.waits = waits
        self.per_account = per_account
        self.doubtful = []
        self.doubted_keys = set()
        self.doubted_mailboxes = set()
        self.stopping = False
        self.refusals = self.losses = 0
        self.floors = {}
        self.ready = False  # logged in

    def run(self):
        try:
            while not self.stopping:
                self.try_step()
        except Exception as error:  # what it is, the round tells
            self.failure = error
        finally:
            self.doubt()
            self.leave()

    def try_step(self):
        try:
            self.arrive()
            self.step()
        except Unavailable:
            self.refusals += 1
            self.doubt()
            if not self.ready:
                self.leave()  # who cannot log in here, goes elsewhere
            self.wait()
        except Closed as error:
            self.losses += 1
            self.doubt()
            blame(self.imap, error)
            blame(self.lmtp, error)
            self.leave()
            self.wait()

    def wait(self):
        time.sleep(self.random.uniform(0.1, 0.5))

    def arrive(self):
        """Connections to a node each, which need not be the same."""
        if self.imap is None:
            self.ready = False
            self.selected = None
            self.imap = NodeImap(self.choose(), self.waits)
        if not self.ready:
            self.imap.login(self.account.name)
            self.imap.do("ENABLE CONDSTORE")
            self.ready = True
        if self.lmtp is None:
            self.lmtp = NodeLmtp(self.choose())

    def choose(self):
        up = [node for node in self.nodes if node.running() and not node.frozen]
        return self.random.choice(up or self.nodes)

    def leave(self):
        for connection in (self.imap, self.lmtp):
            if connection:
                connection.close()
        self.imap = self.lmtp = None
        self.ready = False

    def doubt(self):
        """What was under way, may have happened."""
        for account, operation in self.pending:
            self.doubtful.append((account, operation))
            touched = [*operation.removes, *operation.adds, *operation.flags]
            self.doubted_keys |= {copy.message.key for copy in touched}
            self.doubted_mailboxes |= {mailbox for mailbox, _ in operation.rename}
            self.doubted_mailboxes |= {operation.delete}
        self.pending = []

    # --- what differs from the worker of one server ---

    def own_copies(self, mailbox=None):
        return [
            copy
            for copy in super().own_copies(mailbox)
            if copy.message.key not in self.doubted_keys
            and copy.mailbox not in self.doubted_mailboxes
        ]

    def mailboxes(self, own):
        return [one for one in super().mailboxes(own) if one not in self.doubted_mailboxes]

    def step(self):
        many = len(self.own_copies()) > COPIES_MAX
        steps = [
            (self.append, 1 if many else 6),
            (self.deliver, 1 if many else 4),
            (self.copy, 0 if many else 3),
            (self.move, 3),
            (self.store, 6),
            (self.expunge, 12 if many else 2),
            (self.status, 2),
        ]
        if not self.doubtful:  # a mailbox that a doubtful change names has to stay
            steps += [(self.create, 2), (self.rename, 1), (self.delete, 1)]
        if self.random.random() < 0.02:
            self.leave()  # moves to another node for no reason
            self.arrive()
        self.random.choices([s for s, _ in steps], [weight for _, weight in steps])[0]()

    def attempt(self, operation, command, *literals):
        with self.lock:
            self.floors = {copy.mailbox: copy.mailbox.uid_next for copy in operation.adds}
        self.pending = [(self.account, operation)]
        return self.imap.do(command, *literals)

    def take_uids(self, copies, validity, uids):
        mailbox = copies[0].mailbox
        floor = self.floors.get(mailbox, 1)
        check(min(uids) >= floor, f"{mailbox.name}: uids {uids} given, {floor} was the next before")
        super().take_uids(copies, validity, uids)

    def owner_in(self, account):
        """A worker of that account, so that somebody expunges what is delivered."""
        share = self.per_account
        return self.accounts.index(account) * share + self.number % share

    def told(self, account, operation, answer):
        if NOT_NOW.match(answer):
            return  # it stays pending
        super().told(account, operation, answer)

    def deliver(self):
        super().deliver()
        if self.pending:
            raise Unavailable("LMTP said 4xx")

    def status(self):
        """No STATUS may say less than what was acknowledged anywhere before it was asked."""
        mailbox = self.random.choice(self.mailboxes(own=False))
        with self.lock:
            before = (mailbox.uid_next, mailbox.modseq)
        status = self.imap.status(mailbox.name, "UIDNEXT UIDVALIDITY HIGHESTMODSEQ")
        after = (status["UIDNEXT"], status["HIGHESTMODSEQ"])
        where = f"{mailbox.name} on {self.imap.node.name}"
        check(after[0] >= before[0], f"{where}: UIDNEXT {after[0]}, and was {before[0]}")
        # Of the mailbox that is selected a session hears what it was told of (RFC 7162 3.1.2.1).
        if self.selected is not mailbox:
            check(after[1] >= before[1], f"{where}: HIGHESTMODSEQ {after[1]}, and was {before[1]}")
        with self.lock:
            self.account.saw_validity(mailbox, status["UIDVALIDITY"])
            mailbox.uid_next = max(mailbox.uid_next, after[0])
            mailbox.modseq = max(mailbox.modseq, after[1])


def blame(connection, error):
    """A connection that broke although its node is well, is a failure."""
    if connection and connection.broken and not connection.node.disturbed(connection):
        raise Failure(f"{connection.node.name}, undisturbed: {error}") from error


class Follower(threading.Thread):
    """Keeps a copy of an account's INBOX: {uid: flags}. It idles on one node until that is lost, or
    until it feels like going elsewhere, and catches up there by QRESYNC (RFC 7162)."""

    def __init__(self, number, account, nodes, seed, lock, waits):
        super().__init__(daemon=True)
        self.account = account
        self.nodes = nodes
        self.random = random.Random(f"{seed} follower {number}")
        self.lock = lock  # over all models
        self.copy_lock = threading.Lock()  # over the copy
        self.copy = {}
        self.modseqs = {}
        self.uid_validity = 0
        self.uid_next = 1
        self.highest = 0
        self.moves = self.wakes = self.refusals = 0
        self.waits = waits
        self.imap = None
        self.ready = False  # its mailbox is selected
        self.exists = 0
        self.behind = False  # of what EXISTS told
        self.stopping = False
        self.failure = None

    def run(self):
        while not self.stopping and not self.failure:
            try:
                if self.imap is None:
                    self.arrive()
                if not self.ready:
                    self.resynchronize()
                if self.behind:
                    self.fetch_new()
                self.idle()
            except Unavailable:
                self.refusals += 1
                if not self.ready:
                    self.leave()
                time.sleep(self.random.uniform(0.2, 0.6))
            except Closed as error:
                self.lost(error)
            except Exception as error:  # what it is, the round tells
                self.failure = error
        self.leave()

    def leave(self):
        if self.imap:
            self.imap.close()
        self.imap = None

    def lost(self, error):
        try:
            blame(self.imap, error)
        except Failure as failure:
            self.failure = failure
        self.leave()
        time.sleep(self.random.uniform(0.1, 0.4))

    def arrive(self):
        up = [node for node in self.nodes if node.running() and not node.frozen]
        self.imap = NodeImap(self.random.choice(up or self.nodes), self.waits)
        self.ready = False

    def resynchronize(self):
        self.imap.login(self.account.name)
        self.imap.do("ENABLE QRESYNC")
        known = f" (QRESYNC ({self.uid_validity} {self.highest}))" if self.uid_validity else ""
        reply = self.imap.do(f"SELECT INBOX{known}")
        self.exists = 0
        self.take(reply.untagged)
        for name, value in re.findall(r"\[([A-Z]+) (\d+)\]", str(reply.untagged)):
            self.saw_code(name, int(value))
        self.fetch_new()
        self.ready = True
        self.moves += 1

    def saw_code(self, name, value):
        if name == "UIDVALIDITY":
            check(self.uid_validity in (0, value), f"UIDVALIDITY {value}, was {self.uid_validity}")
            self.uid_validity = value
        if name == "UIDNEXT":
            check(value >= self.uid_next, f"UIDNEXT {value}, earlier {self.uid_next}")
        if name == "HIGHESTMODSEQ":
            check(value >= self.highest, f"HIGHESTMODSEQ {value} later, was {self.highest}")
            self.highest = value

    def fetch_new(self):
        """Messages beyond those that it knows, until no more are announced meanwhile."""
        items = "UID FLAGS MODSEQ BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"
        self.behind = True
        try:
            while self.take(self.imap.do(f"UID FETCH {self.uid_next}:* ({items})").untagged):
                pass
        except Unavailable as error:
            self.take(error.untagged)
            raise
        self.behind = False
        count = len(self.copy)
        check(count == self.exists, f"{count} messages were told, and EXISTS {self.exists}")

    def take(self, responses):
        """Notes what the responses tell; whether there are more messages than before."""
        more = False
        for response in responses:
            fields = parse_response(response)
            if len(fields) > 2 and fields[2] == "EXISTS":
                self.exists = int(fields[1])
                more = True
            elif fields[1] == "VANISHED":
                self.vanished(fields)
            elif len(fields) == 4 and fields[2] == "FETCH":
                self.fetched(dict(zip(fields[3][::2], fields[3][1::2])))
        return more

    def vanished(self, fields):
        uids = uid_list(fields[-1])
        if len(fields) == 3:  # not (EARLIER), which is about former sessions
            self.exists -= len(uids)
        with self.copy_lock:
            for uid in uids:
                self.copy.pop(uid, None)
                self.modseqs.pop(uid, None)

    def fetched(self, items):
        uid, modseq = int(items["UID"]), int(items["MODSEQ"][0])
        header = next((value for name, value in items.items() if name[:5] == "BODY["), None)
        check(uid in self.copy or uid >= self.uid_next, f"uid {uid} after {self.uid_next - 1}")
        if uid not in self.copy and header is None:
            return  # fetch_new() has it told with its header
        before = self.modseqs.get(uid, 0)
        check(modseq >= before, f"uid {uid}: MODSEQ {modseq}, and was {before}")
        if header is not None:
            key = re.search(rb"<([^>]*)>", header).group(1).decode()
            with self.lock:
                self.account.mailboxes["INBOX"].saw_uid(uid, key)
        with self.copy_lock:
            self.copy[uid] = flag_set(items["FLAGS"])
            self.modseqs[uid] = modseq
        self.uid_next = max(self.uid_next, uid + 1)

    def idle(self):
        """One IDLE; it ends at the first message to be fetched, and at times for no reason."""
        connection = self.imap
        connection.tags += 1
        tag = f"h{connection.tags}"
        connection.send(f"{tag} IDLE\r\n".encode())
        leave = time.monotonic() + self.random.uniform(2, 20)
        more = begun = False
        while not more and not (begun and (time.monotonic() > leave or self.stopping)):
            response = self.pushed(connection)
            if response.startswith(tag.encode()):
                return self.ended(split_status(response[len(tag) + 1 :].decode()))
            begun = begun or response.startswith(b"+")
            more = response.startswith(b"*") and self.take([response])
        connection.send(b"DONE\r\n")
        reply = connection.finish(tag)
        more = self.take(reply.untagged) or more
        self.ended((reply.status, reply.code, reply.text))
        if more:
            self.fetch_new()
        elif self.random.random() < 0.3:
            self.leave()
        return None

    def ended(self, status):
        if status[:2] == ("NO", "UNAVAILABLE"):
            raise Unavailable(f"IDLE: {status[2]}")
        check(status[0] == "OK", f"IDLE: {status}")

    def pushed(self, connection):
        """The next response; "" when none came for a while."""
        try:
            response = connection.receive(0.5)
        except Closed:
            raise
        except Failure:
            if connection.node.disturbed(connection):
                raise Closed("it left a node that does not move") from None
            return b""
        self.wakes += 1
        return response

    def same_as(self, wanted):
        """None when the copy is that, {uid: flags}; else how it differs."""
        with self.copy_lock:
            got = dict(self.copy)
        if got == wanted:
            return None
        return (
            f"missing {sorted(set(wanted) - set(got))[:9]}, "
            f"too many {sorted(set(got) - set(wanted))[:9]}, "
            f"other flags {sorted(u for u in wanted if u in got and got[u] != wanted[u])[:9]}"
        )
