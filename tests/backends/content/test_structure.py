"""JSON and XML: a record ends where its brackets or tags do, in one line or in many."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backends.content.wrapping import IDS, read

Rows = list[dict[str, Any]]

OURS: Rows = [
    {"id": id_, "told": {"at": [1, 2], "said": f'a "{n}", {{b}} \\'}} for n, id_ in enumerate(IDS)
]
OTHERS: Rows = [{"id": f"elsewhere{n}", "told": {"at": [], "said": "]}"}} for n in range(30)]


def xml(rows: Rows, *, indent: bool, attributes: bool = False) -> bytes:
    root = ET.Element("export")
    for row in rows:
        element = ET.SubElement(root, "row", {"id": row["id"]} if attributes else {})
        if not attributes:
            ET.SubElement(element, "id").text = row["id"]
            for value in ("x", "y"):
                ET.SubElement(element, "answer").text = value
    if indent:
        ET.indent(root)
    file = io.BytesIO()
    ET.ElementTree(root).write(file, "utf-8", xml_declaration=True)
    return file.getvalue()


WRITERS: dict[str, Callable[[Rows], bytes]] = {
    "array": lambda rows: json.dumps(rows).encode(),
    "array-compact": lambda rows: json.dumps(rows, separators=(",", ":")).encode(),
    "array-indented": lambda rows: json.dumps(rows, indent=2).encode(),
    "array-of-arrays": lambda rows: json.dumps([[r["id"], r["told"]] for r in rows]).encode(),
    "array-in-object": lambda rows: json.dumps({"total": 230, "rows": rows}).encode(),
    "array-deep-inside": lambda rows: json.dumps({"data": {"rows": rows}}, indent=4).encode(),
    "by-key": lambda rows: json.dumps({str(n): row for n, row in enumerate(rows)}).encode(),
    "lines": lambda rows: "".join(json.dumps(row) + "\n" for row in rows).encode(),
    "objects-indented": lambda rows: "".join(json.dumps(r, indent=1) + "\n" for r in rows).encode(),
    "xml": lambda rows: xml(rows, indent=False),
    "xml-indented": lambda rows: xml(rows, indent=True),
    "xml-attributes": lambda rows: xml(rows, indent=False, attributes=True),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("step", [97, 1 << 20])
def test_every_record_is_one_window(writer: str, step: int) -> None:
    write = WRITERS[writer]
    mixed = read(write(OURS + OTHERS), step=step)
    assert (200, 200, 30) == (mixed.evidence.matched, mixed.evidence.records, mixed.foreign_records)
    pure = read(write(OURS), step=step)
    assert (200, 0) == (pure.evidence.matched, pure.foreign_records)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("order", ["o", "ofofof", "oof", "fo", "foofo"])
@pytest.mark.parametrize("lost", ["end", "beginning"])
def test_a_text_that_was_cut_off_is_examined_and_its_others_are_counted(
    writer: str, order: str, lost: str
) -> None:
    """At every place: what is whole is found, and no other is taken for the dataset's."""
    ours, others = iter(OURS), iter(OTHERS)
    rows = [next(ours if kind == "o" else others) for kind in order]
    whole = WRITERS[writer](rows)
    for cut in range(1, len(whole), 1 if len(order) < 4 else 3):
        data = whole[:cut] if lost == "end" else whole[cut:]
        reading = read(data)
        there = sum(row["id"].encode() in data for row in rows if row["id"] in IDS)
        strangers = len(set(re.findall(rb"elsewhere[0-9]+", data)))
        assert ("", there) == (reading.reason, reading.evidence.records), cut
        assert reading.foreign_records is None or reading.foreign_records >= strangers, cut


@pytest.mark.parametrize("writer", WRITERS)
def test_records_astride_blocks_are_whole(writer: str) -> None:
    """Three blocks of records, of 100 to 3000 bytes each."""
    padded = [{**row, "told": {"pad": "p" * (n * 37 % 2900), "said": row["told"]["said"]}}
              for n, row in enumerate((OURS + OTHERS) * 9)]  # fmt: skip
    data = WRITERS[writer](padded)
    reading = read(data, step=70_001)
    assert (1800, 270) == (reading.evidence.matched, reading.foreign_records)


