"""A bundle renewed once and twice, auditors who know of a compromise, and renewals that are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from attestations import Bundle, Code, Policy, Sealed, TimestampRules
from attestations.renewal import covered
from tests.attestations import made
from tests.attestations.forge import END, Forge, certify
from tests.attestations.renewing import both_renewed, covering, renewed

ROOT = certify("Long root", end=END + timedelta(days=9000))
FIRST = Forge()
SECOND = Forge(root=ROOT, leaf=certify("Second TSA", ROOT, end=END + timedelta(days=2000)))
THIRD = Forge(root=ROOT, leaf=certify("Third TSA", ROOT, end=END + timedelta(days=5000)))
STAMPED = made.bundle(stamp=FIRST.plain)

LATER = END - timedelta(days=30)  # the first authority's certificate still holds
AFTER = END + timedelta(days=30)
LAST = END + timedelta(days=1900)
TODAY = END + timedelta(days=4000)

RENEWED = both_renewed(STAMPED, SECOND, LATER)
TWICE = both_renewed(RENEWED, THIRD, LAST)


def policy(*, first: Any = None, second: Any = None, third: Any = None, **rules: Any) -> Policy:
    """An auditor's who knows all three, and since when each is compromised."""
    named = (("first", FIRST, first), ("second", SECOND, second), ("third", THIRD, third))
    authorities = tuple(f.trusted(name=n, compromised_at=lost) for n, f, lost in named)
    return made.policy(
        timestamps=TimestampRules(**{"threshold": 1, "authorities": authorities, **rules})
    )


def with_result(sealed: Sealed, bundle: Bundle = RENEWED) -> Bundle:
    return replace(bundle, result=sealed)


def renewal_of(other: Sealed, by: Forge = SECOND, when: datetime = LATER) -> Callable[[], Bundle]:
    """The result's tokens, with a renewal that is over something else."""
    token = by.renew(covering(other.envelope, other.timestamps, other.renewals), when)
    return lambda: with_result(replace(STAMPED.result, renewals=(token,)))


TICK = timedelta(seconds=1)
EXTRA = THIRD.plain(STAMPED.result.envelope, made.at(40))
TWO = replace(STAMPED.result, timestamps=(*STAMPED.result.timestamps, EXTRA))
TWO_RENEWED = renewed(TWO, SECOND, LATER)
THRICE = renewed(TWICE.result, THIRD, LAST + timedelta(days=1))

