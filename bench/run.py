#!/usr/bin/env python3
"""Eilpost and Dovecot side by side: starts both on loopback, drives both with eilpost_load, prints
the table of docs/design/001-measurements.md with ratio and target, and leaves nothing running.

Rounds alternate between the servers, and medians are compared. Every workload checks what it is
told; an error or a wrong answer fails the run.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import ssl
import subprocess
import sys
import tempfile
import time

import cluster
import logins
import search
import servers
import tools
from figures import at_least, at_most, median, ratio_of

MIB = 1024 * 1024


class Bench:
    """What the rows need: options, a directory on a real disk, and the results."""

    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.certificate = servers.make_certificate(directory / "tls")
        self.load = options.eilpost.parent / "eilpost_load"
        self.rows = []
        self.errors = []
        self.commands = []
        self.running = []
        if options.quick:
            self.seconds, self.rounds, self.messages, self.sessions = 5, 2, 100_000, 1000
        elif options.full:
            self.seconds, self.rounds, self.messages, self.sessions = 120, 3, 1_000_000, 10_000
        else:
            self.seconds, self.rounds, self.messages, self.sessions = 20, 3, 1_000_000, 10_000
        self.messages = options.messages or self.messages
        self.sessions = options.sessions or self.sessions
        self.seconds = options.seconds or self.seconds
        self.rounds = options.rounds or self.rounds

    def start(self, kind, label, accounts, filling=False, **more):
        directory = self.directory / f"{label}-{kind}"
        if kind == "eilpost":
            server = servers.Eilpost(directory, accounts, self.options.eilpost, self.certificate,
                                     **more)
        else:
            server = servers.Dovecot(directory, accounts, self.certificate, **more)
        server.filling = filling
        self.running.append(server)
        server.start()
        return server

    def end(self, server):
        server.remove()
        self.running.remove(server)

    def run(self, server, workload, *arguments):
        """One run of the load generator: its JSON lines by workload."""
        command = [str(self.load), *server.target(), workload, *map(str, arguments)]
        shown = f"eilpost_load {workload} {' '.join(map(str, arguments))}".strip()
        if shown not in self.commands:
            self.commands.append(shown)
        print(f"  {server.name}: {shown}", file=sys.stderr, flush=True)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=3600,
                                  check=False)
        except subprocess.TimeoutExpired:
            self.errors.append(f"{server.name}: {shown}: no end in an hour")
            return {}
        if done.returncode != 0:
            self.errors.append(f"{server.name}: {shown}: {done.stderr.strip()[-500:]}")
        return {line["workload"]: line for line in map(json.loads, done.stdout.splitlines())}

    def row(self, name, eilpost, other, target, met, unit="", ratio=None, against="Dovecot"):
        """met: True, False or None (nothing asked). ratio: above 1 Eilpost is better."""
        self.rows.append({"row": name, "eilpost": eilpost, "other": other, "target": target,
                          "met": met, "unit": unit, "ratio": ratio, "against": against})
        print(f"  = {format_row(self.rows[-1])}", file=sys.stderr, flush=True)


# --- rows ---

def deliveries(bench, workload):
    """Durable deliveries of 16 KB messages on 1, 16 and 64 connections."""
    pair = [bench.start(kind, workload, 64) for kind in ("eilpost", "dovecot")]
    wanted = {1: 3.0, 16: None, 64: 8.0}
    for connections, factor in wanted.items():
        seen = {server.name: [] for server in pair}
        written = {server.name: [] for server in pair}
        cpu = {server.name: [] for server in pair}
        counters = set()
        for _ in range(bench.rounds):
            for server in pair:
                out = bench.run(server, workload, "--connections", connections, "--seconds",
                                bench.seconds).get(workload, {})
                seen[server.name].append(out.get("per_second"))
                written[server.name].append(out.get("written_per_body"))
                counters.add(out.get("written_counted_by", "nobody"))
                if out.get("messages"):
                    cpu[server.name].append(1e6 * out["cpu_seconds"] / out["messages"])
                time.sleep(1)
        ours, theirs = median(seen["Eilpost"]), median(seen["Dovecot"])
        ratio = ratio_of(ours, theirs)
        bench.row(f"{workload.upper()} 16 KB, {connections} connection{'s' * (connections > 1)}",
                  ours, theirs, f">= {factor:g}x" if factor else "", at_least(ratio, factor),
                  "/s", ratio)
        ours = median(written["Eilpost"])
        bench.row(f"  written to disk per body, {connections} (counted by the "
                  f"{' and '.join(sorted(counters))})", ours, median(written["Dovecot"]),
                  "<= 1.5", at_most(ours, 1.5))
        ours, theirs = median(cpu["Eilpost"]), median(cpu["Dovecot"])
        bench.row(f"  the server's CPU per message, {connections}", ours, theirs, "", None, "us",
                  ratio_of(theirs, ours))
    for server in pair:
        bench.end(server)


def mixed(bench):
    pair = [bench.start(kind, "mixed", 50) for kind in ("eilpost", "dovecot")]
    seen = {server.name: [] for server in pair}
    pace = {server.name: [] for server in pair}
    slow = {server.name: [] for server in pair}
    for _ in range(bench.rounds):
        for server in pair:
            out = bench.run(server, "mixed", "--sessions", 100, "--seconds",
                            bench.seconds).get("mixed", {})
            seen[server.name].append(out.get("per_cpu_second"))
            pace[server.name].append(out.get("per_second"))
            slow[server.name].append(out.get("latency_p99_ms"))
    ours, theirs = median(seen["Eilpost"]), median(seen["Dovecot"])
    ratio = ratio_of(ours, theirs)
    bench.row("mixed load, commands per CPU second of the server", ours, theirs, ">= 4x",
              at_least(ratio, 4), "", ratio)
    ours, theirs = median(pace["Eilpost"]), median(pace["Dovecot"])
    bench.row("  commands per second", ours, theirs, "", None, "/s", ratio_of(ours, theirs))
    ours, theirs = median(slow["Eilpost"]), median(slow["Dovecot"])
    bench.row("  latency, p99", ours, theirs, "", None, "ms", ratio_of(theirs, ours))
    for server in pair:
        bench.end(server)


def mailbox_of(bench, server):
    """All figures of one server's large mailbox."""
    place = ("--mailbox", "Big")
    out = {}
    bench.run(server, "fill", *place, "--messages", bench.messages)
    bench.run(server, "fill", "--mailbox", "Little", "--messages", 100)
    server.stop()
    server.filling = False
    server.evict()
    server.start()
    # Another account's SELECT first, so that what any first session costs is not the mailbox's.
    bench.run(server, "fill", "--account", 1, "--mailbox", "Little", "--messages", 100)
    bench.run(server, "select", "--account", 1, "--mailbox", "Little")
    cold = bench.run(server, "select", *place, "--sessions", 20).get("select", {})
    out["cold"] = cold.get("first_ms")
    out["mailbox_mib"] = cold.get("memory_mailbox_mib")
    out["session_mib"] = cold.get("memory_session_mib")
    out["warm"] = cold.get("further_p50_ms")
    server.stop()
    server.start()
    bench.run(server, "select", "--account", 1, "--mailbox", "Little")
    first = bench.run(server, "select", *place).get("select", {})
    out["first"] = first.get("first_ms")
    few = min(100_000, bench.messages)
    for item, count in (("flags", 0), ("envelope", few), ("bodystructure", few)):
        got = bench.run(server, "fetch", *place, "--item", item, "--messages", count, "--repeat",
                        7).get("fetch", {})
        out[item] = got.get("warm_p50_ms")
        out[item + "_first"] = got.get("first_ms")
    for name, mailbox in (("flag_big", "Big"), ("flag_little", "Little")):
        got = bench.run(server, "flag", "--mailbox", mailbox, "--repeat", 1000).get("flag", {})
        out[name] = got.get("latency_p50_ms")
    return out