def test_a_small_object_of_many_lines_is_one_record() -> None:
    reading = read(
        json.dumps({"id": IDS[0], "said": {"a": 1}, "then": {"b": 2}}, indent=2).encode()
    )
    assert (1, 1, 0) == (
        reading.evidence.windows,
        reading.evidence.records,
        reading.foreign_records,
    )


def test_rows_of_a_page_are_records() -> None:
    cells = "".join(f"<TR><TD>{id_}<TD>yes<br></TR>" for id_ in [*IDS, "elsewhere1"])
    reading = read(f"<!DOCTYPE html><title>x</title><table>{cells}</table>".encode())
    assert (200, 1) == (reading.evidence.matched, reading.evidence.foreign)


@pytest.mark.parametrize(
    "text",
    [
        # Something stands between the records, which may be a record of others.
        '[{"id":"%s"},"elsewhere1",{"id":"%s"},{"id":"%s"}]',
        '{"owner":"elsewhere1","rows":[{"id":"%s"},{"id":"%s"},{"id":"%s"}]}',
        '{"first":[{"id":"%s"},{"id":"%s"}],"x":"elsewhere1","next":[{"id":"%s"}]}',
        "<r><a>%s</a><a>%s</a><b>elsewhere1</b><a>%s</a></r>",
        '<r><a>%s</a><a>%s</a><b c="elsewhere1"/><a>%s</a></r>',
        "<r><a>%s</a><a>%s</a><!-- elsewhere1 --><a>%s</a></r>",
        "<r>elsewhere1<a>%s</a><a>%s</a><a>%s</a></r>",
        # As above, but under the same name.
        "<r><a>%s</a><a>%s</a><a><a>elsewhere1</a></a><a>%s</a></r>",
    ],
)
def test_what_stands_beside_a_record_is_not_taken_for_it(text: str) -> None:
    reading = read((text % tuple(IDS[:3])).encode())
    assert reading.evidence.records == 3
    assert reading.foreign_records != 0


def test_a_record_of_many_kilobytes_may_be_several() -> None:
    """A list in a record, in which others might be named."""
    rows = [{"id": IDS[n], "met": [f"elsewhere{m}" for m in range(600)]} for n in range(3)]
    assert read(json.dumps(rows).encode()).foreign_records is None


@pytest.mark.parametrize(
    "data",
    [b"<" + b"a" * 900_000, b"<a><!--" * 130_000, b"<a " * 300_000, b"[" * 900_000,
     b'[{"' + b" " * 900_000, b'{"a":[{}],' * 90_000, b"[[]" + b" " * 900_000, b"[{},[" * 180_000,
     b'{"a":{"b":1},"c":' * 50_000, b"<a></a>" + b"<!-- -->" * 100_000 + b"x",
     b'[{"a":1},{"a":1' + b'\\"' * 400_000],
)  # fmt: skip
def test_what_is_made_to_be_slow_is_not(data: bytes) -> None:
    """Each took minutes, were a pattern tried anew from every place."""
    reading = read(data + b"\n" + IDS[3].encode() + b"\n")
    assert reading.evidence.records == 1


_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('a{}[]",:\\\n é<>'), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab{"', max_size=2), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(_VALUE, min_size=2, max_size=6), st.sampled_from([None, 0, 2]), st.integers(1, 50))
def test_whatever_is_in_the_records_of_a_list(
    values: list[Any], indent: int | None, step: int
) -> None:
    rows = [{"id": IDS[n], "value": value} for n, value in enumerate(values)]
    reading = read(json.dumps(rows, indent=indent, ensure_ascii=False).encode(), step=step)
    assert (len(rows), 0) == (reading.evidence.matched, reading.foreign_records)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b'[{"', b"[[", b"<a>", b'{"a":[{']))
def test_nothing_is_lost_of_what_only_begins_so(data: bytes, head: bytes) -> None:
    id_ = b"\n" + IDS[3].encode() + b"\n"
    reading = read(head + data + id_)
    assert reading.evidence.records == 1
