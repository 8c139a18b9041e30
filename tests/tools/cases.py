"""What a case of these tests is given, and how it says that it is one.

Each cases/case_*.py registers its cases with @case; a case raises Failure, Missing (a server is
not on this machine) or Skipped. Cases run several at once, each in a process of its own, so they
share nothing.
"""

import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FOLDERS = ["", "bad", "defects", "roles", "cases"]
sys.path[:0] = [*(os.path.join(HERE, folder) for folder in FOLDERS),
                os.path.join(ROOT, "tests"), os.path.join(ROOT, "bench")]

CASES = {}


class Skipped(Exception):
    """This machine, or this binary, cannot run the case; the text says why."""


class Case:
    def __init__(self, name, tool, slow, weight, share, function):
        self.name, self.tool, self.slow, self.weight = name, tool, slow, weight
        self.share, self.function = share, function

    def drawn(self, seed):
        """Whether the short run with this seed has it."""
        return not self.slow and random.Random(f"{seed} {self.name}").random() < self.share


def case(name, tool="", slow=False, weight=1, share=1.0):
    """Registers a function of a Context. `tool`: the command that it is about, without which it is
    skipped; `weight`: the heavier, the earlier it is begun; `share`: of the short runs that
    have it, as the seed draws them."""

    def register(function):
        CASES[name] = Case(name, tool, slow, weight, share, function)
        return function

    return register


class Context:
    """The surroundings of one case: options of the run, and an empty directory."""

    def __init__(self, options, directory, seed):
        self.options = options
        self.binary = options.eilpost
        self.directory = directory
        self.seed = seed
        self.made = 0

    def fresh(self):
        """The same, in an empty directory within this one."""
        self.made += 1
        directory = self.path(f"fresh{self.made}")
        os.mkdir(directory, 0o755)
        return Context(self.options, directory, self.seed)

    def path(self, *names):
        return os.path.join(self.directory, *names)