def mailbox(bench):
    figures = {}
    for kind in ("eilpost", "dovecot"):
        server = bench.start(kind, "mailbox", 2, filling=True)
        figures[kind] = mailbox_of(bench, server)
        bench.end(server)
    ours, theirs = figures["eilpost"], figures["dovecot"]
    count = f"{bench.messages:,}"
    few = f"{min(100_000, bench.messages):,}"

    def ms(name, key, factor=None, limit=None):
        ratio = ratio_of(theirs[key], ours[key])
        if limit is not None:
            bench.row(name, ours[key], theirs[key], f"< {limit} ms", at_most(ours[key], limit),
                      "ms", ratio)
        else:
            bench.row(name, ours[key], theirs[key], f">= {factor}x" if factor else "",
                      at_least(ratio, factor), "ms", ratio)

    ms(f"SELECT of {count}, a session's first, server warm", "warm", limit=10)
    ms(f"SELECT of {count}, server restarted, files in the page cache", "first")
    ms(f"SELECT of {count}, server restarted, files evicted (cold)", "cold", limit=150)
    bench.row(f"memory for the mailbox of {count}", ours["mailbox_mib"], theirs["mailbox_mib"],
              "< 40 MB", at_most(ours["mailbox_mib"], 40e6 / MIB), "MiB")
    bench.row("memory for each further session", ours["session_mib"], theirs["session_mib"],
              "<= 1 MiB", at_most(ours["session_mib"], 1), "MiB")
    ms(f"FETCH 1:* (FLAGS) of {count}", "flags", factor=2)
    ms(f"FETCH (ENVELOPE) of {few}, warm", "envelope", factor=2)
    ms(f"FETCH (ENVELOPE) of {few}, first after a restart", "envelope_first", factor=2)
    ms(f"FETCH (BODYSTRUCTURE) of {few}, warm", "bodystructure", factor=1)
    ms(f"FETCH (BODYSTRUCTURE) of {few}, first", "bodystructure_first")
    ms(f"STORE of one flag among {count}", "flag_big")
    same = ratio_of(ours["flag_big"], ours["flag_little"])
    bench.row(f"  among {count} over among 100", same,
              ratio_of(theirs["flag_big"], theirs["flag_little"]), "the same (<= 1.2)",
              at_most(same, 1.2), "x")


