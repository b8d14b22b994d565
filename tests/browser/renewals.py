"""Renewed bundles, good and spoilt, that both verifiers must answer alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from attestations import Bundle, TimestampRules
from attestations.bundle import MAX_RENEWALS
from attestations.policy import Strangers
from tests.attestations import made
from tests.attestations.forge import Forge
from tests.attestations.renewals import (
    AFTER,
    FIRST,
    HOSTILE,
    LAST,
    LATER,
    RENEWED,
    SECOND,
    STAMPED,
    THIRD,
    TODAY,
    TWICE,
    policy,
    with_result,
)
from tests.attestations.renewing import both_renewed, renewed
from tests.browser.given import Case, given


def renewals() -> Iterator[Case]:
    """By auditors who know of no compromise, and of each that matters."""
    yield from _compromises()
    yield from _forms()
    for name, (make, _) in HOSTILE.items():
        for known, lost in (("all sound", None), ("the first lost", AFTER)):
            yield given(f"renewal: {name}, {known}", make(), policy(first=lost), now=TODAY)


def _compromises() -> Iterator[Case]:
    bundles = {"none": STAMPED, "one": RENEWED, "two": TWICE}
    near = timedelta(seconds=1)
    for name, lost in {
        "nobody": {},
        "the first": {"first": AFTER},
        "the first, at once": {"first": made.at(30)},
        "the first, at the renewal": {"first": LATER},
        "the first, within the accuracy": {"first": LATER + near},
        "the first, just after": {"first": LATER + 2 * near},
        "both": {"first": AFTER, "second": LAST + timedelta(days=1)},
        "both, too early": {"first": AFTER, "second": LAST - timedelta(days=1)},
        "the second before the first": {"first": LAST + timedelta(days=1), "second": AFTER},
        "all": {"first": AFTER, "second": AFTER, "third": TODAY},
    }.items():
        for count, bundle in bundles.items():
            by = policy(**lost)
            yield given(f"renewal: {count}, and lost is {name}", bundle, by, now=TODAY)
    known = policy(first=AFTER, required=True)
    yield given("renewal: none, but the time is required", STAMPED, known, now=TODAY)
    yield given("renewal: one, and the time is required", RENEWED, known, now=TODAY)
    half = with_result(RENEWED.result, STAMPED)
    yield given("renewal: of the result alone", half, policy(first=AFTER), now=TODAY)
    own = both_renewed(STAMPED, FIRST, LATER)
    yield given("renewal: by the lost one itself", own, policy(first=AFTER), now=TODAY)
    operators = (
        FIRST.trusted(name="first", compromised_at=AFTER),
        SECOND.trusted(name="own", operator_run=True),
        THIRD.trusted(name="third"),
    )
    rules = TimestampRules(threshold=1, authorities=operators)
    for count, bundle in bundles.items():
        by = made.policy(timestamps=rules)
        yield given(f"renewal: {count}, by the operator's authority", bundle, by, now=TODAY)
    sound = FIRST.trusted(name="sound")
    hidden = FIRST.trusted(name="lost", pin="policy", compromised_at=AFTER)
    for authorities in ((sound, hidden), (hidden, sound)):
        rules = TimestampRules(threshold=1, authorities=authorities)
        name = f"renewal: a compromise in an entry {authorities.index(hidden)}"
        yield given(name, STAMPED, made.policy(timestamps=rules), now=TODAY)
    strange = both_renewed(STAMPED, Forge(), LATER)
    for count, bundle in {"no": strange, "a": both_renewed(strange, SECOND, LATER)}.items():
        by = policy(first=AFTER, unknown_authorities=Strangers.IGNORE)
        yield given(f"renewal: a stranger's, and {count} known one's", bundle, by, now=TODAY)
    yield given("renewal: no authority is named", RENEWED, now=TODAY)


def _forms() -> Iterator[Case]:
    data = RENEWED.to_bytes()

    def edited(name: str, edit: Callable[[dict[str, Any]], object]) -> Case:
        value = json.loads(data)
        edit(value["result"])
        return given(f"renewal: {name}", json.dumps(value).encode(), policy(), now=TODAY)

    yield edited("an empty list", lambda v: v.update(renewals=[]))
    yield edited("null", lambda v: v.update(renewals=None))
    yield edited("text", lambda v: v.update(renewals="AAAA"))
    yield edited("a number in it", lambda v: v.update(renewals=[1]))
    yield edited("lists in it", lambda v: v.update(renewals=[v["renewals"]]))
    yield edited("not base64", lambda v: v.update(renewals=["?"]))
    yield edited("17 of them", lambda v: v.update(renewals=v["renewals"] * 17))
    yield edited("none, and the field's name spelt otherwise", _respelt)
    sealed = STAMPED.result
    for n in range(MAX_RENEWALS):
        sealed = renewed(sealed, SECOND, LATER + timedelta(days=n))
    yield given("renewal: 16 of them", with_result(sealed), policy(), now=TODAY)
    long = replace(RENEWED.result, renewals=(bytes(65_537),))
    yield given("renewal: a long one", with_result(long), policy(), now=TODAY)
    seconds = renewed(renewed(STAMPED.result, SECOND, LATER), THIRD, LATER - timedelta(seconds=2))
    yield given("renewal: clocks apart", with_result(seconds), policy(), now=TODAY)
    both: Bundle = both_renewed(STAMPED, SECOND, LATER)
    yield given("renewal: in the future", both, policy(), now=LATER - timedelta(hours=1))


def _respelt(value: dict[str, Any]) -> None:
    value["renewal"] = value.pop("renewals")
