"""What had been pending: how one holding is judged by what looking for it gave."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.contract import Finding, KeyErasure, Known, Technique, Verification
from shredder.config import KEYS
from shredder.plan import Decision, Item
from shredder.run.results import Outcome, Status
from shredder.run.settled import Settled, judged
from tests.upper.scripted import holding

UNTIL = "2031-01-31T00:00:00.000000Z"
ERASURE = KeyErasure(
    ever_in_clear=Known.NO,
    escrowed=Known.NO,
    backed_up=Known.UNKNOWN,
    strength_bits=128,
    entropy_bits=256,
    destroyed=0,
    scheduled=1,
)


def pending(store: str = KEYS) -> Settled:
    technique = Technique.CRYPTOGRAPHIC_ERASE
    item = Item("1", holding(store=store), Decision.DESTROY, technique, True, "")
    outcome = Outcome(
        "1", store, Status.PENDING, "deletion-window", technique,
        until=UNTIL, limitations=("kms-erase-not-shown",), numbers={"kms-keys-ended": 1},
        erasure=ERASURE,
    )  # fmt: skip
    return Settled(item, outcome)


def seen(finding: Finding, reason: str = "", looked: tuple[str, ...] = ("kms-keys",)) -> Outcome:
    return judged(pending(), Verification("1", finding, looked, reason), set())


def test_what_is_gone_has_its_keys_destroyed_by_no_more_than_a_logical_delete() -> None:
    came = seen(Finding.ABSENT)
    assert (came.status, came.reason, came.until) == (Status.VERIFIED, "", "")
    assert (came.method, came.looked) == ("logical-delete", ("kms-keys",))
    assert came.erasure == replace(ERASURE, destroyed=1, scheduled=0)
    assert came.limitations == ("kms-erase-not-shown",)
    assert came.numbers == {}, "what that run did is told by its own attestation"


@pytest.mark.parametrize(
    ("finding", "reason"),
    [(Finding.INCONCLUSIVE, "key-store-unreadable"), (Finding.RESIDUE, "deletion-window")],
)
def test_what_nobody_saw_gone_is_pending_still(finding: Finding, reason: str) -> None:
    came = seen(finding, reason)
    assert (came.status, came.method) == (Status.PENDING, None)
    assert (came.reason, came.until, came.erasure) == (reason, UNTIL, ERASURE)


@pytest.mark.parametrize(("reason", "told"), [("key-deletion-cancelled",) * 2, ("", "residue")])
def test_what_is_there_has_failed(reason: str, told: str) -> None:
    came = seen(Finding.RESIDUE, reason)
    assert (came.status, came.method, came.reason, came.until) == (Status.FAILED, None, told, "")
    assert came.erasure == replace(ERASURE, destroyed=0, scheduled=0)


@pytest.mark.parametrize(
    ("store", "clear", "known"),
    [
        (KEYS, set(), Known.NO),
        (KEYS, {"share"}, Known.YES),
        ("share", {"share"}, Known.YES),
        ("share", {"other"}, Known.NO),
    ],
)
def test_what_was_found_in_the_clear_meanwhile_counts(
    store: str, clear: set[str], known: Known
) -> None:
    came = judged(pending(store), Verification("1", Finding.ABSENT, ("x",)), clear)
    assert came.erasure is not None
    assert came.erasure.ever_in_clear is known
