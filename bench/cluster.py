"""Rows of the cluster: three OSDs and two nodes on this machine, held against what raw librados
does on the same daemons in the same run with commits of the same size (rados_raw.cc)."""
import json
import pathlib
import subprocess
import sys

from figures import at_least, at_most, median, ratio_of

TESTS = pathlib.Path(__file__).resolve().parent.parent / "tests"
AGAINST = "raw librados"
ACCOUNTS = 64
BODY_BYTES = 16384
# (rows, octets of each) that a commit writes; docs/cluster.md has the octets, tests/cluster/cost.py
# measures them.
FLAG_COMMIT, APPEND_COMMIT = (4, 54), (5, 199)


class Cluster:
    """Two nodes over a fresh cluster, with accounts."""

    def __init__(self, bench):
        sys.path[:0] = [str(TESTS / "cluster"), str(TESTS)]
        import mini
        import nodes
        self.bench = bench
        self.raw = bench.options.eilpost.parent / "rados_raw"
        self.ceph, engine = mini.start(str(bench.directory), isolated=False)
        self.nodes = []
        try:
            for number in (1, 2):
                self.nodes.append(nodes.Node(number, str(bench.directory), bench.options.eilpost,
                                             engine, certificate=bench.certificate))
                self.nodes[-1].start()
            for number in range(1, ACCOUNTS + 1):
                status, said = self.nodes[0].command(
                    "account", "add", f"user{number}@example.org", input="pass\n")
                if status != 0:
                    raise SystemExit(f"bench: account add: {said}")
        except BaseException:
            self.remove()
            raise

    def remove(self):
        for node in self.nodes:
            node.remove()
        self.ceph.remove()

    def target(self, node, accounts, first=0, lmtp=None):
        ports = node.ports
        return ["--imap", ports["imap"], "--imaps", ports["imaps"], "--lmtp",
                (lmtp or node).ports["lmtp"], "--accounts", accounts, "--first-account", first,
                "--pid", node.process.pid]

    def load(self, *runs):
        """Runs of the load generator side by side, (target, arguments) each: {workload: line}."""
        started = []
        for target, arguments in runs:
            words = [str(word) for word in [self.bench.load, *target, *arguments]]
            shown = "eilpost_load " + " ".join(map(str, arguments))
            if shown not in self.bench.commands:
                self.bench.commands.append(shown)
            print(f"  {shown}", file=sys.stderr, flush=True)
            started.append((shown, subprocess.Popen(words, stdout=subprocess.PIPE,
                                                    stderr=subprocess.PIPE, text=True)))
        out = []
        for shown, process in started:
            said, complained = process.communicate(timeout=3600)
            if process.returncode != 0:
                self.bench.errors.append(f"{shown}: {complained.strip()[-500:]}")
            out.append({line["workload"]: line for line in map(json.loads, said.splitlines())})
        return out

    def raw_run(self, *arguments):
        command = [str(self.raw), *self.ceph_options(), *map(str, arguments)]
        shown = f"rados_raw {' '.join(map(str, arguments))}"
        if shown not in self.bench.commands:
            self.bench.commands.append(shown)
        print(f"  {shown}", file=sys.stderr, flush=True)
        done = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=False)
        if done.returncode != 0:
            self.bench.errors.append(f"{shown}: {done.stderr.strip()[-500:]}")
            return {}
        return json.loads(done.stdout)

    def ceph_options(self):
        return ["--ceph-conf", self.ceph.conf, "--index-pool", "eilpost.index", "--blob-pool",
                "eilpost.blobs"]

    def spread(self, connections):
        """[(node, first account, connections)]: all on one node when there is one only."""
        if connections == 1:
            return [(self.nodes[0], 0, 1)]
        half = connections // 2
        return [(self.nodes[0], 0, half), (self.nodes[1], half, half)]


def sum_of(lines, workload, key):
    values = [line.get(workload, {}).get(key) for line in lines]
    return None if None in values else sum(values)


