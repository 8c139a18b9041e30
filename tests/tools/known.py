"""The cases that are known to fail, each with the reason why it may. They are run all the same:
one that fails counts as skipped, one that passes is a failure, so that no entry outlives its
reason.
"""

from typing import NamedTuple


class Known(NamedTuple):
    reason: str  # a sentence
    sometimes: bool = False  # whether it passes in some runs, which is no failure then


# {"sync two-way, uid: not rising": Known("Why nothing better can be done.")}: the whole name.
KNOWN = {}