def order(bench):
    """SORT and THREAD of one mailbox: the first time after a restart, and again."""
    messages = min(100_000, bench.messages)
    place = ("--mailbox", "Big")
    seen = {}
    for kind in ("eilpost", "dovecot"):
        server = bench.start(kind, "order", 1, filling=True)
        bench.run(server, "fill", *place, "--messages", messages)
        server.stop()
        server.filling = False
        server.start()
        for by in ("date", "subject", "references"):
            seen[kind, by] = bench.run(server, "order", *place, "--by", by, "--repeat",
                                       11).get("order", {})
        bench.end(server)
    for by, name in (("date", "SORT (DATE)"), ("subject", "SORT (SUBJECT)"),
                     ("references", "THREAD REFERENCES")):
        for key, when, factor in (("first_ms", "first after a restart", 2),
                                  ("warm_p50_ms", "warm", 1)):
            ours, theirs = (seen[kind, by].get(key) for kind in ("eilpost", "dovecot"))
            ratio = ratio_of(theirs, ours)
            bench.row(f"{name} of {messages:,}, {when}", ours, theirs, f">= {factor}x",
                      at_least(ratio, factor), "ms", ratio)


def serve_bulk(certificate, ready, total):
    """A TLS server that does nothing but SSL_write: `total` octets to its one client."""
    import socket  # of the child process only
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[0], certificate[1])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        ready(listener.getsockname()[1])
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) as secured:
            piece = memoryview(os.urandom(MIB))
            for _ in range(total // MIB):
                secured.sendall(piece)


def bulk_pace(bench):
    """MiB/s of SSL_write in a process of its own, read by the load generator."""
    config = bench.directory / "tls" / "openssl.cnf"
    config.write_text("openssl_conf = main\n[main]\nssl_conf = ssl\n[ssl]\nsystem_default = all\n"
                      f"[all]\nCiphersuites = {servers.CIPHERSUITE}\n")
    child = subprocess.Popen(
        [sys.executable, __file__, "--serve-bulk", str(bench.directory / "tls")],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "OPENSSL_CONF": str(config)})
    try:
        port = child.stdout.readline().strip()
        done = subprocess.run([str(bench.load), "sink", "--port", port], capture_output=True,
                              text=True, timeout=120, check=False)
        out = json.loads(done.stdout)
        if out["cipher"] != servers.CIPHERSUITE:
            bench.errors.append(f"bulk SSL_write used {out['cipher']}")
        return out["mib_per_second"]
    finally:
        child.kill()
        child.wait()


