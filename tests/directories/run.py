#!/usr/bin/env python3
"""Every mechanism and every name against real components: an OpenID provider, a certificate
authority, a KDC, OpenLDAP, Samba.

  run.py --eilpost build/dev/eilpost [NAME...]

What a machine lacks is skipped with a word. Ends with "N passed, N failed, N skipped".
"""

import argparse
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from harness import Count, Failure  # noqa: E402
from pki import Pki  # noqa: E402
import case_ad  # noqa: E402
import case_external  # noqa: E402
import case_imtest  # noqa: E402
import case_kerberos  # noqa: E402
import case_names  # noqa: E402
import case_passwords  # noqa: E402
import case_tokens  # noqa: E402
import case_tools  # noqa: E402

GROUPS = {"passwords": case_passwords, "external": case_external, "tokens": case_tokens,
          "kerberos": case_kerberos, "names": case_names, "ad": case_ad,
          "imtest": case_imtest, "tools": case_tools}


def run_group(name, binary, pki, count):
    group = GROUPS[name]
    reason = group.missing()
    if reason:
        count.say("skipped", name, f": {reason}")
        return
    try:
        world = group.World(binary, pki)
    except Failure as failure:
        count.say("failed", name, f": {failure}")
        return
    try:
        for case in group.CASES:
            label = f"{name}: {case.__name__.replace('_', ' ')}"
            try:
                case(world)
            except Exception as failure:  # a case that breaks must not hide the others
                count.say("failed", label, f": {failure!r}\n{world.server.tail()}")
            else:
                count.say("passed", label)
    finally:
        world.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eilpost", required=True)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    count = Count()
    with tempfile.TemporaryDirectory(prefix="eilpost-pki-") as directory:
        pki = Pki(directory)
        for name in options.names or GROUPS:
            run_group(name, options.eilpost, pki, count)
    return count.end()


if __name__ == "__main__":
    sys.exit(main())
