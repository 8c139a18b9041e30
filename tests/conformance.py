#!/usr/bin/env python3
"""What RFCs ask of a server, and where Eilpost does it: RFCS.md and docs/conformance.

  conformance.py            checks the data and that the pages are what it says; prints counts
  conformance.py --write    writes the pages

The data is docs/conformance/rfcNNNN.toml, one file for each RFC, one [[rule]] for each MUST and
SHOULD that concerns a server:

  section = "3.1.2"
  word = "MUST"                 one of WORDS; REQUIRED and SHALL are MUST, RECOMMENDED is SHOULD
  text = "what is asked, in our own words, in at most 20 words"
  file = "src/server/imap/select.cc"               what does it; or a list
  shown = "tests/transcripts/condstore.imap"       what shows it, a transcript or a test; or a list
  reason = "why it is not done, or why nothing can show it"

A rule has file and shown, or file and reason, or reason alone. A reason that begins with
"not kept: " is a rule that Eilpost breaks. `note`, before the rules, is printed above them; an RFC
without rules has one that says why. Each RFC has a page of its own; RFCS.md is the index, and its
head, up to MARK, is written by hand.
"""

import argparse
import collections
import glob
import os
import re
import sys
import tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = "docs/conformance"
INDEX = "RFCS.md"
MARK = "## Every MUST and SHOULD\n"
WORDS = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT")
TEXT_WORDS_MAX = 20
KINDS = ("shown", "done", "idle", "broken")

Rule = collections.namedtuple("Rule", "section word text file shown reason")
Rfc = collections.namedtuple("Rfc", "number title note rules")


def kind_of(rule):
    """shown; done, which no test can show; idle, as nothing here falls under it; or broken."""
    if rule.shown:
        return "shown"
    if rule.reason.startswith("not kept: "):
        return "broken"
    return "done" if rule.file else "idle"


# --- reading ---


def listed(value):
    return [value] if isinstance(value, str) else list(value)


def read_rule(table, where, found):
    unknown = set(table) - set(Rule._fields)
    if unknown:
        found.append(f"{where}: no such key: {', '.join(sorted(unknown))}")
    rule = Rule(table.get("section", ""), table.get("word", ""), table.get("text", ""),
                listed(table.get("file", [])), listed(table.get("shown", [])),
                table.get("reason", ""))
    check_rule(rule, where, found)
    return rule


def check_rule(rule, where, found):
    if not re.fullmatch(r"[0-9A-Z]+(\.[0-9]+)*", rule.section):
        found.append(f"{where}: {rule.section!r} is no section, as 3.1.2 or A.1")
    if rule.word not in WORDS:
        found.append(f"{where}: {rule.word!r} is none of {', '.join(WORDS)}")
    if not 0 < len(rule.text.split()) <= TEXT_WORDS_MAX:
        found.append(f"{where}: {len(rule.text.split())} words, expected 1 to {TEXT_WORDS_MAX}")
    if bool(rule.shown) == bool(rule.reason):
        found.append(f"{where}: expected either shown or reason")
    if rule.shown and not rule.file:
        found.append(f"{where}: shown, but no file")
    for path in rule.file + rule.shown:
        if not os.path.isfile(os.path.join(ROOT, path)):
            found.append(f"{where}: no file {path}")
    for path in rule.shown:
        if not re.match(r"(tests|bench)/|.*_(test|fuzz|bench)\.cc$", path):
            found.append(f"{where}: {path} shows nothing: it is neither transcript nor test")


def read_all():
    """([Rfc], [what is wrong with the data])"""
    rfcs, found = [], []
    for path in sorted(glob.glob(os.path.join(ROOT, DATA, "*.toml"))):
        name = os.path.basename(path)
        try:
            with open(path, "rb") as file:
                data = tomllib.load(file)
        except tomllib.TOMLDecodeError as error:
            found.append(f"{name}: {error}")
            continue
        number, tables = data.get("rfc", 0), data.get("rule", [])
        title, note = data.get("title", ""), data.get("note", "")
        if name != f"rfc{number}.toml" or not title or not (tables or note):
            found.append(f"{name}: expected rfc, as in the name of the file, title and [[rule]]")
        rules = [read_rule(table, f"{name}, rule {at}", found)
                 for at, table in enumerate(tables, 1)]
        rfcs.append(Rfc(number, title, note, rules))
    return sorted(rfcs), found