def body(bench):
    size = 32 * MIB
    pair = [bench.start(kind, "body", 1) for kind in ("eilpost", "dovecot")]
    seen = {server.name: [] for server in pair}
    bulk = []
    place = ("--mailbox", "Large", "--bytes", size)
    for server in pair:
        bench.run(server, "fill", *place, "--messages", 4, "--batch", 1)
    for _ in range(bench.rounds):
        for server in pair:
            out = bench.run(server, "body", *place, "--seconds", min(bench.seconds, 10))
            out = out.get("body", {})
            if out.get("cipher") != servers.CIPHERSUITE:
                bench.errors.append(f"{server.name} used {out.get('cipher')}")
            seen[server.name].append(out.get("mib_per_second"))
        bulk.append(bulk_pace(bench))
    ours, theirs = median(seen["Eilpost"]), median(seen["Dovecot"])
    ratio = ratio_of(ours, theirs)
    bench.row("BODY[] of 32 MiB over TLS", ours, theirs, ">= 1x", at_least(ratio, 1), "MiB/s",
              ratio)
    share = ratio_of(ours, median(bulk))
    bench.row(f"  share of bulk SSL_write ({median(bulk):.0f} MiB/s)", share,
              ratio_of(theirs, median(bulk)), ">= 0.8", at_least(share, 0.8))
    for server in pair:
        bench.end(server)


class InotifyLimit:
    """Dovecot's idle processes need an inotify instance each; Debian allows a user 128."""

    path = pathlib.Path("/proc/sys/fs/inotify/max_user_instances")

    def __enter__(self):
        self.before = self.path.read_text()
        if os.access(self.path, os.W_OK) and int(self.before) < 65536:
            self.path.write_text("65536")

    def __exit__(self, *_):
        if os.access(self.path, os.W_OK):
            self.path.write_text(self.before)


def idle(bench):
    seconds = min(bench.seconds, 30)
    sessions = bench.sessions
    accounts = max(sessions // 10, 1)
    out = {}
    variants = [("eilpost", {}), ("compressing", {}), ("dovecot", {}),
                ("hibernating", {"hibernate": True})]
    with InotifyLimit():
        for label, more in variants:
            kind = "eilpost" if label in ("eilpost", "compressing") else "dovecot"
            server = bench.start(kind, f"idle-{label}", accounts, **more)
            settle = 6 if label == "hibernating" else 2
            got = bench.run(server, "idle", "--sessions", sessions, "--settle", settle,
                            "--seconds", seconds, "--per-second", 500,
                            *(["--compress"] if label == "compressing" else []))
            out[label] = {**got.get("push", {}), **got.get("idle", {})}
            bench.end(server)
    ours, theirs, asleep = out["eilpost"], out["dovecot"], out["hibernating"]
    kib = ours.get("session_kib")
    title = f"memory of each of {sessions:,} TLS sessions in IDLE"
    bench.row(title, kib, theirs.get("session_kib"), "<= 24 KiB", at_most(kib, 24), "KiB",
              ratio_of(theirs.get("session_kib"), kib))
    bench.row("  against Dovecot with hibernation", kib, asleep.get("session_kib"), "", None,
              "KiB", ratio_of(asleep.get("session_kib"), kib))
    packed = out["compressing"].get("session_kib")
    bench.row("  with COMPRESS=DEFLATE", packed, None, "<= 64 KiB", at_most(packed, 64), "KiB",
              None)
    for key, name, limit in (("push_p50_ms", "median", 2), ("push_p99_ms", "p99", 10)):
        mine, other = ours.get(key), theirs.get(key)
        bench.row(f"250 to push at 500 deliveries/s, {name}", mine, other, f"< {limit} ms",
                  at_most(mine, limit), "ms", ratio_of(other, mine))
    mine, other = ours.get("sent_to_push_p99_ms"), theirs.get("sent_to_push_p99_ms")
    bench.row("  MAIL FROM to push, p99", mine, other, "", None, "ms", ratio_of(other, mine))


ROWS = {
    "append": lambda bench: deliveries(bench, "append"),
    "lmtp": lambda bench: deliveries(bench, "lmtp"),
    "mixed": mixed,
    "mailbox": mailbox,
    "order": order,
    "body": body,
    "idle": idle,
    "logins": logins.logins,
    "search": search.search,
    "indexing": search.indexing,
}
ASKED_FOR = {"cluster": cluster.rows, "tools": tools.rows}  # only when they are named with --only


# --- the machine and the table ---

def fdatasync_rate(directory):
    """Appends of 4 KiB, each followed by fdatasync, one after the other, for two seconds."""
    path = directory / "fdatasync"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    piece, count, end = b"x" * 4096, 0, time.monotonic() + 2
    while time.monotonic() < end:
        os.write(fd, piece)
        os.fdatasync(fd)
        count += 1
    os.close(fd)
    path.unlink()
    return count / 2


def machine(directory):
    cpu = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}, "
            f"{fdatasync_rate(directory):,.0f} fdatasync/s; load average before: {load}")


