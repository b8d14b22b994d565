"""Strategies: made-up holdings, decisions, answers; and what a third party's backend may say."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from backends.contract import (
    Cost,
    CoverageStatus,
    Destruction,
    Finding,
    Holding,
    KeyErasure,
    Known,
    Method,
    Result,
    Technique,
    Verdict,
    Verification,
)
from shredder.plan import Decision, Header, Item, Mixed, Options
from shredder.run.results import Outcome, Status
from shredder.sweep import ScopeCoverage

# Text as locators may be: anything, also what is not UTF-8 (surrogate escapes).
texts = st.text(max_size=30) | st.just("caf\udce9.csv") | st.just("a\nb\x1b[31m")
words = st.sampled_from(["locked", "mixed", "no-technique", "object-lock", "other", "residue"])
counts = st.none() | st.integers(0, 3) | st.integers(0, 2**40)
moments = st.sampled_from(["", "2031-01-31T00:00:00.000000Z", "2029-06-01T12:00:00.250000Z"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


_known = st.sampled_from(Known)
erasures = st.none() | st.builds(
    KeyErasure,
    _known, _known, _known,
    strength_bits=st.sampled_from([0, 127, 128, 256]),
    entropy_bits=st.sampled_from([0, 127, 128, 256]),
    keys=st.integers(1, 3),
    destroyed=st.sampled_from([1, 1, 1, 0]),
)  # fmt: skip


@st.composite
def holdings(draw: st.DrawFn, store: str = "mem") -> Holding:
    """A holding that keeps the contract."""
    until = draw(moments)
    whole = draw(st.none() | st.sampled_from(Technique))
    residue = whole is not None and whole.stage > 0
    ordinary = st.sampled_from([each for each in Technique if not each.stage])
    return Holding(
        store=store,
        scope=draw(texts),
        locator=draw(texts),
        version=draw(texts),
        kind=draw(st.sampled_from(["file", "table", "bytes"])),
        verdict=draw(st.sampled_from(Verdict)),
        records=draw(counts),
        foreign_records=draw(counts),
        size=draw(counts),
        whole=whole,
        partial=None if residue else draw(st.none() | ordinary),
        obstacle=draw(st.just("") | words),
        retained_until=until,
        retention=draw(words) if until else draw(st.just("") | words),
        limitations=tuple(sorted(draw(st.sets(words)))),
        details=draw(st.dictionaries(texts, st.integers() | texts, max_size=3)),
        cost=draw(st.none() | st.builds(Cost, st.booleans(), counts, counts)),
        sealed=draw(st.booleans()),
    )


@st.composite
def options(draw: st.DrawFn) -> Options:
    """Any decisions of an operator's, also contradictory ones."""
    undecided = st.sampled_from([Verdict.LIKELY, Verdict.MAYBE])
    return Options(
        include=frozenset(draw(st.sets(undecided))),
        dismiss=frozenset(draw(st.sets(undecided))),
        mixed=draw(st.sampled_from(Mixed)),
        despite_gaps=draw(st.booleans()),
    )


@st.composite
def items(draw: st.DrawFn) -> Item:
    """Any line of a plan."""
    return Item(
        id=draw(texts),
        holding=draw(holdings()),
        decision=draw(st.sampled_from(Decision)),
        technique=draw(st.none() | st.sampled_from(Technique)),
        whole=draw(st.booleans()),
        reason=draw(texts),
    )


@st.composite
def headers(draw: st.DrawFn) -> Header:
    """Any header of a plan."""
    number = st.integers(0, 2**40)
    coverage = st.builds(
        ScopeCoverage,
        store=texts, identity=texts, scope=texts, listed=st.booleans(),
        examined=number, failed=number, unreachable=number, excluded=number,
        reasons=st.lists(st.tuples(words, number), max_size=3).map(tuple), as_of=texts,
    )  # fmt: skip
    return Header(
        run=draw(texts),
        dataset=draw(texts),
        created=draw(moments),
        fingerprint=draw(texts),
        matcher_version=draw(texts),
        records_enrolled=draw(number),
        records_recognisable=draw(number),
        options=draw(options()),
        coverage=tuple(draw(st.lists(coverage, max_size=3))),
        found=draw(st.dictionaries(texts, number, max_size=3)),
        blind_spots=draw(st.dictionaries(texts, st.lists(words).map(tuple), max_size=3)),
        started=draw(moments),
        finished=draw(moments),
    )


