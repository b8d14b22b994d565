"""Something that was left to a key can be opened after its end: nothing then is called gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backends.contract import Destruction, Holding, Result
from shredder import report
from shredder.errors import Inconclusive
from shredder.journal import Run
from shredder.keystores import file as file_module
from shredder.plan import Options, Sealed
from tests.upper.place import Place, opened_as
from tests.upper.scripted import Scripted, View
from tests.upper.test_keyed import Desk, sealed, shut

BY_KEY = Options(sealed=Sealed.BY_KEY)


@pytest.fixture
def desk(two: Place, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Keys are overwritten where they lie, whatever file system the tests are run on."""
    monkeypatch.setattr(file_module, "_in_place", lambda record: True)
    monkeypatch.setattr(file_module.FileKeyStore, "_ground", lambda *_, **__: ())
    return Desk(two)


def run(desk: Desk, found: list[Holding], again: list[Any], **scripted: Any) -> Run:
    views = View(units={"desk": [found]}), View(units={"desk": again})
    with opened_as({"right": Scripted(*views, name="right", **scripted)}):
        return desk.place.destroy(BY_KEY)


def appeared(desk: Desk, ended: Run) -> list[str]:
    """The versions of what the second sweep found and no plan has."""
    return [each["version"] for each in report.run_json(desk.place.work, ended)["appeared"]]


@pytest.mark.parametrize("version", ["1", "touched"])
def test_what_is_opened_holds_against_its_key_and_all_that_ended_with_it(
    desk: Desk, version: str
) -> None:
    desk.make()
    found = [sealed(), sealed(locator="unit-1", kind="other")]
    ended = run(desk, found, [[replace(found[0], version=version)], shut()])
    came = desk.results(ended)
    for kind in ("key", "object", "other"):
        assert (came[kind].status, came[kind].reason, came[kind].method) == (
            "failed", "residue", None,
        )  # fmt: skip
        erasure = desk.erasures(ended)[kind]
        assert erasure is not None
        assert erasure.keys_destroyed == 0
    assert appeared(desk, ended) == []
    assert report.exit_code(desk.place.work, ended) == 7
    assert desk.place.outcome(ended) == "failed"


def test_another_version_beside_a_key_that_lives_is_only_in_no_plan(desk: Desk) -> None:
    desk.make()
    found = [sealed(), sealed(locator="b", kind="in-part", sealed=False)]
    ended = run(
        desk,
        found,
        [[replace(found[0], version="touched")]],
        destroy=lambda order: Destruction(order.id, Result.FAILED, reason="busy"),
    )
    assert desk.results(ended)["key"].reason == "sealed-holdings-left"
    assert appeared(desk, ended) == ["touched"]


def test_what_is_shut_after_something_was_opened_is_a_gap(desk: Desk) -> None:
    """Whoever opened it has a key that nobody knows of."""
    desk.make()
    run(desk, [sealed()], [[sealed()]])
    closed = Scripted(View(units={"desk": [shut()]}), name="right")
    with opened_as({"right": closed}), pytest.raises(Inconclusive):
        desk.place.destroy(BY_KEY)