def changes(bench, cluster, workload, label, commit, blob):
    """Durable changes by 1 and 64 writers over 64 accounts."""
    for writers in (1, ACCOUNTS):
        ours, theirs, waits = [], [], []
        for _ in range(bench.rounds):
            lines = cluster.load(*[
                (cluster.target(node, count, first),
                 [workload, "--connections", count, "--seconds", bench.seconds])
                for node, first, count in cluster.spread(writers)])
            ours.append(sum_of(lines, workload, "per_second"))
            waits.append(max((one.get(workload, {}).get("latency_p99_ms", 0) for one in lines)))
            raw = cluster.raw_run("--writers", writers, "--objects", ACCOUNTS, "--seconds",
                                  bench.seconds, "--rows", commit[0], "--row-bytes", commit[1],
                                  "--blob-bytes", blob)
            theirs.append(raw.get("per_second"))
        ratio = ratio_of(median(ours), median(theirs))
        over = f"{writers} writers over {writers} accounts" if writers > 1 else "1 writer"
        title = f"{label}, {over}"
        bench.row(title, median(ours), median(theirs), ">= 0.7x", at_least(ratio, 0.7),
                  "/s", ratio, AGAINST)
        bench.row("  p99 of a change", median(waits), None, "", None, "ms", None, AGAINST)


def hot_account(bench, cluster):
    """Eight writers on two nodes on one account, against one writer."""
    alone, together, worst = [], [], []
    seconds = ["--seconds", bench.seconds]
    for _ in range(bench.rounds):
        one = cluster.load((cluster.target(cluster.nodes[0], 1),
                            ["flags", "--connections", 1, *seconds]))
        alone.append(sum_of(one, "flags", "per_second"))
        lines = cluster.load(*[
            (cluster.target(node, 1),
             ["flags", "--connections", 4, "--first", 4 * number, "--of", 8, *seconds])
            for number, node in enumerate(cluster.nodes)])
        together.append(sum_of(lines, "flags", "per_second"))
        worst.append(max(one.get("flags", {}).get("latency_max_ms", 1e9) for one in lines))
    share = ratio_of(median(together), median(alone))
    bench.row("one hot account, 1 writer", median(alone), None, "", None, "/s", None, AGAINST)
    bench.row("one hot account, 8 writers on 2 nodes", median(together), None, "", None, "/s", None,
              AGAINST)
    bench.row("  over one writer", share, None, ">= 0.5", at_least(share, 0.5), "x", None,
              AGAINST)
    bench.row("  longest wait of a writer", median(worst), None, "<= 1000 ms",
              at_most(median(worst), 1000), "ms", None, AGAINST)


def push(bench, cluster):
    """Deliveries on one node, sessions in IDLE on the other."""
    seen = {}
    for _ in range(bench.rounds):
        lines = cluster.load((
            cluster.target(cluster.nodes[1], ACCOUNTS, lmtp=cluster.nodes[0]),
            ["idle", "--sessions", ACCOUNTS, "--seconds", min(bench.seconds, 20), "--per-second",
             20, "--deliverers", 4]))
        for key in ("push_p50_ms", "push_p99_ms", "sent_to_push_p50_ms"):
            seen.setdefault(key, []).append(lines[0].get("push", {}).get(key))
    value = median(seen["push_p50_ms"])
    bench.row("250 on one node to push on the other, 20/s, median", value, None, "< 10 ms",
              at_most(value, 10), "ms", None, AGAINST)
    bench.row("  p99", median(seen["push_p99_ms"]), None, "", None, "ms", None, AGAINST)
    bench.row("  MAIL FROM to push, median", median(seen["sent_to_push_p50_ms"]), None, "", None,
              "ms", None, AGAINST)


def rows(bench):
    cluster = Cluster(bench)
    try:
        push(bench, cluster)
        changes(bench, cluster, "flags", "flag changes", FLAG_COMMIT, 0)
        changes(bench, cluster, "append", "APPEND 16 KB", APPEND_COMMIT, BODY_BYTES)
        hot_account(bench, cluster)
    finally:
        cluster.remove()
