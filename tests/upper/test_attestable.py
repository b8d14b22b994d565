"""Whatever a backend says: a run that touched anything ends in an attestation that verifies.

And what it attests is never better than what was measured. The backend is made up by
hypothesis, and keeps the contract or breaks it; everything above it is real.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import Phase as Step
from hypothesis import strategies as st

from attestations import Bundle
from attestations.destruction import Status as Attested
from backends.contract import (
    Destruction,
    Examination,
    Finding,
    Gap,
    Method,
    Order,
    Result,
    Scope,
    Technique,
    Traits,
    Unit,
    Verdict,
    Verification,
)
from backends.errors import AccessDenied, Unreachable
from shredder.errors import Inconclusive, NothingFound, Refused, Undecided
from shredder.journal import Phase
from shredder.plan import read_items
from shredder.run import execute as execute_module
from shredder.run import machine
from shredder.run.results import Status, read_results
from shredder.sealed import read_result
from tests.upper import made
from tests.upper.place import DATASET, Place, opened_as
from tests.upper.scripted import Breaks, Scripted, View, holding

execute_module._PAUSE = 0.001
_QUICK = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # fsync is not what is tested here

_EXCEPTIONS = st.sampled_from(
    [
        Unreachable("x"),
        AccessDenied("x"),
        ValueError("ann@example.org"),
        AccessDenied("x", reason="No Code"),
    ]
)
_UNIT = Unit("", "", "", "", None, "")


@st.composite
def _holdings(draw: st.DrawFn, tame: bool) -> Any:
    changes: dict[str, Any] = {
        "version": draw(st.sampled_from(["1", "2"])),
        "verdict": draw(st.sampled_from(Verdict)),
        "records": draw(made.counts),
        "foreign_records": draw(made.counts),
        "whole": draw(st.none() | st.sampled_from(Technique)),
        "partial": draw(st.none() | st.sampled_from(Technique)),
    }
    if draw(st.integers(0, 3)) == 0:
        changes |= {"retention": "object-lock", "retained_until": draw(made.moments)}
    if not tame:
        wild = {
            "retention": made.wild_codes,
            "retained_until": made.wild_moments,
            "kind": made.wild_codes,
            "limitations": st.lists(made.wild_codes, max_size=70).map(tuple),
            "obstacle": made.wild_codes,
            "records": st.sampled_from([-1, 2**60, "3", True]),
            "store": st.just("another"),
            "details": st.sampled_from([{"phase": None}, {1: 2}]),
        }
        name = draw(st.sampled_from(sorted(wild)))
        changes[name] = draw(wild[name])
    return holding(draw(st.sampled_from(["a", "b", "c\udce9", "d@x.example"])), **changes)


@st.composite
def _gaps(draw: st.DrawFn) -> Gap:
    return Gap("desk", draw(made.wild_statuses), draw(made.wild_codes), draw(made.texts))


@st.composite
def _views(draw: st.DrawFn, tame: bool) -> View:
    wild = draw(st.booleans()) and not tame
    entry: st.SearchStrategy[Any] = st.lists(_holdings(not wild), max_size=3)
    if wild:
        entry |= _EXCEPTIONS | _EXCEPTIONS.map(Breaks) | _gaps()
        entry |= st.builds(
            lambda found, gap: Examination(_UNIT, tuple(found), gap),
            st.lists(_holdings(tame=True), max_size=1),
            _gaps(),
        )
    names = draw(st.lists(st.sampled_from(["desk", "shelf", "*", "e@x.example"]), min_size=1))
    scopes: Any = [Scope(name) for name in names]
    if wild:
        problem = st.just("") | made.wild_codes
        scopes = [Scope(n, draw(made.wild_labels), draw(problem)) for n in names]
        scopes = draw(st.just(scopes) | st.just([]) | _EXCEPTIONS)
    return View(
        scopes=scopes,
        units={name: draw(st.lists(entry, max_size=4)) for name in names},
        companions=draw(
            st.lists(_holdings(not wild) | _EXCEPTIONS if wild else _holdings(True), max_size=1)
        ),
    )


@st.composite
def _destructions(draw: st.DrawFn) -> Any:
    if draw(st.integers(0, 9)) == 0:
        return draw(_EXCEPTIONS | st.none())
    wild = draw(st.booleans())
    codes = made.wild_codes if wild else made.words
    return Destruction(
        draw(st.just("ID") | st.just("other")) if wild else "ID",
        draw(st.sampled_from([*Result, *([Result.DESTROYED] * 4)])),
        draw(st.sampled_from(Method)),
        reason=draw(st.just("") | codes),
        until=draw(made.wild_moments if wild else made.moments),
        limitations=tuple(draw(st.lists(codes, max_size=3))),
        numbers=draw(made.wild_numbers if wild else st.just({})),
        erasure=draw(made.wild_erasures if wild else made.erasures),
    )


@st.composite
def _verifications(draw: st.DrawFn) -> Any:
    if draw(st.integers(0, 9)) == 0:
        return draw(_EXCEPTIONS | st.none())
    wild = draw(st.booleans())
    return Verification(
        draw(st.just("ID") | st.just("other")) if wild else "ID",
        draw(st.sampled_from([*Finding, Finding.ABSENT])),
        tuple(draw(st.lists(made.wild_codes if wild else made.words, max_size=3))),
        draw(st.just("") | (made.wild_codes if wild else made.words)),
        draw(made.wild_numbers if wild else st.just({})),
    )


def _to(order: Order, answer: Any) -> Any:
    if isinstance(answer, Destruction | Verification) and answer.order == "ID":
        object.__setattr__(answer, "order", order.id)
    return answer


@settings(
    max_examples=100,
    phases=(Step.reuse, Step.generate),  # to shrink a whole run takes minutes
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def test_a_run_that_touched_anything_is_attested_and_no_better_than_measured(
    data: st.DataObject,
) -> None:
    tame = data.draw(st.booleans(), label="tame first sweep")
    options = data.draw(made.options(), label="options")
    store = Scripted(
        data.draw(_views(tame), label="before"),
        data.draw(_views(tame=False), label="after"),
        identity="scripted:1" if tame else data.draw(made.wild_labels, label="identity"),
        traits=Traits(
            data.draw(st.integers(0, 3)), data.draw(st.integers(0, 2)), frozenset(),
            tuple(data.draw(st.lists(made.wild_codes, max_size=3))),
        ),
        destroy=lambda order: _to(order, data.draw(_destructions(), label="destroy")),
        verify=lambda order: _to(order, data.draw(_verifications(), label="verify")),
    )  # fmt: skip
    taken_out = data.draw(st.booleans(), label="taken out of the configuration in mid-run")
    with tempfile.TemporaryDirectory(dir=_QUICK) as folder:
        place = Place(Path(folder), ("mem", "other"))
        for space in place.spaces.values():
            space.put("desk", "x", b"nothing\n")
        try:
            with opened_as({"mem": store}):
                _run(place, store, options, taken_out)
        finally:
            place.close()


def _run(place: Place, store: Scripted, options: Any, taken_out: bool) -> None:
    run = place.plan(options)
    try:
        known = place.journal.run(run)
        if known.phase is Phase.PLANNED:
            place.drive_to(run, Phase.ANNOUNCED)
    except (Inconclusive, Refused, Undecided, NothingFound) as refusal:
        note(f"refused: {refusal}")
        assert store.ordered == [], "refused, and yet touched"
        event(f"refused: {type(refusal).__name__}")
        return
    if known.phase is Phase.NOTHING:
        assert store.ordered == []
        return
    place.drive_to(run, Phase.EXECUTED)
    if taken_out:
        place.configure(without="mem")
    ended = machine.drive(place.work, run, place.clerk)
    assert ended.phase is Phase.ATTESTED
    outcome = place.outcome(ended)
    event(f"attested: {outcome}")
    _no_better_than_measured(place, store, run)
    if outcome == "complete":
        assert not taken_out
        assert {r.status for r in read_results(place.work, run)} <= {
            Status.VERIFIED,
            Status.DISMISSED,
        }


def _no_better_than_measured(place: Place, store: Scripted, run: str) -> None:
    """Against what the made-up backend said, not against what shredder wrote down."""
    results = {each.id: each for each in read_results(place.work, run)}
    for item in read_items(place.work.plan_file(run)):
        came = results[item.id]
        if came.status not in {Status.VERIFIED, Status.UNVERIFIED, Status.PENDING}:
            continue
        said = store.answered[item.id]
        assert isinstance(said, Destruction)
        gone = {Result.DESTROYED, Result.ALREADY_ABSENT}
        assert said.result in (gone if came.status is not Status.PENDING else {Result.PENDING})
        if came.status is Status.VERIFIED:
            seen = store.verified[item.id]
            assert isinstance(seen, Verification)
            assert seen.finding is Finding.ABSENT
            assert seen.looked
    attested = Counter[str]()
    statement = read_result(Bundle.load(place.bundle(place.journal.run(run))).result)
    for target in statement.targets:
        attested[target.status.value] += target.holdings
    told = Counter(each.status.value for each in results.values())
    for status in (Attested.DESTROYED_VERIFIED, Attested.DESTROYED_UNVERIFIED, Attested.PENDING):
        assert told[status.value] == attested[status.value]
    assert statement.dataset.label == DATASET
