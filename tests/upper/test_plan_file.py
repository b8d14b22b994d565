"""The plan file: what is read is what was written, and what was changed is not carried out."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shredder.errors import Refused
from shredder.journal import Phase
from shredder.plan import (  # fmt: skip
    Header,
    Item,
    digest_of,
    dump_options,
    load_options,
    read_header,
    read_items,
    to_destroy,
    write_plan,
)
from shredder.plan.codec import dump_header, dump_item, parse_header, parse_item
from shredder.plan.model import Decision, Options
from tests.upper import made
from tests.upper.place import Place, foreign, rows


@given(made.items())
def test_an_item_reads_back(item: Item) -> None:
    assert parse_item(dump_item(item)) == item


@given(made.headers())
def test_a_header_reads_back(header: Header) -> None:
    assert parse_header(dump_header(header)) == header


@given(made.options())
def test_options_read_back(options: Options) -> None:
    assert load_options(dump_options(options)) == options


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for parse in (parse_header, parse_item):
        with pytest.raises(Refused):
            parse(content)


def test_options_that_are_none_are_refused() -> None:
    for fields in ({}, {"mixed": "leave"}, dump_options(Options()) | {"mixed": "all"}):
        with pytest.raises(Refused):
            load_options(fields)


@given(st.data())
def test_a_header_of_another_format_is_refused(data: st.DataObject) -> None:
    line = dump_header(data.draw(made.headers()))
    with pytest.raises(Refused):
        parse_header(line.replace(b"shredder-plan/1", b"shredder-plan/2"))


def planned(place: Place) -> tuple[str, Path]:
    place.space.put("desk", "survey.csv", rows(0, 1, 2))
    place.space.put("desk", "mixed.csv", rows(3) + foreign(1))
    run = place.plan()
    return run, place.work.plan_file(run)


def test_the_file_holds_what_was_planned_and_is_private(place: Place) -> None:
    run, path = planned(place)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_header(path).run == run
    assert [item.holding.locator for item in read_items(path)] == [
        "desk/mixed.csv", "desk/survey.csv",
    ]  # fmt: skip
    assert len(list(to_destroy(path))) == 2
    assert digest_of(path) == place.journal.run(run).facts["plan_digest"]


def test_the_digest_is_of_the_bytes_of_the_file(place: Place, tmp_path: Path) -> None:
    run, path = planned(place)
    again = write_plan(tmp_path / "again", read_header(path), read_items(path))
    assert again == digest_of(path)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    del run


def test_a_plan_that_differs_in_one_byte_is_not_carried_out(place: Place) -> None:
    """Flipped, cut off, added: at every place of the file, for every approval."""
    run, path = planned(place)
    whole = path.read_bytes()
    step = max(1, len(whole) // 60)
    changed = [
        whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1 :] for n in range(0, len(whole), step)
    ]
    changed += [whole[:n] for n in range(0, len(whole), step)]
    lines = whole.splitlines(keepends=True)
    changed += [
        whole + b"\n",
        whole + lines[-1],
        b"".join(lines[:-1]),
        lines[0] + lines[2] + lines[1],
    ]
    before = place.space.contents()
    for content in changed:
        path.write_bytes(content)
        with pytest.raises(Refused, match="changed since it was made"):
            place.drive(run)
    assert place.space.contents() == before
    path.write_bytes(whole)
    assert place.drive(run).phase is Phase.ATTESTED


@pytest.mark.parametrize("phase", [Phase.APPROVED, Phase.ANNOUNCED, Phase.EXECUTED, Phase.VERIFIED])
def test_a_plan_that_changes_later_stops_the_run_there(place: Place, phase: Phase) -> None:
    run, path = planned(place)
    place.drive_to(run, phase)
    before = place.space.contents()
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"decision":"destroy"', b'"decision":"retained"', 1))
    with pytest.raises(Refused, match="changed since it was made") as refusal:
        place.drive(run)
    assert ("nothing was touched" in refusal.value.message) == phase.untouched
    assert place.space.contents() == before
    path.write_bytes(whole)
    assert place.drive(run).facts["outcome"] == "complete"


def test_decisions_come_with_every_item(place: Place) -> None:
    _, path = planned(place)
    assert {item.decision for item in read_items(path)} == {Decision.DESTROY}