@st.composite
def destructions(draw: st.DrawFn, order: str = "o") -> Destruction:
    """An answer that keeps the contract."""
    return Destruction(
        order=order,
        result=draw(st.sampled_from(Result)),
        method=draw(st.sampled_from(Method)),
        reason=draw(st.just("") | words),
        until=draw(moments),
        limitations=tuple(sorted(draw(st.sets(words)))),
        numbers=draw(st.dictionaries(words, st.integers(0, 9), max_size=3)),
        erasure=draw(erasures),
    )


@st.composite
def verifications(draw: st.DrawFn, order: str = "o") -> Verification:
    """An answer that keeps the contract."""
    return Verification(
        order=order,
        finding=draw(st.sampled_from(Finding)),
        looked=tuple(sorted(draw(st.sets(words, min_size=1)))),
        reason=draw(st.just("") | words),
        numbers=draw(st.dictionaries(words, st.integers(0, 9), max_size=3)),
    )


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    """Any line of results."""
    return Outcome(
        id=draw(texts),
        store=draw(texts),
        status=draw(st.sampled_from(Status)),
        reason=draw(texts),
        technique=draw(st.none() | st.sampled_from(Technique)),
        method=draw(st.none() | st.sampled_from(Method)),
        until=draw(moments),
        limitations=tuple(draw(st.lists(words, max_size=3))),
        numbers=draw(st.dictionaries(words, st.integers(0, 9), max_size=3)),
        finding=draw(st.none() | st.sampled_from(Finding)),
        looked=tuple(draw(st.lists(words, max_size=3))),
        residue=draw(st.dictionaries(words, st.integers(0, 9), max_size=3)),
        erasure=draw(erasures),
    )


# --- what a backend may say that does not keep the contract ---

_WORDS = ["fine", "locked", "other", "residue", "", "No Code", "ann@example.org", "x" * 65]
wild_codes: st.SearchStrategy[Any] = st.sampled_from([*_WORDS, "\udce9", 7, None])
wild_numbers: st.SearchStrategy[Any] = st.dictionaries(
    st.sampled_from(["bytes", "rows", "Two Words"]),
    st.sampled_from([0, 1, -1, 2**53, 2**70, True, 1.5, "many"]),
    max_size=3,
)
_MOMENTS = ("2031-01-31T00:00:00Z", "2031-01-31T02:00:00+02:00", "2031-01-31T00:00:00.5Z")
wild_moments: st.SearchStrategy[Any] = st.sampled_from(
    [*_MOMENTS, "", "soon", "2031-01-31", "2031-01-31T00:00:00", "0001-01-01T00:00:00+14:00", None]
)
wild_labels: st.SearchStrategy[Any] = st.sampled_from(
    [
        "memory:1",
        "",
        "x" * 500,
        "ops@example.org",
        "\udce9",
        "a\nb",
        "http://me@host.example/",
        None,
    ]
)
wild_statuses: st.SearchStrategy[Any] = st.sampled_from([*CoverageStatus, "gone"])
wild_erasures: st.SearchStrategy[Any] = erasures | st.sampled_from(
    [
        "all of them",
        KeyErasure(keys=0),
        KeyErasure(destroyed=2),
        KeyErasure(keys=-1),
        KeyErasure(strength_bits=5000),
        KeyErasure(ever_in_clear="perhaps"),  # type: ignore[arg-type]
        KeyErasure(destroyed=True),
    ]
)
