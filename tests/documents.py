#!/usr/bin/env python3
"""Holds what operators read to what the program does.

  documents.py --eilpost build/dev/eilpost

The example configuration is accepted, with its commented keys too, and shows every key; the manual
pages and the completion are those of this program; docs/limits.md has every limit with its value;
every path that a document names exists; RFCS.md and docs/conformance are what their data says. Ends
with "N passed, N failed".
"""

import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(ROOT, "packaging")]
from harness import Count, Failure, check, check_equal  # noqa: E402
import conformance  # noqa: E402
import man_keys  # noqa: E402


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def run(binary, *arguments):
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, check=False)
    check_equal(done.returncode, 0, " ".join(arguments) + "\n" + done.stdout + done.stderr)
    return done.stdout


def subcommands(help_text):
    """The names in the "Subcommands:" list of a --help."""
    found = re.search(r"\nSubcommands:\n((?:  .*\n)+)", help_text)
    return re.findall(r"^  ([a-z-]+)", found.group(1), re.MULTILINE) if found else []


def keys_of(printed):
    """(section, key) in the order of `eilpost config keys` or of a TOML file."""
    section, out = "", []
    for line in printed.splitlines():
        head = re.match(r"\[+([a-z.]+)\]+", line)
        key = re.match(r"([a-z][a-z0-9_]*)( =|$)", line)
        if head:
            section = head.group(1)
        elif key:
            out.append((section, key.group(1)))
    return out


def example_is_accepted(binary):
    run(binary, "config", "check", os.path.join(ROOT, "packaging/eilpost.toml"))


def uncommented():
    return re.sub(r"(?m)^#(\[|[a-z][a-z0-9_]* = )", r"\1", text_of("packaging/eilpost.toml"))


def example_shows_every_key(binary):
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(uncommented())
        file.flush()
        done = subprocess.run(
            [binary, "config", "check", file.name], capture_output=True, text=True, check=False
        )
        # Keys are all read before certificates are; that of the example is on no machine.
        said = done.stdout + done.stderr
        check(
            said.startswith(f"{file.name}: [[tls.certificate]]: ") or done.returncode == 0,
            f"config check: {said}",
        )
    shown = set(keys_of(uncommented()))
    for key in keys_of(run(binary, "config", "keys")):
        check(key in shown, f"packaging/eilpost.toml does not show {'.'.join(key)}")


def page_of_keys_is_current(binary):
    wanted = man_keys.page(run(binary, "config", "keys"))
    check(text_of("packaging/eilpost.toml.5") == wanted,
          "eilpost config keys | packaging/man_keys.py > packaging/eilpost.toml.5")


def every_command_is_told(binary):
    page = text_of("packaging/eilpost.1").replace("\\-", "-")
    completion = text_of("packaging/eilpost.bash")
    for command in subcommands(run(binary, "--help")):
        check(re.search(rf"(?m)^\.B[RI]? \"?{command}\b", page), f"eilpost.1 lacks {command}")
        check(re.search(rf"\b{command}\b", completion), f"eilpost.bash lacks {command}")
        for second in [""] + subcommands(run(binary, command, "--help")):
            words = [command, second] if second else [command]
            given = subprocess.run(
                ["bash", "-c", '. "$1"; _eilpost_words "$2"', "bash",
                 os.path.join(ROOT, "packaging/eilpost.bash"), " ".join(words)],
                capture_output=True, text=True, check=True,
            ).stdout.split()
            printed = run(binary, *words, "--help")
            options = re.findall(r"(?m)^  (?:-h,)?(--[a-z-]+)", printed)
            for word in subcommands(printed) + options:
                check(word in given, f"eilpost.bash: {' '.join(words)} lacks {word}")


def number(expression):
    """The value of `64ULL * 1024`."""
    plain = re.sub(r"(?<=\d)(ULL|[uUlL']+)", "", expression)
    check(re.fullmatch(r"[\d *]+", plain), f"not a number: {expression}")
    value = 1
    for factor in plain.split("*"):
        value *= int(factor)
    return value


def every_limit_is_told(_):
    page = text_of("docs/limits.md")
    declared = re.findall(
        r"inline constexpr \w+ (\w+) = ([^;]+);", text_of("src/base/limits.h").replace("'", "")
    )
    check(declared, "no limits found")
    rows = dict((name, value) for value, name in
                re.findall(r"(?m)^\|[^|]*\| ([\d,]+)[^|]*\|.*\| `(\w+)` \|$", page))
    for name, expression in declared:
        check(name in rows, f"docs/limits.md lacks {name}")
        check_equal(rows[name], f"{number(expression):,}", f"docs/limits.md, {name}")
    unknown = set(rows) - {name for name, _ in declared}
    check(not unknown, f"docs/limits.md tells of {unknown}")


def paths_exist(_):
    files = glob.glob(os.path.join(ROOT, "docs/*.md")) + [os.path.join(ROOT, "README.md")]
    for file in files:
        with open(file, encoding="utf-8") as opened:
            named = re.findall(r"`((?:docs|src|tests|packaging|bench)/[\w./-]+|[A-Z]+\.md)`",
                               opened.read())
        for path in named:
            check(os.path.exists(os.path.join(ROOT, path)), f"{os.path.basename(file)}: {path}")


def every_rule_of_an_rfc_is_told(_):
    found = conformance.problems()
    check(not found, "; ".join(found[:10]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eilpost", required=True)
    options = parser.parse_args()
    count = Count()
    for case in (example_is_accepted, example_shows_every_key, page_of_keys_is_current,
                 every_command_is_told, every_limit_is_told, paths_exist,
                 every_rule_of_an_rfc_is_told):
        name = case.__name__.replace("_", " ")
        try:
            case(os.path.abspath(options.eilpost))
        except Failure as failure:
            count.say("failed", name, f": {failure}")
        else:
            count.say("passed", name)
    return count.end()


if __name__ == "__main__":
    sys.exit(main())
