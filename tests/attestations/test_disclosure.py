"""Disclosures: what an auditor is shown is what was committed to, and what their seed asks for."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from attestations import Tree, sample_indices
from attestations.text import encode_base64
from tests.attestations import made
from tests.attestations.opened import (
    BELYING,
    HOSTILE,
    NO_DISCLOSURES,
    NO_OBJECTS,
    SEED,
    UNKNOWN_FORMS,
    Case,
    came,
    case,
    found,
    scope_opened,
    tree,
)


def test_a_disclosure_shows_what_the_seed_asks_for() -> None:
    good = case()
    report = good.verify(good.disclosure(3), sample=3)
    shown = report.disclosed.holdings
    assert [each.index for each in shown] == list(sample_indices(SEED, *good.trees, 3))
    assert all(each.demanded and each.locator == f"a/{each.index}.csv" for each in shown)
    assert (report.disclosed.asked, report.disclosed.sample) == (True, 3)
    assert "disclosure: 3 of 7 holdings are shown" in report.findings


def test_without_the_auditors_seed_the_report_says_that_the_operator_chose() -> None:
    good = case()
    report = good.verify(good.disclosure(), seed=None)
    assert report.disclosed.asked is False
    assert any("the operator chose" in line for line in report.findings)


def test_the_sample_is_drawn_as_the_specification_says() -> None:
    """Computed a second time from the words of docs/attestation.md."""
    inventory, results = (Tree("sha256:" + c * 64, 1000) for c in "ab")
    drawn: list[int] = []
    n = 0
    while len(drawn) < 20:
        text = b"shredder sample v1\0" + b"\0\0\0\x04" + b"seed" + b"\xaa" * 32 + b"\xbb" * 32
        number = int(hashlib.sha256(text + n.to_bytes(8, "big")).hexdigest(), 16) % 1000
        n += 1
        if number not in drawn:
            drawn.append(number)
    assert sample_indices("seed", inventory, results, 20) == tuple(sorted(drawn))
    assert sample_indices("other", inventory, results, 20) != tuple(sorted(drawn))
    assert sample_indices("seed", results, inventory, 20) != tuple(sorted(drawn))


@pytest.mark.parametrize(("size", "count", "number"), [(0, 5, 0), (3, 3, 3), (3, 5, 3), (9, 8, 8)])
def test_a_sample_has_what_there_is(size: int, count: int, number: int) -> None:
    trees = Tree(made.NONE, size), Tree(made.NONE, size)
    drawn = sample_indices(SEED, *trees, count)
    assert (number, number) == (len(drawn), len(set(drawn)))
    assert all(0 <= index < size for index in drawn)


def test_more_than_the_sample_may_be_shown() -> None:
    good = case()
    more = tuple(map(good.opened, range(7)))
    report = good.verify(good.disclosure(2, holdings=more))
    assert sum(each.demanded for each in report.disclosed.holdings) == 2


@pytest.mark.parametrize("what", HOSTILE)
def test_a_spoilt_disclosure_is_refused(what: str) -> None:
    good = case()
    assert good.refused(HOSTILE[what](good), sample=2)


@pytest.mark.parametrize(("before", "after"), BELYING)
def test_records_that_belie_the_statement_are_refused(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    """The trees are as committed to: it is the operator's own statement that does not hold."""
    bad = case([found(n, **before) for n in range(7)], [came(n, **after) for n in range(7)])
    assert bad.refused(bad.disclosure())


@pytest.mark.parametrize("record", NO_OBJECTS)
def test_a_record_that_is_no_object_is_refused(record: bytes) -> None:
    records = [record or b" "] * 3
    first = tree("inventory", records), tree("results", records)
    plan = made.plan(inventory=first[0])
    bundle = made.bundle(plan_of=plan, changes={"results": first[1]})
    bad = Case(records, records, bundle, first)
    assert bad.refused(bad.disclosure())


@pytest.mark.parametrize("data", NO_DISCLOSURES)
def test_what_is_no_disclosure_is_refused(data: bytes) -> None:
    assert case().refused(data)


@pytest.mark.parametrize("change", UNKNOWN_FORMS)
def test_a_disclosure_is_read_strictly(change: dict[str, Any]) -> None:
    good = case()
    value = json.loads(good.disclosure().to_bytes()) | change
    assert good.refused(json.dumps(value).encode())


def test_one_holding_is_shown_once() -> None:
    good = case()
    value = json.loads(good.disclosure().to_bytes())
    value["holdings"].append(value["holdings"][0])
    assert good.refused(json.dumps(value).encode())


def test_a_name_that_is_not_unicode_can_be_shown() -> None:
    odd = found(0)
    odd["holding"]["locator"] = "caf\udce9"
    good = case([odd, *(found(n) for n in range(1, 7))])
    report = good.verify(good.disclosure(7))
    assert report.disclosed.holdings[0].locator == "caf\udce9"


def test_a_scope_is_named() -> None:
    good = case()
    report = good.verify(good.disclosure(scopes=(scope_opened("share", "root"),)))
    assert report.disclosed.scopes == (("share", "root"),)


def test_a_scope_of_another_name_or_of_no_sweep_is_refused() -> None:
    good = case()
    true, other = scope_opened("share", "root"), scope_opened("share", "elsewhere")
    assert good.refused(good.disclosure(scopes=(other,)))
    assert good.refused(good.disclosure(scopes=(replace(true, parts=other.parts),)))
    assert good.refused(good.disclosure(scopes=(replace(true, salt=other.salt),)))
    cut = encode_base64(base64.b64decode(true.parts)[:-1])
    assert good.refused(good.disclosure(scopes=(replace(true, parts=cut),)))
    # The border between salt and parts cannot be moved.
    salt, parts = base64.b64decode(true.salt), base64.b64decode(true.parts)
    moved = replace(true, salt=encode_base64(salt[:31]), parts=encode_base64(salt[31:] + parts))
    assert good.refused(good.disclosure(scopes=(moved,)))
