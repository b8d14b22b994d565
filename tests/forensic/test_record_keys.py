"""Destroyed keys of records: nothing in the raw image opens their values, and all others open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.contract import Finding
from backends.sealedvalue import Cell, RecordDestroyed, Values, tree_opened
from shredder import durable
from shredder.sealing import records as module
from shredder.sealing.records import RecordKeys
from tests.forensic.images import KINDS, Image, canary, mounted
from tests.forensic.test_keys import Desk, in_image

pytestmark = [pytest.mark.needs("root", "loop")]

RECORDS = 20_000
GONE = 1000
CELL = Cell("answers", "mail", "1")


@pytest.fixture(params=["ext4", pytest.param("xfs", marks=pytest.mark.needs("xfs"))])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Image]:
    with mounted(KINDS[request.param], tmp_path) as made:
        yield made


def test_some_records_go_and_the_rest_stays(image: Image) -> None:
    desk = Desk(image)
    record, key = desk.made()
    keys = RecordKeys(desk.store, desk.state.key_trees, record)
    assert keys.make()
    first = keys.key
    with desk.store.using(first) as given:
        old = bytes(given)
    tree = keys.tree(bytearray(key))
    assert tree is not None
    root = bytes(tree.packed())[9:]
    with Values(key, tree) as values:
        sealed = [values.seal(canary(7, n), CELL, record=f"respondent {n}") for n in range(RECORDS)]
    durable.write(image.place / "values", sealed)
    before = (desk.state.key_trees / "survey").read_bytes()
    assert in_image(image, old) == {"raw": 2}, "what the test looks for is there before"

    done = keys.destroy(f"respondent {n}" for n in range(GONE))
    assert (done.records, done.before, done.key.in_place) == (GONE, 0, True)
    assert done.finding.finding is Finding.ABSENT
    tree = keys.tree(bytearray(key))
    assert tree is not None
    opened = 0
    with Values(key, tree) as values:
        for number, data in enumerate(sealed):
            try:
                assert values.open(data, CELL) == canary(7, number)
            except RecordDestroyed:
                assert number < GONE
                continue
            opened += 1
    assert opened == RECORDS - GONE
    image.unmount()
    assert in_image(image, old) == in_image(image, root) == {}
    assert image.canaries() == {}
    raw = image.file.read_bytes()
    assert sealed[0] in raw, "what was sealed is all still there"
    assert sealed[-1] in raw
    # It is that key that counts: with it, any copy of the old file would give everything.
    header, body = before[: module._HEADER], before[module._HEADER :]
    assert tree_opened(key, old, body, header).packed()[9:] == root