def figure(value, unit):
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}{' ' if unit and unit[0] != '/' else ''}{unit}"


def cells(row):
    met = {True: "met", False: "MISSED", None: ""}[row["met"]]
    ratio = f"{row['ratio']:.2f}x" if row["ratio"] is not None else ""
    return [row["row"], figure(row["eilpost"], row["unit"]), figure(row["other"], row["unit"]),
            ratio, row["target"], met]


def format_row(row):
    return " | ".join(cells(row))


def rows_table(rows):
    """One table for each that Eilpost is compared with."""
    out = []
    for against in dict.fromkeys(row["against"] for row in rows):
        head = ["row", "Eilpost", against, "ratio", "target", ""]
        lines = [head] + [cells(row) for row in rows if row["against"] == against]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        for number, line in enumerate(lines):
            out.append("| " + " | ".join(c.ljust(w) for c, w in zip(line, widths)) + " |")
            if number == 0:
                out.append("|" + "|".join("-" * (w + 2) for w in widths) + "|")
        out.append("")
    return out


def table(bench, about):
    out = rows_table(bench.rows)
    out += [f"Machine: {about}",
            f"Run: ./dev bench {' '.join(sys.argv[1:])}".replace(
                f" --eilpost {bench.options.eilpost}", ""),
            f"Medians of {bench.rounds} rounds in turn, {bench.seconds} s each; ratio above 1: "
            "Eilpost is better. Load:"]
    out += [f"    {command}" for command in bench.commands]
    out += [f"ERROR {error}" for error in bench.errors]
    return "\n".join(out)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--eilpost", type=pathlib.Path, default="build/release/eilpost")
    parser.add_argument("--data", type=pathlib.Path, default="/var/tmp",
                        help="a directory on the disk to be measured")
    parser.add_argument("--quick", action="store_true", help="5 s, 100,000 messages")
    parser.add_argument("--full", action="store_true", help="120 s, 1,000,000 messages")
    parser.add_argument("--only", action="append", choices=sorted(ROWS | ASKED_FOR),
                        metavar="ROW", help="of " + " ".join(ROWS | ASKED_FOR)
                        + "; may be given again")
    for name in ("messages", "sessions", "seconds", "rounds"):
        parser.add_argument(f"--{name}", type=int, help="instead of the mode's own")
    parser.add_argument("--output", type=pathlib.Path, default="build/bench.md",
                        help="where the table goes as well")
    parser.add_argument("--serve-bulk", type=pathlib.Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    options = arguments()
    if options.serve_bulk:
        files = (options.serve_bulk / "certificate.pem", options.serve_bulk / "key.pem")
        serve_bulk(files, lambda port: print(port, flush=True), 4096 * MIB)
        return 0
    options.eilpost = options.eilpost.resolve()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="eilpost-bench-", dir=options.data))
    directory.chmod(0o755)  # Dovecot's processes are other users
    bench = Bench(options, directory)
    try:
        about = machine(directory)
        for name in options.only or ROWS:
            print(f"{name}:", file=sys.stderr, flush=True)
            (ROWS | ASKED_FOR)[name](bench)
    finally:
        for server in list(bench.running):
            bench.end(server)
        shutil.rmtree(directory, ignore_errors=True)
    text = table(bench, about)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text + "\n")
    print(text)
    missed = [row["row"].strip() for row in bench.rows if row["met"] is False]
    print(f"{sum(1 for row in bench.rows if row['met'])} met, {len(missed)} missed, "
          f"{len(bench.errors)} errors")
    return 1 if bench.errors else 0


if __name__ == "__main__":
    sys.exit(main())
