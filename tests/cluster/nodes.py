"""Nodes of a cluster as processes: `eilpost serve` with a configuration of its own, killed, frozen,
thawed and started again, in a network namespace of its own where the machine allows that, so that
its link to the cluster can be cut without its clients noticing.
"""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request

from harness import PORTS, Closed, Failure, Imap, Lmtp, dotted, free_ports, wait_for

CLUSTER_ADDRESS = "10.99.0.1"  # where the cluster listens within run_isolated()


def may_isolate():
    """Whether this process may make network namespaces."""
    try:
        probe = ["unshare", "--net", "sh", "-c", "ip link add v1 type veth peer name v2"]
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def run_isolated(command):
    """Runs the command in a network of its own, which ends with it; its exit status.
    SIGTERM is passed on."""
    setup = f'ip link set lo up && ip address add {CLUSTER_ADDRESS}/32 dev lo && exec "$@"'
    process = subprocess.Popen(["unshare", "--net", "sh", "-c", setup, "sh", *command])
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    return process.wait()


class Namespace:
    """A network namespace with two links: one to the cluster, one to the clients."""

    def __init__(self, number):
        self.number = number
        self.holder = subprocess.Popen(
            ["unshare", "--net", "sleep", "infinity"], stdin=subprocess.DEVNULL
        )
        self.prefix = ["nsenter", "--target", str(self.holder.pid), "--net"]
        own = os.readlink("/proc/self/ns/net")
        there = f"/proc/{self.holder.pid}/ns/net"
        wait_for(lambda: os.readlink(there) != own, 10, "a network namespace")
        self.outside("ip link set lo up", inside=True)
        self.address = self.link("client", 98)
        cluster = self.link("store", 99)
        gateway = f"10.99.{number}.1"
        self.outside(
            f"ip route add {CLUSTER_ADDRESS}/32 via {gateway} src {cluster}", inside=True
        )

    def outside(self, line, inside=False):
        command = (self.prefix if inside else []) + line.split()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"{' '.join(command)}: {done.stderr.strip()}")

    def link(self, name, network):
        """A pair of interfaces; the address of the inner one."""
        outer, inner = f"{name}{self.number}", f"{name}{self.number}i"
        subnet = f"10.{network}.{self.number}"
        self.outside(f"ip link add {outer} type veth peer name {inner}")
        self.outside(f"ip link set {inner} netns {self.holder.pid}")
        self.outside(f"ip address add {subnet}.1/24 dev {outer}")
        self.outside(f"ip link set {outer} up")
        self.outside(f"ip address add {subnet}.2/24 dev {inner}", inside=True)
        self.outside(f"ip link set {inner} up", inside=True)
        return f"{subnet}.2"

    def cut(self):
        """From now on nothing passes between node and cluster; nobody is told."""
        self.outside(f"ip link set store{self.number} down")

    def mend(self):
        self.outside(f"ip link set store{self.number} up")

    def remove(self):
        self.holder.kill()
        self.holder.wait()


class Node:
    """One `eilpost serve`. `engine` are lines of its configuration.

    `lives` counts its starts and ends and `freezes` its stops, so that a client can tell whether
    what it met was to be expected. For any thread; only one of them starts and ends it.
    """

    def __init__(self, number, directory, binary, engine, namespace=None, certificate=None):
        self.number = number
        self.name = f"node{number}"
        self.binary = os.path.abspath(binary)
        self.directory = os.path.join(directory, self.name)
        os.makedirs(self.directory, exist_ok=True)
        self.namespace = namespace
        self.host = namespace.address if namespace else "127.0.0.1"
        base = 0 if namespace else free_ports(PORTS.values(), number)
        self.ports = {kind: base + port for kind, port in PORTS.items()}
        self.log = os.path.join(self.directory, "log")
        self.config = os.path.join(self.directory, "eilpost.toml")
        self.process = None
        self.lives = self.freezes = 0
        self.frozen = self.cut_off = False
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(self.configuration(engine, certificate))

    def configuration(self, engine, certificate):
        kinds = {"imap": "plaintext_login = true\n", "lmtp": "", "http": ""}
        tls = ""
        if certificate:  # (chain, key)
            kinds["imaps"] = ""
            tls = f'[[tls.certificate]]\nchain = "{certificate[0]}"\nkey = "{certificate[1]}"\n'
        listeners = "".join(
            f'[[listener]]\nprotocol = "{kind}"\naddress = "{self.host}"\n'
            f"port = {self.ports[kind]}\n{more}"
            for kind, more in kinds.items()
        )
        return (
            f'data_dir = "{self.directory}/data"\nhostname = "{self.name}.example.org"\n'
            f'memory_mb = 128\ndisk_threads = 16\n{engine}\n'
            f'[accounts]\ndefault_domain = "example.org"\nargon2_memory_kib = 64\n'
            f"argon2_iterations = 1\nscram_iterations = 4096\n"
            f'[log]\nlevel = "info"\n[node]\nname = "{self.name}"\n{tls}{listeners}'
        )

    def start(self, seconds=60):
        self.spawn()
        wait_for(self.is_up, seconds, f"{self.name}: ready")

    def spawn(self):
        """Starts the process without waiting for it to be ready."""
        command = [self.binary, "serve", "--config", self.config]
        if self.namespace:
            command = self.namespace.prefix + command
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.lives += 1

    def is_up(self):
        if self.process.poll() is not None:
            raise Failure(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")
        return self.health() == 200

    def http(self, path, timeout=2.0):
        """(status, text); (0, why) when nobody answers."""
        try:
            url = f"http://{self.host}:{self.ports['http']}{path}"
            with urllib.request.urlopen(url, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def health(self):
        return self.http("/health")[0]

    def metrics(self):
        """{name with labels: value}"""
        status, text = self.http("/metrics", 10)
        if status != 200:
            raise Failure(f"{self.name}: /metrics answers {status} {text}")
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if line[:1] not in ("", "#")]
        return {name: float(value) for name, value in lines}

    def command(self, *arguments, input=None, timeout=120):
        """An `eilpost` command on this node: (exit status, what it printed)."""
        command = [self.binary, *arguments, "--config", self.config]
        if self.namespace:
            command = self.namespace.prefix + command
        done = subprocess.run(
            command, input=input, capture_output=True, text=True, timeout=timeout, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def kill(self):
        self.lives += 1  # before: a client may see its connection's end first
        self.process.kill()
        self.process.wait()
        self.frozen = False

    def freeze(self):
        self.frozen = True
        self.freezes += 1
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)
        self.frozen = False

    def cut(self):
        self.cut_off = True
        self.namespace.cut()

    def mend(self):
        self.namespace.mend()
        self.cut_off = False

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, seconds=40):
        """None, or what went wrong."""
        if not self.running():
            return f"{self.name} was not running\n{self.tail()}"
        self.lives += 1
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return f"{self.name} did not stop within {seconds} seconds of SIGTERM"
        return None if status == 0 else f"{self.name} ended with {status}\n{self.tail()}"

    def tail(self, lines=30):
        with open(self.log, errors="replace", encoding="utf-8") as log:
            return "".join("    " + line for line in log.readlines()[-lines:])

    def remove(self):
        if self.running():
            self.kill()
        if self.namespace:
            self.namespace.remove()

    def disturbed(self, connection):
        """Whether a connection to this node may have been lost or left without an answer."""
        return (
            connection.life != self.lives
            or connection.freezes != self.freezes
            or self.frozen
            or not self.running()
        )