HOSTILE: dict[str, tuple[Callable[[], Bundle], Code]] = {
    "over another envelope": (renewal_of(STAMPED.plan), Code.E_TS_IMPRINT),
    "over the envelope alone": (
        renewal_of(replace(STAMPED.result, timestamps=())),
        Code.E_TS_IMPRINT,
    ),
    "over a token more": (renewal_of(TWO), Code.E_TS_IMPRINT),
    "over another token": (
        renewal_of(replace(STAMPED.result, timestamps=(EXTRA,))),
        Code.E_TS_IMPRINT,
    ),
    "over tokens in another order": (
        lambda: with_result(
            replace(
                TWO_RENEWED,
                timestamps=TWO_RENEWED.timestamps[::-1],
            )
        ),
        Code.E_TS_IMPRINT,
    ),
    "a token stripped since": (
        lambda: with_result(replace(TWO_RENEWED, timestamps=TWO_RENEWED.timestamps[:1])),
        Code.E_TS_IMPRINT,
    ),
    "a token added since": (
        lambda: with_result(replace(RENEWED.result, timestamps=TWO.timestamps)),
        Code.E_TS_IMPRINT,
    ),
    "every token stripped since": (
        lambda: with_result(replace(RENEWED.result, timestamps=())),
        Code.E_BUNDLE,
    ),
    "a renewal stripped from below": (
        lambda: with_result(replace(TWICE.result, renewals=TWICE.result.renewals[1:])),
        Code.E_TS_IMPRINT,
    ),
    "renewals in another order": (
        lambda: with_result(replace(TWICE.result, renewals=TWICE.result.renewals[::-1])),
        Code.E_TS_IMPRINT,
    ),
    "one renewal twice": (
        lambda: with_result(replace(RENEWED.result, renewals=RENEWED.result.renewals * 2)),
        Code.E_TS_IMPRINT,
    ),
    "the last renewal twice": (
        lambda: with_result(
            replace(TWICE.result, renewals=(*TWICE.result.renewals, TWICE.result.renewals[-1]))
        ),
        Code.E_TS_IMPRINT,
    ),
    "a renewal of the plan's": (
        lambda: with_result(replace(RENEWED.result, renewals=RENEWED.plan.renewals)),
        Code.E_TS_IMPRINT,
    ),
    "a timestamp for a renewal": (
        lambda: with_result(
            replace(STAMPED.result, renewals=(SECOND.plain(STAMPED.result.envelope, LATER),))
        ),
        Code.E_TS_IMPRINT,
    ),
    "the right bytes by SHA-256": (
        lambda: with_result(
            replace(
                STAMPED.result,
                renewals=(
                    SECOND.plain(
                        covering(STAMPED.result.envelope, STAMPED.result.timestamps), LATER
                    ),
                ),
            )
        ),
        Code.E_TS_IMPRINT,
    ),
    "a renewal for a timestamp": (
        lambda: with_result(
            replace(
                STAMPED.result,
                timestamps=(*STAMPED.result.timestamps, *RENEWED.result.renewals),
            )
        ),
        Code.E_TS_IMPRINT,
    ),
    "older than the timestamp": (
        lambda: with_result(renewed(STAMPED.result, SECOND, made.at(29))),
        Code.E_TS_WINDOW,
    ),
    "older than the renewal before": (
        lambda: with_result(renewed(RENEWED.result, THIRD, LATER - timedelta(days=1))),
        Code.E_TS_WINDOW,
    ),
    "older than a timestamp, though not than the renewal before": (
        lambda: with_result(
            renewed(renewed(TWO, SECOND, made.at(40) - 2 * TICK), THIRD, made.at(40) - 4 * TICK)
        ),
        Code.E_TS_WINDOW,
    ),
    "after the end of the certificate": (
        lambda: with_result(renewed(STAMPED.result, SECOND, AFTER)),
        Code.E_TS_WINDOW,
    ),
    "after the end of one certificate of two": (
        lambda: with_result(renewed(TWO, SECOND, AFTER)),
        Code.E_TS_WINDOW,
    ),
    "after the end of the renewal's certificate": (
        lambda: with_result(renewed(RENEWED.result, THIRD, END + timedelta(days=2001))),
        Code.E_TS_WINDOW,
    ),
    "after the end of its own certificate": (
        lambda: with_result(renewed(RENEWED.result, FIRST, AFTER)),
        Code.E_TS_WINDOW,
    ),
    "of the future": (
        lambda: with_result(renewed(TWICE.result, THIRD, TODAY + timedelta(days=1))),
        Code.E_TS_WINDOW,
    ),
    "by an unknown root": (
        lambda: with_result(renewed(STAMPED.result, Forge(), LATER)),
        Code.E_TS_CHAIN,
    ),
    "by another authority below a known root": (
        lambda: with_result(renewed(STAMPED.result, Forge(root=ROOT), LATER)),
        Code.E_TS_CHAIN,
    ),
    "with a signature that does not hold": (
        lambda: with_result(
            STAMPED.result.with_renewal(
                SECOND.renew(covered(STAMPED.result), LATER, signature_flip=True)
            )
        ),
        Code.E_TS_CHAIN,
    ),
    "granted otherwise than asked": (
        lambda: with_result(
            STAMPED.result.with_renewal(SECOND.renew(covered(STAMPED.result), LATER, status=1))
        ),
        Code.E_TS_POLICY,
    ),
    "nonsense": (
        lambda: with_result(STAMPED.result.with_renewal(b"nonsense")),
        Code.E_TS_PARSE,
    ),
    "a middle one replaced": (
        lambda: with_result(
            replace(
                THRICE,
                renewals=(
                    THRICE.renewals[0],
                    renewed(RENEWED.result, THIRD, LAST).renewals[1],
                    THRICE.renewals[2],
                ),
            )
        ),
        Code.E_TS_IMPRINT,
    ),
}