# --- writing ---


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;")


def paths(names):
    return " ".join(f"`{name}`" for name in names)


def counts(rules):
    number = collections.Counter(kind_of(rule) for rule in rules)
    return [number[kind] for kind in KINDS]


def page(rfc):
    shown, done, idle, broken = counts(rfc.rules)
    head = [f"# RFC {rfc.number}: {rfc.title}", ""] + ([rfc.note, ""] if rfc.note else [])
    if not rfc.rules:
        return "\n".join(head)
    lines = head + [
        f"Written by `tests/conformance.py` from `{DATA}/rfc{rfc.number}.toml`. What it asks of a "
        f"server: {len(rfc.rules)} rules;",
        f"{shown} are shown by a test, {done} are kept and no test can show it, "
        f"{idle} have nothing to apply to, {broken} are not kept.",
        "",
        "| section | word | rule | file | shown by, or why not |",
        "|---|---|---|---|---|",
    ]
    for rule in rfc.rules:
        shown = paths(rule.shown) or cell(rule.reason)
        lines.append(f"| {rule.section} | {rule.word} | {cell(rule.text)} | {paths(rule.file)} "
                     f"| {shown} |")
    return "\n".join(lines) + "\n"


def index(rfcs):
    """What follows MARK."""
    lines = [
        "",
        "Written by `tests/conformance.py` from the files in `docs/conformance/`, which hold",
        "every MUST and SHOULD that concerns a server. Shown: a transcript or test shows it.",
        "Kept: a file does it, and the page says why no test can show it. Idle: Eilpost has",
        "nothing that the rule applies to. Broken: it is not kept.",
        "",
        "| RFC | rules | shown | kept | idle | broken |",
        "|---|---|---|---|---|---|",
    ]
    for rfc in rfcs:
        row = " | ".join(str(number) for number in [len(rfc.rules)] + counts(rfc.rules))
        link = f"[{rfc.number}: {rfc.title}]({DATA}/rfc{rfc.number}.md)"
        lines.append(f"| {link} | {row} |")
    every = [rule for rfc in rfcs for rule in rfc.rules]
    total = " | ".join(f"**{number}**" for number in [len(every)] + counts(every))
    lines += [f"| **all** | {total} |", "", "### What is not kept, and why", "",
              "| RFC and section | word | rule | why not |", "|---|---|---|---|"]
    for rfc in rfcs:
        for rule in rfc.rules:
            if kind_of(rule) == "broken":
                why = cell(rule.reason.removeprefix("not kept: "))
                lines.append(f"| RFC {rfc.number} {rule.section} | {rule.word} "
                             f"| {cell(rule.text)} | {why} |")
    return "\n".join(lines) + "\n"


def pages(rfcs):
    """{path: what it has to hold}"""
    head, mark, _ = read(INDEX).partition(MARK)
    if not mark:
        head += "\n"
    out = {INDEX: head + MARK + index(rfcs)}
    for rfc in rfcs:
        out[f"{DATA}/rfc{rfc.number}.md"] = page(rfc)
    return out


def read(path):
    try:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def stale(wanted):
    """The pages that are not what the data says, and those of no RFC."""
    there = {os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, DATA, "*.md"))}
    return sorted([path for path, text in wanted.items() if read(path) != text] +
                  list(there - set(wanted)))


def problems():
    rfcs, found = read_all()
    return found or [f"{path}: expected what tests/conformance.py --write makes"
                     for path in stale(pages(rfcs))]


def write(rfcs):
    wanted = pages(rfcs)
    for path in stale(wanted):
        if path in wanted:
            with open(os.path.join(ROOT, path), "w", encoding="utf-8") as file:
                file.write(wanted[path])
        else:
            os.remove(os.path.join(ROOT, path))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the pages")
    options = parser.parse_args()
    rfcs, found = read_all()
    if options.write and not found:
        write(rfcs)
    found = found or problems()
    print("\n".join(found), end="\n" if found else "")
    for rfc in rfcs:
        told = "".join(f", {n} {kind}" for kind, n in zip(KINDS, counts(rfc.rules)) if n)
        print(f"RFC {rfc.number}: {len(rfc.rules)} rules{told}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
