"""The ledger: what was examined is not read again, and nothing else is ever skipped."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.contract import CoverageStatus, Examination, Gap, Scope, Traits, Unit
from backends.errors import Unreachable
from backends.memory import MemoryStore, Space, register
from backends.reference import ReferenceMatcher
from shredder.sweep import Ledger, Means
from tests.upper.kept import Kept, kept
from tests.upper.place import IDS, foreign, rows
from tests.upper.scripted import Breaks, Scripted, View, holding

MATCHER = ReferenceMatcher(IDS)
CONTEXT = ("code-1", "library 2.0")


def swept(
    folder: Path,
    store: Any,
    *,
    full: bool = False,
    context: tuple[str, ...] = CONTEXT,
    matcher: ReferenceMatcher = MATCHER,
    settings: str = "as configured",
) -> Kept:
    with Ledger(folder / "sweeps" / "survey.sqlite", matcher, context) as ledger:
        means = Means(ledger=ledger, full=full, settings={store.name: settings})
        return kept({store.name: store}, matcher, means=means)


def unchanged(found: Kept) -> int:
    assert all(c.listed and c.unchanged <= c.examined for c in found.coverage)
    return sum(c.unchanged for c in found.coverage)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Space:
    made = Space(f"ledger-{request.node.name}")
    register(made)
    for n in range(6):
        made.put("desk", f"{n}.csv", foreign(n))
    made.put("desk", "ours.csv", rows(1, 2))
    return made


def store_of(place: Space) -> MemoryStore:
    return MemoryStore("mem", place.name)


def test_a_second_sweep_reads_only_what_held_something(place: Space, tmp_path: Path) -> None:
    first, second = (swept(tmp_path, store_of(place)) for _ in range(2))
    assert (unchanged(first), unchanged(second)) == (0, 6)
    assert [h.locator for h in second.holdings] == ["desk/ours.csv"]
    assert second.coverage[0].examined == first.coverage[0].examined == 7
    assert second.bytes_read == len(rows(1, 2))


def test_what_was_altered_is_read_again_and_found(place: Space, tmp_path: Path) -> None:
    swept(tmp_path, store_of(place))
    place.put("desk", "3.csv", rows(3))
    found = swept(tmp_path, store_of(place))
    assert unchanged(found) == 5
    assert [h.locator for h in found.holdings] == ["desk/3.csv", "desk/ours.csv"]


def test_a_full_sweep_reads_everything(place: Space, tmp_path: Path) -> None:
    swept(tmp_path, store_of(place))
    assert unchanged(swept(tmp_path, store_of(place), full=True)) == 0
    assert unchanged(swept(tmp_path, store_of(place))) == 6


@pytest.mark.parametrize(
    "other",
    [
        {"context": ("code-2", "library 2.0")},
        {"context": ("code-1library 2.0",)},
        {"matcher": ReferenceMatcher(IDS[:4])},
        {"settings": "otherwise"},
    ],
)
def test_another_question_is_asked_anew(
    place: Space, tmp_path: Path, other: dict[str, Any]
) -> None:
    swept(tmp_path, store_of(place))
    assert unchanged(swept(tmp_path, store_of(place), **other)) == 0


def test_another_store_scope_kind_or_version_is_another_unit(tmp_path: Path) -> None:
    unit = Unit("desk", "desk/a", "1", "file", 3, "a", "s1")
    with Ledger(tmp_path / "sweeps" / "l.sqlite", MATCHER) as ledger:
        said = [
            ledger.digest("mem", "id", "", unit),
            ledger.digest("mem2", "id", "", unit),
            ledger.digest("mem", "id2", "", unit),
            ledger.digest("mem", "id", "x", unit),
            *(
                ledger.digest("mem", "id", "", other)
                for other in (
                    replace(unit, scope="desks"), replace(unit, locator="desk/b"),
                    replace(unit, version="2"), replace(unit, kind="table"),
                    replace(unit, state="s2"),
                )
            ),
        ]  # fmt: skip
        assert len(set(said)) == len(said)
        ledger.add(said[0])
    with Ledger(tmp_path / "sweeps" / "l.sqlite", MATCHER) as ledger:
        assert [ledger.knows(each) for each in said] == [True] + [False] * (len(said) - 1)


def test_a_unit_without_a_state_is_always_read(tmp_path: Path) -> None:
    store = Scripted(View(units={"desk": [[], [], []]}))  # it tells no states
    for _ in range(2):
        found = swept(tmp_path, store)
        assert (unchanged(found), found.coverage[0].examined) == (0, 3)


class Stated(Scripted):
    """A made-up store that tells states, and says of each unit what glancing gives."""

    glances: Any = True

    def units(self, scope: str, after: str = "") -> Any:
        for entry in super().units(scope, after):
            yield replace(entry, state="as it was") if isinstance(entry, Unit) else entry

    def glance(self, unit: Unit, matcher: object) -> bool:
        if isinstance(self.glances, Exception):
            raise self.glances
        return bool(self.glances)


def test_gaps_and_holdings_are_never_skipped(tmp_path: Path) -> None:
    unit = Unit("desk", "unit-1", "1", "bytes", 1, "0001")
    gap = Gap("desk", CoverageStatus.FAILED, "encrypted", "unit-1")
    view = View(units={"desk": [[], Examination(unit, gap=gap), [holding("c")], OSError("no")]})
    for skipped in (0, 1):
        found = swept(tmp_path, Stated(view))
        (coverage,) = found.coverage
        assert (coverage.unchanged, coverage.examined, coverage.failed) == (skipped, 2, 2)
        assert len(found.holdings) == 1


@pytest.mark.parametrize(("said", "skipped"), [(True, 2), (False, 0)])
def test_a_glance_decides_about_what_the_state_does_not_cover(
    tmp_path: Path, said: bool, skipped: int
) -> None:
    store = Stated(View(units={"desk": [[], []]}))
    swept(tmp_path, store)
    store.glances = said
    assert unchanged(swept(tmp_path, store)) == skipped


def test_a_glance_that_is_refused_makes_a_gap(tmp_path: Path) -> None:
    store = Stated(View(units={"desk": [[], []]}))
    swept(tmp_path, store)
    store.glances = Unreachable("gone")
    (coverage,) = swept(tmp_path, store).coverage
    assert (coverage.examined, coverage.unreachable) == (0, 2)


def test_a_sweep_that_was_broken_off_goes_on_from_there(tmp_path: Path) -> None:
    traits = Traits(1, 1, frozenset(), ())
    view = View(units={"desk": [[] for _ in range(40)]})

    def interrupted(unit: Unit) -> Examination:
        if unit.cursor == "0030":
            raise KeyboardInterrupt
        return Examination(unit)

    with pytest.raises(KeyboardInterrupt):
        swept(tmp_path, Stated(replace_examine(view, interrupted), traits=traits))
    found = swept(tmp_path, Stated(view, traits=traits))
    assert (unchanged(found), found.coverage[0].examined) == (30, 40)


def replace_examine(view: View, examine: Any) -> View:
    return View(view.scopes, view.units, view.companions, examine)


def test_units_that_are_gone_are_forgotten_after_a_whole_listing_only(tmp_path: Path) -> None:
    def remembered() -> int:
        with sqlite3.connect(tmp_path / "sweeps" / "survey.sqlite") as db:
            ((number,),) = db.execute("SELECT count(*) FROM examined")
        db.close()
        return int(number)

    ten: list[Any] = [[] for _ in range(10)]
    swept(tmp_path, Stated(View(units={"desk": ten})))
    assert remembered() == 10
    swept(tmp_path, Stated(View(units={"desk": [*ten[:4], Breaks(Unreachable("no"))]})))
    assert remembered() == 10
    swept(tmp_path, Stated(View(scopes=(Scope("desk", problem="access-denied"),))))
    assert remembered() == 10
    swept(tmp_path, Stated(View(units={"desk": ten[:4]})))
    assert remembered() == 4


def test_a_damaged_file_is_made_anew(place: Space, tmp_path: Path) -> None:
    swept(tmp_path, store_of(place))
    path = tmp_path / "sweeps" / "survey.sqlite"
    path.write_bytes(b"no database" * 100)
    assert unchanged(swept(tmp_path, store_of(place))) == 0
    assert unchanged(swept(tmp_path, store_of(place))) == 6


def test_a_file_that_cannot_be_used_only_costs_time(place: Space, tmp_path: Path) -> None:
    swept(tmp_path, store_of(place))
    path = tmp_path / "sweeps" / "survey.sqlite"
    db = sqlite3.connect(path)
    db.execute("BEGIN EXCLUSIVE")
    found = swept(tmp_path, store_of(place))
    db.close()
    assert (unchanged(found), len(found.holdings), found.coverage[0].examined) == (0, 1, 7)


def test_the_file_is_private_and_tells_nothing(place: Space, tmp_path: Path) -> None:
    swept(tmp_path, store_of(place))
    path = tmp_path / "sweeps" / "survey.sqlite"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    content = path.read_bytes()
    for word in (b"desk", b"csv", b"mem", b"ledger-", b"stranger", b"respondent", b"code-1"):
        assert word not in content
