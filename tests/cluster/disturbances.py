"""What is done to a cluster under load: each fault begins, lasts and ends, and says what must have
come of it. Which ones, where and how long is drawn from the seed.

The issue asks for freezes and cuts of 60 s; LONG of them in a run are that long, the others are
short, so that a run of 200 faults fits into an hour.
"""

import time

from harness import Failure, wait_for

LONG_SECONDS = 60.0


class Fault:
    """One fault. begin() and end() are called by one thread; `seconds` lie between them."""

    name = ""
    shortest, longest = 0.2, 2.0

    def __init__(self, world, chance, long=False):
        self.world = world
        self.seconds = LONG_SECONDS if long else chance.uniform(self.shortest, self.longest)
        self.target = self.choose(chance)

    def choose(self, chance):
        return chance.choice(self.world.nodes)

    def begin(self):
        raise NotImplementedError

    def end(self):
        raise NotImplementedError

    def last(self):
        """What goes on between begin() and end()."""
        time.sleep(self.seconds)

    def label(self):
        who = getattr(self.target, "name", self.target)
        return f"{self.name} {who} {self.seconds:.1f} s"


class NodeKill(Fault):
    name = "kill -9"

    def begin(self):
        self.target.kill()

    def end(self):
        self.target.start()


class NodeFreeze(Fault):
    name = "SIGSTOP"
    shortest, longest = 2.0, 12.0

    def begin(self):
        self.target.freeze()

    def end(self):
        self.target.thaw()
        self.world.wait_ready(self.target)


class NodeCut(Fault):
    """Its clients keep their connections: they hear NO [UNAVAILABLE], and go on afterwards."""

    name = "network cut"
    shortest, longest = 2.0, 12.0
    TELLS_AFTER = 10.0  # a cut so long has to show in /health

    def begin(self):
        self.target.cut()

    def last(self):
        end = time.monotonic() + self.seconds
        told = False
        while time.monotonic() < end:
            told = told or self.target.health() == 503
            time.sleep(min(0.25, max(end - time.monotonic(), 0)))
        if self.seconds > self.TELLS_AFTER and not told:
            raise Failure(f"{self.target.name} was cut off for {self.seconds:.0f} s, and ready")

    def end(self):
        self.target.mend()
        self.world.wait_ready(self.target)


class OsdKill(Fault):
    name = "kill -9"
    shortest, longest = 0.5, 5.0

    def choose(self, chance):
        return chance.choice(self.world.ceph.osd_names())

    def begin(self):
        self.world.wait_active()
        self.world.ceph.kill(self.target)

    def end(self):
        self.world.ceph.restart(self.target)
        self.world.wait_active()


class OsdFreeze(OsdKill):
    name = "SIGSTOP"
    shortest, longest = 2.0, 12.0

    def begin(self):
        self.world.wait_active()
        self.world.ceph.stop(self.target)

    def end(self):
        self.world.ceph.cont(self.target)
        self.world.wait_active()


class MonitorKill(OsdKill):
    """Nothing that goes on needs it; what starts waits for it."""

    name = "kill -9"
    shortest, longest = 0.5, 6.0

    def choose(self, chance):
        return self.world.ceph.monitor_name()

    def begin(self):
        self.world.ceph.kill(self.target)

    def end(self):
        self.world.ceph.restart(self.target)


class PoolFull(Fault):
    """Reading goes on, and so does whatever gives space back; writing is refused."""

    name = "full"
    shortest, longest = 3.0, 8.0

    def choose(self, chance):
        return "pools"

    def begin(self):
        self.world.ceph.fill()

    def last(self):
        refused = self.world.refusals()
        wait_for(lambda: self.world.refusals() > refused, 30, "a refusal by full pools")
        super().last()

    def end(self):
        self.world.ceph.drain()
        acknowledged = self.world.acknowledged()
        wait_for(lambda: self.world.acknowledged() > acknowledged, 40, "writing after full pools")


class Together(Fault):
    """Two faults at once, one of a node and one of the cluster."""

    def __init__(self, world, chance, kinds):
        self.parts = [kind(world, chance) for kind in kinds]
        self.seconds = max(part.seconds for part in self.parts)

    def begin(self):
        for part in self.parts:
            part.begin()

    def last(self):
        time.sleep(self.seconds)

    def end(self):
        # The cluster first: a node that starts has to reach it.
        for part in reversed(self.parts):
            part.end()

    def label(self):
        return " and ".join(part.label() for part in self.parts)


NODE_KINDS = [NodeKill, NodeFreeze, NodeCut]
CLUSTER_KINDS = [OsdKill, OsdFreeze, MonitorKill]
WEIGHTS = {
    NodeKill: 10,
    NodeFreeze: 5,
    NodeCut: 6,
    OsdKill: 5,
    OsdFreeze: 4,
    MonitorKill: 4,
    PoolFull: 3,
    Together: 4,
}
LONG = [NodeFreeze, NodeCut, OsdFreeze]  # one of each at least, for the full 60 seconds


def plan(world, chance, count, kinds, long):
    """`count` faults in random order; each kind comes once at the beginning."""
    allowed = [kind for kind in WEIGHTS if kind in kinds]
    first = [make(kind, world, chance, kinds) for kind in chance.sample(allowed, len(allowed))]
    more = [kind(world, chance, long=True) for kind in long if kind in allowed]
    weights = [WEIGHTS[kind] for kind in allowed]
    while len(first) + len(more) < count:
        more.append(make(chance.choices(allowed, weights)[0], world, chance, kinds))
    chance.shuffle(more)
    return (first + more)[:count]


def make(kind, world, chance, kinds):
    if kind is not Together:
        return kind(world, chance)
    node = [one for one in NODE_KINDS if one in kinds]
    cluster = [one for one in CLUSTER_KINDS if one in kinds]
    return Together(world, chance, [chance.choice(node), chance.choice(cluster)])
