"""The tool is killed, either server is killed, connections are cut, at moments that the seed
names; after that a run on good servers puts everything exactly right. What the seed does not
decide is how far the operating system had let each of them come."""

import random
import time

import migrate_role
import roles
import scenes
from case_pairs import started
from cases import case
from harness import Failure
from proxy import Proxy
from sides import RealSide

ROUNDS, ROUNDS_SLOW = 3, 25
COUNT, COUNT_SLOW = 40, 400


class Chaos:
    """One role, tormented round after round."""

    def __init__(self, context, role, servers):
        self.chance = random.Random(context.seed)
        self.role, self.servers = role, servers
        self.seconds = 1.0
        self.said = []

    def round(self):
        how = self.chance.choice([self.kill_tool, self.kill_tool, self.kill_server, self.cut])
        how()
        self.role.check_unharmed()

    def moment(self):
        """Somewhere within the time that a run takes, more often at its beginning."""
        time.sleep(self.chance.random() ** 2 * self.seconds)

    def kill_tool(self):
        process = self.role.begin()
        self.moment()
        process.kill()
        outcome = self.role.tools.end(process, killed=True)
        self.said.append("kill" if outcome.status < 0 else "ended before")

    def kill_server(self):
        server = self.chance.choice(self.servers)
        process = self.role.begin()
        self.moment()
        server.kill()
        time.sleep(self.chance.random() * 0.3)
        server.start()
        self.role.tools.end(process)
        self.said.append(f"kill {server.kind}")

    def cut(self):
        with Proxy(self.role.side.port, self.chance.random(), cut_after=(200, 60000)) as proxy:
            self.role.by_port = proxy.port
            process = self.role.begin()
            try:
                self.moment()
                proxy.cut_all()
                self.moment()
                process.kill()  # it may go on trying for as long as connections are cut
                self.role.tools.end(process, killed=True)
            finally:
                self.role.by_port = None
            self.said.append(f"{proxy.cuts} cuts")

    def run(self, rounds):
        for number in range(rounds):
            try:
                self.round()
            except Failure as failure:
                raise Failure(f"round {number + 1} ({', '.join(self.said)}): {failure}") from None
        try:
            self.role.finish()
        except Failure as failure:
            raise Failure(f"after {', '.join(self.said)}: {failure}") from None
        return ", ".join(self.said)


def rows_of(context, slow):
    return scenes.small() + scenes.mixed(context.seed, COUNT_SLOW if slow else COUNT)


def without_strange(rows):
    return [row for row in rows if row[1] not in scenes.STRANGE.values()]


def migrate(context, source, target, slow):
    with started(context.options, source, target) as peers:
        role = migrate_role.MigrateTo(context, RealSide(peers[1], 2), RealSide(peers[0], 1))
        role.prepare(without_strange(rows_of(context, slow)))
        return Chaos(context, role, peers).run(ROUNDS_SLOW if slow else ROUNDS)


def one_sided(context, kind, role_kind, slow):
    with started(context.options, kind) as peers:
        role = role_kind(context, RealSide(peers[0], 1))
        role.prepare(without_strange(rows_of(context, slow)))
        return Chaos(context, role, peers).run(ROUNDS_SLOW if slow else ROUNDS)


def register():
    table = roles.load()
    for slow in (False, True):
        long = ", long" if slow else ""
        weight = 100 if slow else 30
        for source, target in (("dovecot", "eilpost"), ("eilpost", "dovecot"),
                               ("dovecot", "cyrus")):
            case(f"chaos: migrate {source} to {target}{long}", "migrate", slow, weight)(
                lambda context, s=source, t=target, w=slow: migrate(context, s, t, w))
        for kind in ("dovecot", "eilpost", "cyrus"):
            for name in ("sync", "cleanup trash", "cleanup undo"):
                role = table[name]
                case(f"chaos: {name} with {kind}{long}", role.tool, slow, weight)(
                    lambda context, k=kind, r=role, w=slow: one_sided(context, k, r, w))


register()
