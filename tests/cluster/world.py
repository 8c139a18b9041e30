"""Nodes, a cluster, accounts with their models, and the load on them, round by round."""

import random
import threading
import time
import traceback

from clients import ClusterWorker, Follower
from harness import PASSWORD, Failure, check, user, wait_for
from model import Account, compare
from nodes import NodeImap, Unavailable, Waits

ACCOUNTS = 2
WORKERS = 4  # of each account
FOLLOWERS = 2  # of each account
READY_SECONDS = 60  # from the end of a fault to "ready"
SAME_SECONDS = 45  # until followers have everything: a lost wake costs up to 30 (design 3.1)


class World:
    """`ceph` is None where the nodes' engine needs no cluster."""

    def __init__(self, nodes, ceph, seed):
        self.nodes = nodes
        self.ceph = ceph
        self.seed = seed
        self.lock = threading.Lock()
        self.accounts = []  # those under load
        self.retired = []  # those that were
        self.waits = Waits()
        self.workers = []
        self.followers = []
        self.past = {"acknowledged": 0, "refusals": 0, "losses": 0, "doubtful": 0, "happened": 0}
        self.same_waits = []

    # --- beginning and end ---

    def begin(self):
        for node in self.nodes:
            node.start()
        self.next_accounts()

    def next_accounts(self):
        """Fresh accounts for the load, so that none reaches the limits of a partition: what is
        expunged stays recoverable."""
        self.finish()
        self.retired += self.accounts
        first = len(self.retired) + 1
        self.accounts = [Account(user(number)) for number in range(first, first + ACCOUNTS)]
        for account in self.accounts:
            self.make(account)
        for number in range(FOLLOWERS * ACCOUNTS):
            account = self.accounts[number % ACCOUNTS]
            name = f"{account.name} {number}"
            follower = Follower(name, account, self.nodes, self.seed, self.lock, self.waits)
            self.followers.append(follower)
            follower.start()

    def make(self, account):
        node = self.nodes[0]
        status, said = node.command("account", "add", account.name, input=f"{PASSWORD}\n")
        check(status == 0, f"account add: {said}")
        client = NodeImap(node)
        client.login(account.name)
        for name in client.mailboxes():
            if name != "INBOX":  # the model begins with INBOX alone
                client.do(f"DELETE {name}")
        client.close()

    def finish(self):
        for follower in self.followers:
            follower.stopping = True
        for follower in self.followers:
            follower.join(60)
        self.raise_failures()
        self.followers = []

    # --- load ---

    def start_load(self, round_number):
        self.workers = []
        for account in self.accounts:
            for _ in range(WORKERS):
                number = len(self.workers)
                self.workers.append(
                    ClusterWorker(
                        number,
                        account,
                        self.accounts,
                        self.nodes,
                        self.seed,
                        round_number,
                        self.lock,
                        self.waits,
                        WORKERS,
                    )
                )
        for worker in self.workers:
            worker.start()

    def stop_load(self):
        for worker in self.workers:
            worker.stopping = True
        for worker in self.workers:
            worker.join(90)
            check(not worker.is_alive() or worker.failure, f"worker {worker.number} hangs")
        self.raise_failures()

    def raise_failures(self):
        for node in self.nodes:
            ended = node.process.poll()
            if ended not in (None, -9):
                raise Failure(f"{node.name} ended by itself with {ended}\n{node.tail()}")
        for one in [*self.workers, *self.followers]:
            if one.failure:
                trace = "".join(traceback.format_exception(one.failure))
                raise Failure(f"{type(one).__name__}: {one.failure}\n{trace}")

    def refusals(self):
        return sum(worker.refusals for worker in self.workers)

    def acknowledged(self):
        return sum(worker.acknowledged for worker in self.workers)

    # --- waiting ---

    def wait_ready(self, node):
        begin = time.monotonic()
        wait_for(node.is_up, READY_SECONDS, f"{node.name}: ready again")
        return time.monotonic() - begin

    def wait_active(self):
        """Every OSD is up and every placement group serves. Copies that were missed may still be on
        their way: the next fault finds them so."""

        def active():
            status = self.ceph.ask("status")
            osds, groups = status["osdmap"], status["pgmap"].get("pgs_by_state", [])
            up = osds["num_up_osds"] == osds["num_osds"]
            return up and groups and all("active" in one["state_name"] for one in groups)

        wait_for(active, 120, "every OSD up and every placement group active")

    # --- comparing ---

    def settle(self):
        """After this nothing that a client asked for is still under way on any node: its runner
        takes the changes of an account in their order."""
        for node in self.nodes:
            self.wait_ready(node)
        for account in self.accounts:
            for node in self.nodes:
                wait_for(lambda: self.barrier(node, account), 60, f"{node.name}: a change")

    def barrier(self, node, account):
        client = NodeImap(node, self.waits)
        try:
            client.login(account.name)
            name = f"barrier-{node.name}"
            if name in client.mailboxes():
                client.do(f"DELETE {name}")
            client.do(f"CREATE {name}")
            client.do(f"DELETE {name}")
            return True
        except Unavailable:
            return False
        finally:
            client.close()

    def compare_all(self):
        """What the model knows and what every node tells; then what the followers were told."""
        pending = [one for worker in self.workers for one in worker.doubtful]
        for account in self.accounts:
            for node in self.nodes:
                with self.lock:
                    self.compare_one(account, node, pending)
                pending = [one for one in pending if one[0] is not account]
        begin = time.monotonic()
        for follower in self.followers:
            wait_for(
                lambda: self.is_same(follower),
                SAME_SECONDS,
                f"a follower of {follower.account.name} is told everything",
            )
        self.same_waits.append(time.monotonic() - begin)
        self.add_up()

    def compare_one(self, account, node, pending):
        client = NodeImap(node, self.waits, timeout=60)
        try:
            client.login(account.name)
            compare(account, client, [one for owner, one in pending if owner is account])
        except Failure as failure:
            raise Failure(f"through {node.name}: {failure}") from failure
        finally:
            client.close()

    def is_same(self, follower):
        self.raise_failures()
        with self.lock:
            inbox = follower.account.mailboxes["INBOX"]
            copies = [copy for copy in follower.account.copies if copy.mailbox is inbox]
            wanted = {copy.uid: copy.flags for copy in copies}
        return follower.same_as(wanted) is None

    def add_up(self):
        for worker in self.workers:
            self.past["acknowledged"] += worker.acknowledged
            self.past["refusals"] += worker.refusals
            self.past["losses"] += worker.losses
            self.past["doubtful"] += len(worker.doubtful)
            self.past["happened"] += sum(bool(one.happened) for _, one in worker.doubtful)

    def summary(self):
        every = [*self.retired, *self.accounts]
        copies = sum(len(account.copies) for account in every)
        totals = ", ".join(f"{name} {value:,}" for name, value in self.past.items())
        return (
            f"{totals}; {copies} messages of {len(every)} accounts; "
            f"waits for a NO [UNAVAILABLE]: {self.waits.summary()}; "
            f"for followers at most {max(self.same_waits, default=0):.1f} s"
        )


def chance_of(seed, what):
    return random.Random(f"{seed} {what}")
