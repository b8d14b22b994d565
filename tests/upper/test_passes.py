"""A plan may have a million lines: how often each is read in a run is counted, and few."""

from __future__ import annotations

from collections import Counter

import pytest

from backends.contract import Technique, Verdict
from shredder import report
from shredder.plan import Item
from shredder.plan import file as file_module
from shredder.plan.codec import parse_item
from tests.upper.place import Place, opened_as, rows
from tests.upper.scripted import Scripted, View, holding

# For the statement, the orders, the looking for residue, the results, and their statement.
MOST = 5


def test_a_line_of_the_plan_is_read_for_what_is_done_with_it_and_no_more(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        place.space.put("desk", f"survey-{number}.csv", rows(number))
    read = Counter[str]()

    def counted(line: bytes) -> Item:
        item = parse_item(line)
        read[item.id] += 1
        return item

    monkeypatch.setattr(file_module, "parse_item", counted)
    made = place.plan()
    assert read == {}, "what is counted of it is counted as it is written"
    ended = place.drive(made)
    assert report.exit_code(place.work, ended) == 0
    assert len(read) == 3
    assert set(read.values()) == {MOST}


def test_what_was_counted_is_what_the_plan_decides(place: Place) -> None:
    found = [
        holding("a"),
        holding("b", verdict=Verdict.MAYBE),
        holding("c", retention="object-lock", retained_until="2099-01-01T00:00:00Z"),
        holding("d", whole=Technique.RECYCLE_WAL, partial=None),
    ]
    with opened_as({"mem": Scripted(View(units={"desk": [found]}))}):
        made = place.plan()
    facts = place.journal.run(made).facts
    assert facts["decisions"] == {"destroy": 2, "undecided": 1, "retained": 1}
    assert facts["stages"] == {"0": 1, "1": 1}
