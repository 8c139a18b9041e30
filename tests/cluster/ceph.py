#!/usr/bin/env python3
"""A Ceph cluster for tests, of Debian's packages, on one machine: a monitor, a manager, some OSDs
on sparse files, and Eilpost's two pools. It starts in some 20 seconds and asks for no keys.

  ceph.py start DIRECTORY [--osds N] [--memory]   prints the path of its ceph.conf
  ceph.py kill|stop|cont|restart DIRECTORY NAME   one daemon: mon.a, mgr.a, osd.0, osd.1 ...
  ceph.py fill|drain DIRECTORY                    the pools become full, and have room again
  ceph.py remove DIRECTORY                        ends every daemon and removes the directory

Tests use the class. Nothing outside the directory is touched; ports are chosen among the free ones.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid

INDEX_POOL = "eilpost.index"
BLOB_POOL = "eilpost.blobs"
PROGRAMS = ("ceph", "ceph-mon", "ceph-mgr", "ceph-osd", "monmaptool")

# For every daemon. A small cluster has to notice quickly what happens to it, and to be content with
# OSDs on one host and with a disk that others fill.
COMMON = """
auth cluster required = none
auth service required = none
auth client required = none
auth allow insecure global id reclaim = false
ms bind ipv6 = false
osd crush chooseleaf type = 0
osd pool default size = 3
osd pool default min size = 2
osd pool default pg autoscale mode = off
mon allow pool delete = true
mon allow pool size one = true
mon data avail crit = 1
mon data avail warn = 2
mon osd full ratio = .99
mon osd nearfull ratio = .98
mon osd backfillfull ratio = .985
osd failsafe full ratio = .995
mon osd reporter subtree level = osd
mon osd min down reporters = 1
osd heartbeat interval = 2
osd heartbeat grace = 8
osd recovery sleep = 0
osd recovery max active = 16
osd max backfills = 4
osd memory target = 939524096
bluestore cache autotune = false
bluestore cache size = 67108864
osd op num shards = 2
osd op num threads per shard = 1
mgr stats period = 1
osd mon report interval = 1
mon tick interval = 2
"""


class CephError(Exception):
    """A daemon or a command of Ceph did not do what it should."""


def available():
    """Whether the packages are installed."""
    return all(shutil.which(program) for program in PROGRAMS)


def free_port(address):
    with socket.socket() as one:
        one.bind((address, 0))
        return one.getsockname()[1]


class CephCluster:
    def __init__(self, directory, osds=3, address="127.0.0.1", memory=False, osd_bytes=4 << 30):
        """With `memory` the OSDs keep everything in memory, and nothing once they end."""
        self.directory = os.path.abspath(directory)
        self.osds = osds
        self.address = address
        self.memory = memory
        self.osd_bytes = osd_bytes
        self.conf = self.path("ceph.conf")

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    # --- starting and ending ---

    def start(self, seconds=120):
        """Makes the cluster and its pools; returns when every placement group is clean."""
        if not available():
            missing = [program for program in PROGRAMS if not shutil.which(program)]
            raise CephError("not installed: " + " ".join(missing))
        for name in ("run", "log", "mon", "mgr"):
            os.makedirs(self.path(name))
        fsid = str(uuid.uuid4())
        self._write_conf(fsid)
        monitor = self._monitor_address()
        self._run("monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a", monitor,
                  self.path("monmap"))
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", self.path("monmap"))
        self.restart("mon.a")
        made = []
        for number in range(self.osds):
            identity = str(uuid.uuid4())
            self.ceph("osd", "new", identity)
            os.makedirs(self.path(f"osd{number}"))
            make = ("-i", str(number), "--mkfs", "--osd-uuid", identity)
            made.append(self._begin("ceph-osd", *make))
        self.restart("mgr.a")
        for number, process in enumerate(made):
            if process.wait(timeout=seconds) != 0:
                raise CephError(f"osd.{number} could not be made; see {self.path('log')}")
            self.restart(f"osd.{number}")
        for pool in (INDEX_POOL, BLOB_POOL):
            self.ceph("osd", "pool", "create", pool, "16", "16", "replicated")
            size = min(3, self.osds)
            sure = ["--yes-i-really-mean-it"] if size == 1 else []
            self.ceph("osd", "pool", "set", pool, "size", str(size), *sure)
            self.ceph("osd", "pool", "set", pool, "min_size", str(min(2, size)))
            self.ceph("osd", "pool", "application", "enable", pool, "eilpost")
        self.wait_clean(seconds)

    def attach(self):
        """A cluster that another process has started in the directory."""
        if not os.path.exists(self.conf):
            raise CephError(f"no cluster in {self.directory}")
        self.osds = sum(name.startswith("osd") for name in os.listdir(self.directory))
        return self

    def remove(self):
        """Ends every daemon, whatever state it is in, and removes the directory."""
        for name in self.osd_names() + ["mgr.a", "mon.a"]:
            self.kill(name)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _write_conf(self, fsid):
        self.monitor_ports = free_port(self.address), free_port(self.address)
        lines = [
            "[global]",
            f"fsid = {fsid}",
            f"mon host = {self._monitor_address()}",
            f"public addr = {self.address}",
            f"cluster addr = {self.address}",
            f"run dir = {self.path('run')}",
            f"admin socket = {self.path('run')}/$cluster-$name.asok",
            f"log file = {self.path('log')}/$name.log",
            COMMON.strip(),
            "[mon]",
            f"mon data = {self.path('mon')}",
            "[mgr]",
            f"mgr data = {self.path('mgr')}",
            "[osd]",
            f"osd data = {self.path('osd')}$id",
            f"bluestore block size = {self.osd_bytes}",
            "bluestore block create = true",
        ]
        if self.memory:
            lines += ["osd objectstore = memstore", f"memstore device bytes = {self.osd_bytes}"]
        # A client needs no admin socket and must write no log here.
        lines += ["[client]", "admin socket =", "log file ="]
        with open(self.conf, "w", encoding="utf-8") as conf:
            conf.write("\n".join(lines) + "\n")

    def _monitor_address(self):
        new, old = self.monitor_ports
        return f"[v2:{self.address}:{new},v1:{self.address}:{old}]"

    # --- daemons ---

    def osd_names(self):
        return [f"osd.{number}" for number in range(self.osds)]

    @staticmethod
    def monitor_name():
        return "mon.a"

    def kill(self, name):
        """As if its power was cut."""
        pid = self.pid(name)
        if not pid:
            return
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while self.pid(name):
            if time.monotonic() > deadline:
                raise CephError(f"{name} does not end")
            self._reap(pid)
            time.sleep(0.02)

    def stop(self, name):
        """Freezes it."""
        os.kill(self._running(name), signal.SIGSTOP)

    def cont(self, name):
        os.kill(self._running(name), signal.SIGCONT)

    def restart(self, name):
        """Starts it, after ending it if it runs."""
        self.kill(name)
        kind, number = name.split(".")
        process = self._begin(f"ceph-{kind}", "-f", "-i", number, session=True)
        with open(self.path("run", name + ".pid"), "w", encoding="ascii") as pid:
            pid.write(str(process.pid))
        if kind == "mon":
            self._wait_for_monitor()

    def pid(self, name):
        """Its process, or None."""
        try:
            with open(self.path("run", name + ".pid"), encoding="ascii") as file:
                pid = int(file.read())
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                return pid if self.conf.encode() in file.read() else None
        except (OSError, ValueError):
            return None

    def _running(self, name):
        pid = self.pid(name)
        if not pid:
            raise CephError(f"{name} does not run")
        return pid

    @staticmethod
    def _reap(pid):
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass

    def _wait_for_monitor(self):
        deadline = time.monotonic() + 30
        while True:
            try:
                self.ceph("--connect-timeout", "3", "mon", "stat")
                return
            except CephError:
                if time.monotonic() > deadline:
                    raise

    # --- what an administrator would type ---

    def ceph(self, *arguments, seconds=60):
        """The output of the command `ceph`."""
        return self._run("ceph", *arguments, seconds=seconds)

    def ask(self, *arguments):
        """Likewise, of a command that answers with JSON."""
        return json.loads(self.ceph(*arguments, "--format", "json"))

    def clean(self):
        status = self.ask("status")
        osds = status["osdmap"]
        if osds["num_up_osds"] < self.osds or not status["pgmap"].get("num_pgs"):
            return False
        return all(one["state_name"] == "active+clean" for one in status["pgmap"]["pgs_by_state"])

    def wait_clean(self, seconds=120):
        self._wait(self.clean, seconds, "every placement group active and clean")

    def full(self):
        """The pools that are full, by name."""
        return {
            pool["pool_name"]
            for pool in self.ask("osd", "pool", "ls", "detail")
            if "full" in pool["flags_names"].split(",")
        }

    def fill(self, pools=(INDEX_POOL, BLOB_POOL), seconds=60):
        """Makes the pools full, by a quota; they have to hold something."""
        for pool in pools:
            self.ceph("osd", "pool", "set-quota", pool, "max_objects", "1")
        self._wait(lambda: self.full() >= set(pools), seconds, "full pools")

    def drain(self, pools=(INDEX_POOL, BLOB_POOL), seconds=60):
        for pool in pools:
            self.ceph("osd", "pool", "set-quota", pool, "max_objects", "0")
        self._wait(lambda: not self.full() & set(pools), seconds, "room in the pools")

    def pause(self):
        """No OSD answers anybody, while all of them stay up."""
        self.ceph("osd", "pause")

    def unpause(self):
        self.ceph("osd", "unpause")

    @staticmethod
    def _wait(test, seconds, what):
        deadline = time.monotonic() + seconds
        while not test():
            if time.monotonic() > deadline:
                raise CephError(f"{what}: not within {seconds} seconds")
            time.sleep(0.2)

    def _begin(self, program, *arguments, session=False):
        log = open(self.path("log", "output.log"), "ab")  # noqa: SIM115 - the process keeps it
        with log:
            return subprocess.Popen(
                [program, "-c", self.conf, *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=session,
            )

    def _run(self, program, *arguments, seconds=60):
        command = [program, *arguments]
        if program != "monmaptool":
            command[1:1] = ["-c", self.conf]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
        if done.returncode:
            raise CephError(f"{' '.join(command)}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = ("start", "kill", "stop", "cont", "restart", "fill", "drain", "remove")
    parser.add_argument("command", choices=commands)
    parser.add_argument("directory")
    parser.add_argument("name", nargs="?")
    parser.add_argument("--osds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="OSDs that keep nothing on disk")
    options = parser.parse_args()
    cluster = CephCluster(options.directory, options.osds, memory=options.memory)
    try:
        if options.command == "start":
            cluster.start()
            print(cluster.conf)
            return 0
        cluster.attach()
        act = getattr(cluster, options.command)
        if options.command in ("kill", "stop", "cont", "restart"):
            act(options.name)
        else:
            act()
        return 0
    except CephError as error:
        print(f"ceph.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