class Unavailable(Failure):
    """NO [UNAVAILABLE], or a 4xx reply of LMTP: later may do. `untagged` is what came before."""

    def __init__(self, text, untagged=()):
        super().__init__(text)
        self.untagged = untagged


class Waits:
    """How long answers took that said "not now". For any thread."""

    def __init__(self):
        self.all = []  # (seconds, command)

    def add(self, seconds, command):
        self.all.append((seconds, command))

    def summary(self):
        if not self.all:
            return "none"
        ordered = sorted(self.all)
        middle, worst = ordered[len(ordered) // 2], ordered[-1]
        return f"median {middle[0]:.3f} s, longest {worst[0]:.1f} s ({worst[1]})"


class Watched:
    """A connection to a node, in front of Imap or Lmtp: remembers which life of the node it was
    made to, and in `broken` that its end was seen."""

    def __init__(self, node, port, timeout):
        self.node = node
        self.life, self.freezes = node.lives, node.freezes
        self.broken = False
        super().__init__(node.ports[port], timeout=timeout, host=node.host)

    def _noting(self, act, *arguments):
        try:
            return act(*arguments)
        except Closed:
            self.broken = True
            raise

    def send(self, octets):
        self._noting(super().send, octets)


class NodeImap(Watched, Imap):
    """A connection to a node. do() raises Unavailable for NO [UNAVAILABLE]; a node that is frozen
    is left after a while (Closed), and any other has to answer in time."""

    def __init__(self, node, waits=None, timeout=30, patience=3.0):
        self.waits = waits or Waits()
        self.patience = patience
        super().__init__(node, "imap", timeout)

    def receive(self, timeout=None):
        return self._noting(super().receive, timeout)

    def _fill(self, timeout):
        deadline = time.monotonic() + timeout
        leave = time.monotonic() + self.patience
        while True:
            left = deadline - time.monotonic()
            try:
                return super()._fill(min(max(left, 0.01), 0.5))
            except Closed:
                raise
            except Failure:
                if self.node.disturbed(self) and time.monotonic() > leave:
                    raise Closed(f"{self.node.name} does not move") from None
                if left <= 0.5:
                    raise

    def do(self, text, *literals):
        begin = time.monotonic()
        reply = self.command(text, *literals)
        if reply.status == "NO" and reply.code == "UNAVAILABLE":
            self.waits.add(time.monotonic() - begin, text.split(" (")[0][:40])
            raise Unavailable(f"{self.node.name}: {text[:80]}: {reply.text}", reply.untagged)
        if reply.status != "OK":
            raise Failure(f"{self.node.name}: {text}: {reply}")
        return reply


class NodeLmtp(Watched, Lmtp):
    """A connection to a node for deliveries; replies that begin with 4 raise nothing."""

    def __init__(self, node, timeout=30):
        super().__init__(node, "lmtp", timeout)

    def reply(self):
        return self._noting(super().reply)

    def deliver(self, sender, recipients, octets, told=None):
        """As Lmtp's, but MAIL and DATA may be refused for the present, too."""
        answer = self.say(f"MAIL FROM:<{sender}>")
        if not answer.startswith("250"):
            return self.refuse(recipients, answer, told)
        replies = [self.say(f"RCPT TO:<{recipient}>") for recipient in recipients]
        accepted = [i for i, reply in enumerate(replies) if reply.startswith("250")]
        if accepted:
            answer = self.say("DATA")
            if not answer.startswith("354"):
                return self.refuse(recipients, answer, told)
            self.send(dotted(octets))
        for index, recipient in enumerate(recipients):
            if index in accepted:
                replies[index] = self.reply()
            if told:
                told(recipient, replies[index])
        if not accepted:
            self.say("RSET")
        return replies

    def refuse(self, recipients, answer, told):
        self.say("RSET")
        for recipient in recipients if told else []:
            told(recipient, answer)
        return [answer] * len(recipients)
