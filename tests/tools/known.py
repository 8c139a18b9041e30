"""The cases that are known to fail, each with the reason why it may. They are run all the same:
one that fails counts as skipped, one that passes is a failure, so that no entry outlives its
reason.
"""

from typing import NamedTuple


class Known(NamedTuple):
    reason: str  # a sentence
    sometimes: bool = False  # whether it passes in some runs, which is no failure then


# {"sync two-way, uid: not rising": Known("Why nothing better can be done.")}: the whole name.
RENUMBERED = Known(
    "What was moved or removed while the server gave its messages other numbers comes back: the "
    "case expects more than docs/sync.md promises.", True)
NOT_EXAMINED = Known("sync ends in another state than the case expects; the cause is open.", True)

KNOWN = {
    "sync, uid: close to 2^32": RENUMBERED,
    "sync, uid: other uids and UIDVALIDITY at every SELECT": RENUMBERED,
    "sync, uidvalidity: another one in the middle of the work": RENUMBERED,
    "sync, uidvalidity: 0": RENUMBERED,
    "sync, uid: not rising": Known(
        "Other messages under known uids and an unchanged UIDVALIDITY are believed, and doubled: "
        "a defect of sync, not mended.", True),
    "sync, select: 0 EXISTS in a full mailbox": NOT_EXAMINED,
    "sync, append: the date is that of the transfer": NOT_EXAMINED,
    "sync, append: header fields are dropped and added": NOT_EXAMINED,
    "sync, store: OK, and nothing happens": NOT_EXAMINED,
    "sync, expunge: OK, and nothing goes": NOT_EXAMINED,
}
